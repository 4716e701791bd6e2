"""The console's page of what waits for somebody's answer. Where it is given, the wizard asks."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from fleet.accounts.menu import administers
from fleet.accounts.middleware import by_of
from fleet.web.requests import page_of
from resets.approvals.forms import ApprovalFilters


@login_required
@require_safe
def approvals(request: HttpRequest) -> HttpResponse:
    """What waits for whoever looks, what ends first at the top."""
    by = by_of(request)
    form = ApprovalFilters(by.actor, request.GET)
    page = page_of(request, form.found())
    facts = {
        "title": "Approvals",
        "filter_form": form,
        "page": page,
        "administers": administers(request),
    }
    return render(request, "resets/approvals/approvals.html", facts)


urlpatterns = [path("approvals/", approvals, name="approvals")]
