"""The pages of the phone and of the mail, for whoever holds a token; and the console's QRs.

Each view makes one call of the domain; what may be done and what is refused is decided there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from csp.constants import NONE, SELF
from csp.decorators import csp_replace
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from devices.filters import ids_in
from fleet.accounts.access import require
from fleet.accounts.middleware import by_of, source_of
from fleet.accounts.state import Role
from fleet.errors import NotFound, RekeyError
from fleet.eventstore.messages import By
from fleet.web.answers import as_file, kept_nowhere
from fleet.web.middleware import status_of
from fleet.web.requests import require_safe_or_POST
from resets import queries
from resets.filters import ResetFilters
from resets.phone import addresses, deeds, drawing, guesses
from resets.phone.page import Card, Holder
from resets.phone.queries import Held, is_own, shown
from resets.state import Phase
from resets.steps.show_qr import ShowQr

# Nobody is signed in on these pages: they need nothing but a stylesheet and one script.
ALONE = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF],
    "font-src": [SELF],
    "img-src": [SELF],
    "form-action": [SELF],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
}
WRONG = ("qr_wrong", "not_me_wrong")


@dataclass(frozen=True)
class Door:
    """A page that a token opens: what it shows of it, and what its button does."""

    template: str
    title: str
    look: Callable[[str], Held]
    do: Callable[[str, str], Held]


PHONE = Door("resets/phone/phone.html", "Send the code", deeds.look, deeds.send)
NOT_ME = Door("resets/phone/not_me.html", "This was not me", deeds.look_at_mail, deeds.disown)


@csp_replace(ALONE)
@require_safe_or_POST
def phone(request: HttpRequest) -> HttpResponse:
    """Where a QR leads: what it is for, and the button that sends the code."""
    return _opened(request, PHONE)


@csp_replace(ALONE)
@require_safe_or_POST
def not_me(request: HttpRequest) -> HttpResponse:
    """Where a mail leads: what it was about, and the button that stops the reset."""
    return _opened(request, NOT_ME)


def _opened(request: HttpRequest, door: Door) -> HttpResponse:
    """GET: a page whose script takes the token out of its own address and posts it; so that to
    open it, or to fetch it beforehand, does nothing. POST: what the token opens, and with its
    button, what it does.
    """
    facts: dict[str, Any] = {"title": door.title}
    status = HTTPStatus.OK
    if request.method == "POST":
        token, source = request.POST.get("token", ""), source_of(request)
        act = "do" in request.POST
        try:
            facts["holder"] = Holder(_guarded(door, token, source, act), token, done=act)
        except RekeyError as error:
            facts["error"], status = error, status_of(error)
            if "retry_after" in error.facts:
                status = HTTPStatus.TOO_MANY_REQUESTS
                facts["token"] = token
    response = render(request, door.template, facts, status=status)
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        response["Retry-After"] = str(facts["error"].facts["retry_after"])
    return kept_nowhere(response)


def _guarded(door: Door, token: str, source: str, act: bool) -> Held:
    guesses.refuse_too_many(source)
    try:
        return door.do(token, source) if act else door.look(token)
    except RekeyError as error:
        if error.code in WRONG:
            guesses.count(source)
        raise


# --- the console ----------------------------------------------------------------------------------


@login_required
@require_safe
def qr_png(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The QR that the reader shows, as an image to send on. It is not shown anew by this."""
    actor = by_of(request).actor
    standing = queries.standing(actor, pk)
    state = standing.state
    if not (state.qr_is_live(standing.now) and is_own(state, actor)):
        raise NotFound("reset")
    require(actor, Role(ShowQr.by), state.organisation, state.site, "reset")
    name = slugify(state.device_name) or "device"
    response = HttpResponse(drawing.png(addresses.of_qr(state)), content_type="image/png")
    return as_file(response, f"qr-{name}.png")


@login_required
@require_safe_or_POST
def qr_sheet(request: HttpRequest) -> HttpResponse:
    """POST: show a QR for each reset that was ticked, or that fits the list's filters. GET: those
    of them that the reader shows, to be printed; to load it again shows no new ones.
    """
    by = by_of(request)
    if request.method == "POST":
        ids = _chosen(request, by)
        if not ids:
            messages.warning(request, "None of these resets waits for a code.")
            return redirect("resets")
        deeds.show_all(ids, by)
        return redirect(f"{reverse('qr-sheet')}?{urlencode({'reset': ids}, doseq=True)}")
    ids = ids_in(request.GET, "reset")[: deeds.MOST_AT_ONCE]
    found = shown(by.actor, ids)
    if not found:
        return redirect("resets")
    cards = [Card(one) for one in found]
    facts = {
        "title": "QR sheet",
        "cards": [card for card in cards if card.is_live],
        "without": [card for card in cards if not card.is_live],
    }
    return kept_nowhere(render(request, "resets/phone/sheet.html", facts))


def _chosen(request: HttpRequest, by: By) -> list[UUID]:
    """Raises NotFound when one of them is nothing that may be seen, Forbidden when one of them is
    only to be looked at.
    """
    if "filters" in request.POST:
        rows = ResetFilters(by.actor, QueryDict(request.POST["filters"])).found()
        rows = rows.filter(phase__in=[Phase.REQUESTED, Phase.CODE_SENT])[: deeds.MOST_AT_ONCE]
        chosen = list(rows)
    else:
        ids = ids_in(request.POST, "reset")[: deeds.MOST_AT_ONCE]
        chosen = list(queries.resets(by.actor).filter(pk__in=ids))
        if len(chosen) != len(ids):
            raise NotFound("reset")
    for row in chosen:
        require(by.actor, Role(ShowQr.by), row.organisation, row.site, "reset")
    return [row.pk for row in chosen]


urlpatterns = [
    path("phone/", phone, name="phone"),
    path("not-me/", not_me, name="not-me"),
    path("resets/qr-sheet/", qr_sheet, name="qr-sheet"),
    path("resets/<uuid:pk>/qr.png", qr_png, name="qr-png"),
]
