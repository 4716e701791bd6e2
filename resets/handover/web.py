"""The console's pages of handing over: who just signed in is asked why, and gets the file."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from allauth.core.exceptions import ReauthenticationRequired
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse

from devices.bulk_web import NOTHING_TICKED, Chosen
from devices.filters import ids_in
from fleet.accounts.middleware import by_of
from fleet.accounts.sign_in import signed_in_just_now
from fleet.web.answers import as_file, kept_nowhere
from fleet.web.command_forms import attempt
from fleet.web.requests import require_safe_or_POST
from resets.campaigns import queries as campaigns
from resets.handover import queries
from resets.handover.forms import AskHandover
from resets.handover.handing import Handed, Wish, hand_over_campaign, hand_over_devices

ONCE = "handover_once"  # in the session: what the form that is shown now may be sent with
Give = Callable[[Wish], Handed]


@login_required
@require_safe_or_POST
def of_campaign(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The passwords of the devices that a campaign has proven."""
    by = by_of(request)
    rows = queries.of_campaign(by.actor, pk)
    found = campaigns.campaigns(by.actor).filter(pk=pk).first()
    facts = {"campaign": found, "back": reverse("campaign", args=[pk])}
    return _asked(request, rows, lambda wish: hand_over_campaign(pk, wish, by), facts)


@login_required
@require_safe_or_POST
def of_devices(request: HttpRequest) -> HttpResponse:
    """The passwords of the devices that the address names, or that were ticked in the list."""
    by = by_of(request)
    if ticked := ids_in(request.POST):
        queries.chosen(by.actor, ticked)
        asked = urlencode({"device": [str(pk) for pk in ticked]}, doseq=True)
        return redirect(f"{request.path}?{asked}")
    ids = ids_in(request.GET)
    if not ids:
        messages.warning(request, NOTHING_TICKED)
        return redirect("devices")
    rows = queries.chosen(by.actor, ids)
    facts = {"back": reverse("devices")}
    return _asked(request, rows, lambda wish: hand_over_devices(ids, wish, by), facts)


def _asked(
    request: HttpRequest, rows: Sequence[Any], give: Give, facts: dict[str, Any]
) -> HttpResponse:
    """The page that asks, or the file."""
    here = request.get_full_path()
    if not signed_in_just_now(request):
        if request.method == "POST":
            return redirect(here)  # signs in first, and is asked again
        raise ReauthenticationRequired
    form, status = AskHandover(), HTTPStatus.OK
    if request.method == "POST":
        if request.session.pop(ONCE, "") != request.POST.get("once"):
            return redirect(here)  # a page that was reloaded: the reason is asked again
        form = AskHandover(request.POST)
        handed, status = attempt(form, lambda: give(form.wish()))
        if handed is not None:
            return _file(handed)
    chosen = Chosen([row.pk for row in rows], list(rows))
    facts |= {
        "title": "Take passwords along",
        "chosen": chosen,
        "form": form,
        "once": request.session.setdefault(ONCE, secrets.token_urlsafe(16)),
    }
    return kept_nowhere(render(request, "resets/handover/ask.html", facts, status=status))


def _file(handed: Handed) -> HttpResponse:
    response = HttpResponse(handed.content, content_type="application/octet-stream")
    return as_file(response, handed.name)


urlpatterns = [
    path("campaigns/<uuid:pk>/hand-over/", of_campaign, name="hand-over-campaign"),
    path("hand-over/", of_devices, name="hand-over"),
]
