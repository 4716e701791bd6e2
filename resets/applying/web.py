"""The order as a file, to be carried to the device."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from fleet.eventstore.messages import By
from resets.applying.orders import order_paper


@login_required
@require_safe
def order(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The newest order of a reset; it shows neither the password nor the code."""
    by: By = request.by  # type: ignore[attr-defined]
    paper = order_paper(by.actor, pk)
    response = HttpResponse(paper.text(), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="order-{paper.number}.json"'
    response["Cache-Control"] = "no-store"
    return response


urlpatterns = [path("resets/<uuid:pk>/order.json", order, name="reset-order")]
