"""The pages of a campaign's codes: the mailboxes, one of them, and the page of a mailbox's owner.

Each view makes one call of the domain; what may be done and what is refused is decided there.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from csp.decorators import csp_replace
from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from devices.filters import ids_in
from fleet.accounts.middleware import by_of, source_of
from fleet.errors import RekeyError
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Actor
from fleet.web.answers import kept_nowhere, loaded_anew
from fleet.web.command_forms import attempt, form_of, ordered
from fleet.web.live import live_part
from fleet.web.middleware import status_of
from fleet.web.requests import page_of, require_safe_or_POST
from resets.campaigns import codes_owner, codes_queries, queries
from resets.campaigns.codes_page import SHOWN, Mailbox, OwnersPage
from resets.campaigns.steps.codes import EnterCampaignCode, SendCampaignCode
from resets.phone import guesses
from resets.phone.web import ALONE, WRONG


@login_required
@require_safe
def campaign_codes(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The mailboxes of a campaign: those whose code is waited for first."""
    actor = by_of(request).actor
    campaign = queries.campaign(actor, pk)
    page = page_of(request, codes_queries.codes(actor, pk))
    facts = {
        "title": f"Codes of {campaign.name}",
        "campaign": campaign,
        "page": page,
        "mailboxes": _mailboxes(actor, campaign, list(page)),
        "summary": codes_queries.summary(actor, pk),
    }
    return render(request, "resets/campaigns/codes_list.html", facts)


@login_required
@require_safe_or_POST
def campaign_mailbox(request: HttpRequest, pk: UUID, codes: UUID) -> HttpResponse:
    """One mailbox: what is known of its mail, and the code, which POST enters."""
    by, form, status = by_of(request), form_of(EnterCampaignCode), HTTPStatus.OK
    codes_queries.codes_of(by.actor, pk, codes)
    if request.method == "POST":
        form = form_of(EnterCampaignCode, request.POST)
        _, status = attempt(form, lambda: handle(ordered(EnterCampaignCode, form), codes, by))
        if status is HTTPStatus.CREATED:
            return redirect("campaign-mailbox", pk, codes)
    return _mailbox_page(request, pk, codes, form, status)


@login_required
@require_POST
def send_campaign_code(request: HttpRequest, pk: UUID, codes: UUID) -> HttpResponse:
    """Have the code mailed, for the first time or again."""
    by, form = by_of(request), form_of(SendCampaignCode, request.POST)
    codes_queries.codes_of(by.actor, pk, codes)
    _, status = attempt(form, lambda: handle(SendCampaignCode(), codes, by))
    if status is HTTPStatus.CREATED:
        return redirect("campaign-mailbox", pk, codes)
    return _mailbox_page(request, pk, codes, form, status)


@login_required
@require_safe
def campaign_mailbox_live(request: HttpRequest, pk: UUID, codes: UUID) -> HttpResponse:
    """What moves on that page by itself. When another thing is asked by now, all of it comes."""
    one = _mailbox(by_of(request).actor, pk, codes)
    if request.GET.get("on") != one.standing:
        return loaded_anew()
    news = request.GET.get("seen", "").split(".")[0] != str(one.row.version)
    context = {"one": one, "anew": True, "news": news}
    part = "resets/campaigns/codes_live.html"
    return live_part(request, part, one.version, lambda: context)


def _mailbox_page(
    request: HttpRequest, pk: UUID, codes: UUID, form: forms.Form, status: HTTPStatus
) -> HttpResponse:
    actor = by_of(request).actor
    one = _mailbox(actor, pk, codes)
    items = queries.items(actor, pk).filter(mailbox=one.state.mailbox)
    code_form = form if "code" in form.fields else form_of(EnterCampaignCode)
    facts = {
        "title": one.name,
        "one": one,
        "version": one.version,
        "form": form,
        "code_form": code_form,
        "items": codes_queries.shown(items[:SHOWN]),
        "unlisted": max(0, one.devices - SHOWN),
    }
    page = render(request, "resets/campaigns/codes_mailbox.html", facts, status=status)
    return kept_nowhere(page)


def _mailbox(actor: Actor, pk: UUID, codes: UUID) -> Mailbox:
    row = codes_queries.codes_of(actor, pk, codes)
    [one] = _mailboxes(actor, queries.campaign(actor, pk), [row])
    return one


def _mailboxes(actor: Actor, campaign: Any, rows: list[Any]) -> list[Mailbox]:
    counts = codes_queries.counts(campaign.pk, [row.mailbox for row in rows])
    states = codes_queries.states([row.pk for row in rows])
    now, zone = timezone.now(), codes_queries.zone_of(campaign)
    return [
        Mailbox(actor, campaign, row, states[row.pk], counts.get(row.mailbox, {}), now, zone)
        for row in rows
    ]


# --- the owner of the mailbox, who is not signed in -----------------------------------------------


@csp_replace(ALONE)
@require_safe_or_POST
def your_devices(request: HttpRequest) -> HttpResponse:
    """Where a campaign's mail leads: the devices of its mailbox, and how to take them out.

    GET: a page whose script takes the token out of its own address and posts it; so that to open
    it, or to fetch it beforehand, does nothing.
    """
    facts: dict[str, Any] = {"title": "Your devices in a campaign"}
    status = HTTPStatus.OK
    if request.method == "POST":
        try:
            facts["holder"] = _owners_page(request)
        except RekeyError as error:
            facts["error"], status = error, status_of(error)
    response = render(request, "resets/campaigns/codes_owner.html", facts, status=status)
    return kept_nowhere(response)


def _owners_page(request: HttpRequest) -> OwnersPage:
    token, source, do = request.POST.get("token", ""), source_of(request), request.POST.get("do")
    number = request.POST.get("page", "1")
    guesses.refuse_too_many(source)
    try:
        if do == "disown":
            return OwnersPage(codes_owner.disown(token, source), token, number, disowned_now=True)
        taken = None
        if do == "all":
            taken = codes_owner.take_out_all(token, source)
        elif do == "some":
            taken = codes_owner.take_out(token, source, ids_in(request.POST, "item"))
        return OwnersPage(codes_owner.look(token), token, number, taken)
    except RekeyError as error:
        if error.code in WRONG:
            guesses.count(source)
        raise


_CODES = "campaigns/<uuid:pk>/codes/"
urlpatterns = [
    path(_CODES, campaign_codes, name="campaign-codes"),
    path(f"{_CODES}<uuid:codes>/", campaign_mailbox, name="campaign-mailbox"),
    path(f"{_CODES}<uuid:codes>/live/", campaign_mailbox_live, name="campaign-mailbox-live"),
    path(f"{_CODES}<uuid:codes>/send/", send_campaign_code, name="send-campaign-code"),
    path("your-devices/", your_devices, name="your-devices"),
]
