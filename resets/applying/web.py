"""The order as a file, to be carried to the device."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from fleet.accounts.middleware import by_of
from fleet.web.answers import as_file
from resets.applying.orders import order_paper


@login_required
@require_safe
def order(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The newest order of a reset; it shows neither the password nor the code."""
    by = by_of(request)
    paper = order_paper(by.actor, pk)
    response = HttpResponse(paper.text(), content_type="application/json")
    return as_file(response, f"order-{paper.number}.json")


urlpatterns = [path("resets/<uuid:pk>/order.json", order, name="reset-order")]
