"""Calls for campaigns: plan one, look at what would happen, agree to it, and steer it.

The steps of a campaign and of its devices come from the contents page: each has its call by itself.

Webhooks will carry these events of a campaign, whose id is their stream:
`resets.campaign_planned`, `resets.campaign_plan_sealed` (its dry run is done: it waits for a second
person), `resets.campaign_is_empty`, `resets.campaign_approved`, `resets.campaign_declined`,
`resets.campaign_paused` (also when it stopped itself), `resets.campaign_resumed`,
`resets.campaign_pace_set`, `resets.campaign_cancelled`, `resets.campaign_over`,
`resets.campaign_reopened` and `resets.campaign_ended` (with its counts). Of single devices:
`resets.item_parked`, `resets.item_ended` and `resets.item_left_out`; their subject is the device.
None of them holds a password, a code or a whole mailbox.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

import msgspec
from django.db.models import F, QuerySet
from django.urls import path
from msgspec import Meta
from rest_framework.response import Response

from devices.queries import mailbox_shown
from devices.state import Kind as DeviceKind
from devices.status import Status
from fleet.api.calls import ApiView, Values, call, created, only
from fleet.api.fields import Fields, Time, text
from fleet.api.pages import Pages
from fleet.api.steps import Step, step_patterns, steps_shown
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Actor
from resets.campaigns import deeds, queries, tallies
from resets.campaigns.remarks import Remarks
from resets.campaigns.settings import BOUNDS, Settings, Window
from resets.campaigns.state import Kind as CampaignKind
from resets.campaigns.state import Selection, Standing
from resets.campaigns.steps.plan_campaign import MOST_DEVICES, PlanCampaign

_Kind = Literal["reset", "rotation"]
_Phase = Literal["drawing_up", "awaiting_approval", "running", "paused", "ending", "ended"]
_Standing = Literal["waiting", "running", "parked", "proven", "unproven", "failed", "left_out"]
# The domain's own bounds are narrower, and say what to do instead.
_Whole = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]


def _number(name: str, about: str) -> Any:
    least, most = BOUNDS[name]
    return Annotated[_Whole, Meta(description=f"{about} {least} to {most}.")]


def _text(about: str, max_length: int = 200) -> Any:
    pattern = r"^[^\u0000]*$"
    return Annotated[str, Meta(description=about, max_length=max_length, pattern=pattern)]


class CampaignSelection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which devices of the place; what is left out narrows nothing down."""

    text: _text("Each word has to stand in the name, the address, the model, …") = ""  # type: ignore[valid-type]
    kind: DeviceKind | None = None
    status: Status | None = None
    nvr: Annotated[UUID | None, Meta(description="The cameras of this NVR.")] = None
    model: _text("Exactly this model.") = ""  # type: ignore[valid-type]
    older_than: Annotated[
        _Whole | None,
        Meta(description="Days since the password was set, or never by Rekey. 0 to 3650."),
    ] = None
    devices: Annotated[tuple[UUID, ...], Meta(max_length=MOST_DEVICES)] = ()


class CampaignWindow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When devices may be begun, in the zone of their site. Without days: at any time. One that
    closes before it opens goes past midnight.
    """

    days: Annotated[
        tuple[_Whole, ...],
        Meta(max_length=7, description="0, Monday, to 6, Sunday."),
    ] = ()
    opens: _text("As in 02:00.", 5) = "00:00"  # type: ignore[valid-type]
    closes: _text("As in 05:00.", 5) = "00:00"  # type: ignore[valid-type]


class CampaignSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a campaign goes about its devices."""

    canary: _number("canary", "Devices of the first ring, one of each model first.") = 3  # type: ignore[valid-type]
    wave: _number("wave", "Devices of each ring after it; 0: all.") = 0  # type: ignore[valid-type]
    at_once: _number("at_once", "Devices in work at one time, for each site.") = 20  # type: ignore[valid-type]
    pace: _number("pace", "Devices begun a minute; 0: as fast as it goes.") = 0  # type: ignore[valid-type]
    one_per_nvr: bool = False
    stop_share: _number("stop_share", "Stops itself when so many percent failed; 0: never.") = 10  # type: ignore[valid-type]
    window: CampaignWindow = CampaignWindow()
    one_password: Annotated[
        bool,
        Meta(
            description="One password for all devices of a site, where its rules allow it: whoever "
            "learns it from one device opens all of them."
        ),
    ] = False


class Campaign(TypedDict):
    """Many resets or rotations under one approval."""

    id: UUID
    organisation: UUID
    site: Annotated[UUID | None, Meta(description="Null: all sites of the organisation.")]
    kind: _Kind
    name: str
    reason: str
    phase: _Phase
    open: Annotated[bool, Meta(description="Whether anything is still to come.")]
    why: Annotated[str, Meta(description="Why it is paused, or why it ended; else empty.")]
    planner: str
    approver: str
    schedule: Annotated[UUID | None, Meta(description="The schedule that planned it.")]
    chosen: Annotated[int, Meta(description="Devices that the selection is for.")]
    planned: Annotated[int, Meta(description="Of those, devices that something can be done for.")]
    ends_at: Time
    began_at: Time | None
    ended_at: Time | None
    changed_at: Time


class StandingCounts(TypedDict):
    """How many devices stand where. Each stands in exactly one place."""

    waiting: int
    running: int
    parked: int
    proven: int
    unproven: int
    failed: int
    left_out: int


class CampaignShare(TypedDict):
    """The devices of one site or model, or with one reason. `key` is the site's id, the model, or
    the reason's code.
    """

    key: str
    name: str
    counts: StandingCounts


class CampaignFacts(Campaign):
    """All that is known of a campaign, and what may be done with it now."""

    selection: CampaignSelection
    settings: CampaignSettings
    digest: Annotated[
        str | None,
        Meta(
            description="Over the exact list and settings: what `approve-campaign` is sent with, "
            "by those who may agree; else null."
        ),
    ]
    counts: StandingCounts
    sites: list[CampaignShare]
    models: list[CampaignShare]
    reasons: list[CampaignShare]
    steps: list[Step]


class CampaignItem(TypedDict):
    """One device in one campaign."""

    id: UUID
    campaign: UUID
    number: Annotated[int, Meta(description="Its place in the list.")]
    ring: Annotated[int, Meta(description="0 is the canary ring.")]
    device: UUID
    device_name: str
    organisation: UUID
    site: UUID
    model: str
    nvr: UUID | None
    username: str
    method: Annotated[str, Meta(description="How the new password gets there; empty: in no way.")]
    mailbox: Annotated[str, Meta(description="Most of it hidden for viewers.")]
    forecast: Annotated[str, Meta(description="What the dry run found in the way; else empty.")]
    standing: _Standing
    why: Annotated[str, Meta(description="Why it stands there.")]
    remark: Annotated[
        Literal["", "nvr_by_hand"],
        Meta(
            description="What is left to do by hand once it has its password: to tell it to its "
            "NVR, where Rekey cannot; else empty."
        ),
    ]
    reset: Annotated[UUID | None, Meta(description="Its newest reset.")]
    attempt: int
    begun_at: Time | None
    ended_at: Time | None
    changed_at: Time


class Retried(TypedDict):
    """How many devices are tried once more."""

    devices: int


RENAMED = {"reason": F("about")}
COLUMNS = tuple(name for name in Campaign.__annotations__ if name not in RENAMED)
ITEM_COLUMNS = tuple(name for name in CampaignItem.__annotations__ if name != "remark")


class CampaignFilters(Pages, total=False):
    site: UUID
    kind: _Kind
    phase: _Phase
    open: Annotated[bool, Meta(description="Whether anything is still to come.")]
    q: text("A part of the name, the reason, or who planned it.")  # type: ignore[valid-type]


class ItemFilters(Pages, total=False):
    site: UUID
    standing: _Standing
    forecast: text("The code of what the dry run found in the way; `none`: nothing is.", 40)  # type: ignore[valid-type]
    q: text("A part of the device's name or model.")  # type: ignore[valid-type]


_ASKED = Fields.asked_by(PlanCampaign)
PLAN = Fields(
    "PlanCampaign",
    {
        "place": Annotated[
            UUID, Meta(description="A site, or the organisation for all its sites.")
        ],
        **_ASKED.kinds,
        "kind": _Kind,
        "ends_at": Time,
        "selection": CampaignSelection,
        "settings": CampaignSettings,
    },
    {"selection": CampaignSelection(), "settings": CampaignSettings()},
)


class CampaignsView(ApiView):
    @call(answer=Campaign, many=True, query=CampaignFilters)
    def get(self, asked: Values) -> Response:
        """List campaigns, the newest first."""
        seen = queries.campaigns(self.actor)
        wanted = {name: asked[name] for name in ("site", "kind", "phase", "open")}
        rows = queries.campaigns_narrowed(seen, text=asked["q"], **wanted)
        return self.page(asked, rows.values(*COLUMNS, **RENAMED), ["-id"], seen)

    @call(answer=CampaignFacts, status=201, body=PLAN)
    def post(self, asked: Values) -> Response:
        """Plan a campaign. Rekey draws up what would happen to each device, and changes nothing.

        Its phase is `drawing_up` until then, and `awaiting_approval` from then on.
        """
        campaign = new_id()
        plan = PlanCampaign(
            place_id=asked["place"],
            kind=CampaignKind(asked["kind"]),
            name=asked["name"],
            reason=asked["reason"],
            ends_at=asked["ends_at"],
            selection=Selection(**msgspec.structs.asdict(asked["selection"])),
            settings=settings_of(asked["settings"]),
        )
        handle(plan, campaign, self.by)
        return created(_facts(self, campaign), "api-campaign", campaign_id=campaign)


class CampaignView(ApiView):
    @call(answer=CampaignFacts)
    def get(self, asked: Values, campaign_id: UUID) -> Response:
        """Show a campaign: how it stands, and what may be done with it now."""
        return Response(_facts(self, campaign_id))


class CampaignItemsView(ApiView):
    @call(answer=CampaignItem, many=True, query=ItemFilters)
    def get(self, asked: Values, campaign_id: UUID) -> Response:
        """List the devices of a campaign in their order, with what happens to each and why not."""
        queries.refuse_unless_seen(self.actor, campaign_id)
        seen = queries.items(self.actor, campaign_id)
        wanted = {name: asked[name] for name in ("site", "standing", "forecast")}
        rows = queries.items_narrowed(seen, text=asked["q"], **wanted)
        page = self.page(asked, rows.values(*ITEM_COLUMNS), ["number", "id"], seen)
        page.data["results"] = _items_told(self.actor, campaign_id, page.data["results"])
        return page


class CampaignItemView(ApiView):
    @call(answer=CampaignItem)
    def get(self, asked: Values, campaign_id: UUID, item_id: UUID) -> Response:
        """Show one device of a campaign."""
        return Response(_item(self, campaign_id, item_id))


class RetryFailedView(ApiView):
    @call(answer=Retried, status=202)
    def post(self, asked: Values, campaign_id: UUID) -> Response:
        """Try all devices once more that failed, within the same approval."""
        return Response({"devices": deeds.retry_failed(campaign_id, self.by)}, 202)


def settings_of(asked: CampaignSettings) -> Settings:
    told = msgspec.structs.asdict(asked)
    return Settings(**(told | {"window": Window(**msgspec.structs.asdict(asked.window))}))


def _facts(view: ApiView, campaign_id: UUID) -> dict[str, Any]:
    actor = view.actor
    more = ("selection", "settings", "digest")
    rows = queries.campaigns(actor).values(*COLUMNS, *more, **RENAMED)
    row: dict[str, Any] = only(rows, campaign_id, "campaign")
    offered = queries.offered(actor, campaign_id)
    may_agree = any(command.slug == "approve-campaign" for command in offered)
    return row | {
        "digest": row["digest"] if may_agree else None,
        "counts": _counts(queries.standings(actor, campaign_id)),
        "sites": _shares(tallies.by_site(actor, campaign_id)),
        "models": _shares(tallies.by_model(actor, campaign_id)),
        "reasons": _shares(tallies.by_reason(actor, campaign_id)),
        "steps": steps_shown(offered, "api-campaign", campaign_id=campaign_id),
    }


def _shares(some: list[tallies.Tally]) -> list[dict[str, Any]]:
    return [{"key": str(t.key), "name": t.name, "counts": _counts(t.counts)} for t in some]


def _counts(counted: Any) -> dict[str, int]:
    return {standing.value: counted.get(standing.value, 0) for standing in Standing}


def _item(view: ApiView, campaign_id: UUID, item_id: UUID) -> dict[str, Any]:
    rows: QuerySet[Any, Any] = queries.items(view.actor, campaign_id).values(*ITEM_COLUMNS)
    [told] = _items_told(view.actor, campaign_id, [only(rows, item_id, "campaign_item")])
    return told


def _items_told(actor: Actor, campaign: UUID, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    remarks = Remarks(campaign, [row["nvr"] for row in rows])
    return [
        row
        | {
            "mailbox": mailbox_shown(actor, row["mailbox"], row["organisation"], row["site"]),
            "remark": remarks.of(row["nvr"], row["standing"]),
        }
        for row in rows
    ]


urlpatterns = [
    path("campaigns/", CampaignsView.as_view(), name="api-campaigns"),
    path("campaigns/<uuid:campaign_id>/", CampaignView.as_view(), name="api-campaign"),
    path(
        "campaigns/<uuid:campaign_id>/items/",
        CampaignItemsView.as_view(),
        name="api-campaign-items",
    ),
    path(
        "campaigns/<uuid:campaign_id>/items/<uuid:item_id>/",
        CampaignItemView.as_view(),
        name="api-campaign-item",
    ),
    path(
        "campaigns/<uuid:campaign_id>/retry-failed/",
        RetryFailedView.as_view(),
        name="api-campaign-retry-failed",
    ),
    *step_patterns(
        "campaigns/<uuid:campaign_id>/", "api-campaign", queries.steps(), CampaignFacts, _facts
    ),
    *step_patterns(
        "campaigns/<uuid:campaign_id>/items/<uuid:item_id>/",
        "api-campaign-item",
        queries.item_steps(),
        CampaignItem,
        _item,
        do=deeds.do,
    ),
]
