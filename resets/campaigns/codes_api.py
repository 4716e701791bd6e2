"""Calls for a campaign's codes: the mailboxes, send one its code, and enter it."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict
from uuid import UUID

from django.urls import path
from msgspec import Meta
from rest_framework.response import Response

from devices.queries import mailbox_shown
from fleet.api.calls import ApiView, Values, call, only
from fleet.api.fields import Fields, Time
from fleet.api.pages import Pages
from fleet.eventstore.handling import handle
from resets.campaigns import codes_queries
from resets.campaigns.steps.codes import EnterCampaignCode, SendCampaignCode
from resets.state import Delivery


class CampaignCodes(TypedDict):
    """One mailbox of a campaign: one code for all its devices."""

    id: UUID
    campaign: UUID
    organisation: UUID
    site: Annotated[UUID | None, Meta(description="Null: the campaign is for several.")]
    mailbox: Annotated[str, Meta(description="Most of it hidden for viewers.")]
    devices: Annotated[int, Meta(description="Of the campaign, with this mailbox.")]
    waiting: Annotated[int, Meta(description="Of those, devices that have not begun.")]
    verified: Annotated[bool, Meta(description="Whether its code was entered: they may begin.")]
    disowned: Annotated[
        bool, Meta(description="Whether its owner said that it was not them: none begins.")
    ]
    sends: Annotated[int, Meta(description="Codes sent so far.")]
    sent_at: Time | None
    code_expires_at: Time | None
    tries_left: int
    may_send_from: Annotated[Time | None, Meta(description="When a code may be sent again.")]
    delivery: Delivery
    answer: Annotated[str, Meta(description="What the mail server or service said.")]
    changed_at: Time


_COUNTED = ("devices", "waiting", "may_send_from")
COLUMNS = tuple(name for name in CampaignCodes.__annotations__ if name not in _COUNTED)


class CampaignCodesFilters(Pages, total=False):
    verified: Annotated[bool, Meta(description="Whether the code was entered.")]


class CampaignCodesView(ApiView):
    @call(answer=CampaignCodes, many=True, query=CampaignCodesFilters)
    def get(self, asked: Values, campaign_id: UUID) -> Response:
        """List the mailboxes of a campaign, and how their codes stand."""
        seen = codes_queries.codes(self.actor, campaign_id)
        rows = seen if asked["verified"] is None else seen.filter(verified=asked["verified"])
        page = self.page(asked, rows.values(*COLUMNS), ["mailbox", "id"], seen)
        page.data["results"] = _told(self, campaign_id, page.data["results"])
        return page


class CampaignMailboxView(ApiView):
    @call(answer=CampaignCodes)
    def get(self, asked: Values, campaign_id: UUID, codes_id: UUID) -> Response:
        """Show one mailbox of a campaign."""
        return Response(_one(self, campaign_id, codes_id))


class SendCampaignCodeView(ApiView):
    @call(answer=CampaignCodes, body=Fields.asked_by(SendCampaignCode))
    def post(self, asked: Values, campaign_id: UUID, codes_id: UUID) -> Response:
        """Mail one code for all devices of the campaign that have this Reset Password Email."""
        codes_queries.codes_of(self.actor, campaign_id, codes_id)
        handle(SendCampaignCode(), codes_id, self.by)
        return Response(_one(self, campaign_id, codes_id))


class EnterCampaignCodeView(ApiView):
    @call(answer=CampaignCodes, body=Fields.asked_by(EnterCampaignCode))
    def post(self, asked: Values, campaign_id: UUID, codes_id: UUID) -> Response:
        """Enter the code: it counts for all devices of this mailbox. Only who had it sent may."""
        codes_queries.codes_of(self.actor, campaign_id, codes_id)
        handle(EnterCampaignCode(**asked), codes_id, self.by)
        return Response(_one(self, campaign_id, codes_id))


def _one(view: ApiView, campaign_id: UUID, codes_id: UUID) -> dict[str, Any]:
    rows = codes_queries.codes(view.actor, campaign_id).values(*COLUMNS)
    [told] = _told(view, campaign_id, [only(rows, codes_id, "campaign_codes")])
    return told


def _told(view: ApiView, campaign_id: UUID, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    counts = codes_queries.counts(campaign_id, [row["mailbox"] for row in rows])
    states = codes_queries.states([row["id"] for row in rows])
    nothing = {"devices": 0, "waiting": 0}
    return [
        row
        | counts.get(row["mailbox"], nothing)
        | {
            "may_send_from": states[row["id"]].may_send_from,
            "mailbox": mailbox_shown(view.actor, row["mailbox"], row["organisation"], row["site"]),
        }
        for row in rows
    ]


_CODES = "campaigns/<uuid:campaign_id>/codes/"
urlpatterns = [
    path(_CODES, CampaignCodesView.as_view(), name="api-campaign-codes"),
    path(f"{_CODES}<uuid:codes_id>/", CampaignMailboxView.as_view(), name="api-campaign-mailbox"),
    path(
        f"{_CODES}<uuid:codes_id>/send/",
        SendCampaignCodeView.as_view(),
        name="api-campaign-code-send",
    ),
    path(
        f"{_CODES}<uuid:codes_id>/enter/",
        EnterCampaignCodeView.as_view(),
        name="api-campaign-code-enter",
    ),
]
