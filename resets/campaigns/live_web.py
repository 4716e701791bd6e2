"""The console's page of a campaign under way: it is watched here.

Nothing is decided here; what may be done about a campaign is in `control_web`.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_safe

from fleet.accounts.middleware import by_of
from fleet.web.live import live_part
from fleet.web.requests import page_of
from resets.campaigns.live_filters import ItemFilters
from resets.campaigns.live_lines import Lines
from resets.campaigns.live_page import LivePage

PER_PAGE = 50


@login_required
@require_safe
def campaign(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How a campaign gets on; before it was agreed to, its plan is shown."""
    page = LivePage.of(by_of(request).actor, pk, timezone.now())
    if page.is_before:
        return redirect("campaign-plan", pk)
    form = ItemFilters(page.actor, request.GET, page)
    facts = {
        "title": page.state.name,
        "page": page,
        "filter_form": form,
        "lines": _lines(request, page, form),
    }
    return render(request, "resets/campaigns/live_campaign.html", facts)


@login_required
@require_safe
def campaign_live(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What moves by itself: how many devices stand where, and what it waits for."""
    page = LivePage.of(by_of(request).actor, pk, timezone.now())

    def context() -> dict[str, Any]:
        return {"page": page, "anew": True, "news": request.GET.get("on") != page.on}

    return live_part(request, "resets/campaigns/live_update.html", page.version, context)


@login_required
@require_safe
def campaign_items(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The lines of the devices that are shown, as they stand now."""
    page = LivePage.of(by_of(request).actor, pk, timezone.now())
    lines = _lines(request, page, ItemFilters(page.actor, request.GET))

    def context() -> dict[str, Any]:
        request.GET = QueryDict(lines.query)  # the links of the head are those of the page
        return {"page": page, "lines": lines}

    return live_part(request, "resets/campaigns/live_rows.html", lines.version, context)


def _lines(request: HttpRequest, page: LivePage, form: ItemFilters) -> Lines:
    rows = page_of(request, form.found(page.state.id), PER_PAGE)
    return Lines(page, rows, request.GET)


urlpatterns = [
    path("campaigns/<uuid:pk>/", campaign, name="campaign"),
    path("campaigns/<uuid:pk>/live/", campaign_live, name="campaign-live"),
    path("campaigns/<uuid:pk>/devices/", campaign_items, name="campaign-items"),
]
