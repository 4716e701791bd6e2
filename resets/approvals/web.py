"""The console's page of what waits for somebody's answer. Where it is given, the wizard asks."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from fleet.accounts.menu import administers
from fleet.eventstore.messages import By
from resets.approvals.forms import ApprovalFilters

PER_PAGE = 50


@login_required
@require_safe
def approvals(request: HttpRequest) -> HttpResponse:
    """What waits for whoever looks, what ends first at the top."""
    by: By = request.by  # type: ignore[attr-defined]
    form = ApprovalFilters(by.actor, request.GET)
    page = Paginator(form.found(), PER_PAGE).get_page(request.GET.get("page"))
    facts = {
        "title": "Approvals",
        "filter_form": form,
        "page": page,
        "administers": administers(request),
    }
    return render(request, "resets/approvals/approvals.html", facts)


urlpatterns = [path("approvals/", approvals, name="approvals")]
