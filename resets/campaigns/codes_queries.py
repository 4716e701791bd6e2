"""What pages, calls and mails ask about the codes of a campaign."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from devices.models import Site
from devices.queries import one
from fleet.accounts.access import holding
from fleet.accounts.state import Role
from fleet.eventstore.messages import Actor
from fleet.eventstore.store import load
from resets.campaigns import queries
from resets.campaigns.models import CampaignCodes, CampaignItem
from resets.campaigns.state import CampaignPhase, CampaignState, CodesState, Kind, Standing
from resets.campaigns.words import STANDINGS, why
from resets.state import FAILED

NOT_BEGUN = (Standing.WAITING.value, Standing.PARKED.value)
TAKES_CODES = (CampaignPhase.RUNNING, CampaignPhase.PAUSED)
SHOWN = 10  # campaigns on the dashboard


def codes(actor: Actor, campaign: UUID) -> QuerySet[CampaignCodes]:
    """The mailboxes of a campaign that may be seen: those that wait for something first. Raises
    NotFound for a campaign that may not be seen itself.
    """
    queries.campaign(actor, campaign)
    return queries.codes(actor, campaign).order_by("verified", "mailbox", "id")


def codes_of(actor: Actor, campaign: UUID, codes_id: UUID) -> CampaignCodes:
    return one(codes(actor, campaign), codes_id, "campaign_codes")


def counts(campaign: UUID, mailboxes: Iterable[str]) -> dict[str, dict[str, int]]:
    """Of each mailbox: how many devices it has in the campaign, and how many wait for its code."""
    rows = CampaignItem.objects.for_jobs().filter(campaign=campaign, mailbox__in=list(mailboxes))
    waiting = Count("pk", filter=Q(standing__in=NOT_BEGUN))
    found = rows.values_list("mailbox").annotate(devices=Count("pk"), waiting=waiting)
    return {mailbox: {"devices": n, "waiting": waits} for mailbox, n, waits in found}


def items_of(campaign: UUID, mailbox: str) -> QuerySet[CampaignItem]:
    """The devices of a mailbox in a campaign, for whoever reads that mailbox."""
    rows: QuerySet[CampaignItem] = CampaignItem.objects.for_jobs().filter(campaign=campaign)
    return rows.filter(mailbox=mailbox).order_by("number", "id")


def not_begun(campaign: UUID, mailbox: str) -> QuerySet[CampaignItem]:
    """Those that the campaign has not begun."""
    return items_of(campaign, mailbox).filter(standing__in=NOT_BEGUN)


def site_names(ids: Iterable[UUID | None]) -> dict[UUID, str]:
    rows = Site.objects.for_jobs().filter(pk__in={i for i in ids if i})
    return dict(rows.values_list("pk", "name"))


def zone_of(campaign: CampaignState | Any) -> tzinfo:
    """The time zone of a campaign's site; UTC for one that goes over several."""
    site = Site.objects.for_jobs().filter(pk=campaign.site).first() if campaign.site else None
    return ZoneInfo(site.timezone if site else "UTC")


def states(ids: Iterable[UUID]) -> dict[UUID, CodesState]:
    """How the codes of some mailboxes stand; whoever asks has been shown their rows."""
    found = load(dict.fromkeys(ids, CodesState))
    return {pk: one.state for pk, one in found.items() if isinstance(one.state, CodesState)}


@dataclass(frozen=True)
class Summary:
    """How far the codes of a campaign are: its mailboxes, and the devices that wait for a code."""

    mailboxes: int
    verified: int
    disowned: int
    devices: int


def summary(actor: Actor, campaign: UUID) -> Summary:
    rows = queries.codes(actor, campaign)
    told = rows.order_by().aggregate(
        mailboxes=Count("pk"),
        verified=Count("pk", filter=Q(verified=True)),
        disowned=Count("pk", filter=Q(disowned=True)),
    )
    open_ones = rows.filter(verified=False, disowned=False).order_by().values("mailbox")
    waiting = CampaignItem.objects.for_jobs().filter(campaign=campaign, standing__in=NOT_BEGUN)
    return Summary(**told, devices=waiting.filter(mailbox__in=open_ones).count())


def shown(items: Iterable[CampaignItem]) -> list[dict[str, Any]]:
    """Devices of a campaign as a page lists them."""
    some = list(items)
    names = site_names(item.site for item in some)
    return [
        {
            "device": item.device_id,
            "name": item.device_name,
            "site": names.get(item.site, "") if item.site else "",
            "look": STANDINGS[Standing(item.standing)],
            "why": why(item.standing, item.why),
        }
        for item in some
    ]


def campaigns_waiting(actor: Actor) -> list[dict[str, Any]]:
    """The newest campaigns under way with devices that wait for a code, where this one may send and
    type it: each with the number of those mailboxes, and of their mails that failed.
    """
    under_way = queries.campaigns(holding(actor, Role.TECHNICIAN)).filter(
        open=True, kind=Kind.RESET.value, phase__in=[phase.value for phase in TAKES_CODES]
    )
    devices = CampaignItem.objects.for_jobs().filter(
        campaign=OuterRef("campaign"), mailbox=OuterRef("mailbox"), standing__in=NOT_BEGUN
    )
    missing = CampaignCodes.objects.for_jobs().filter(Exists(devices), verified=False)
    rows = missing.filter(campaign__in=under_way.values("pk"), disowned=False)
    lost = Count("pk", filter=Q(delivery__in=[delivery.value for delivery in FAILED]))
    counted = rows.values("campaign", "campaign__name").annotate(mailboxes=Count("pk"), failed=lost)
    return [
        {
            "campaign": row["campaign"],
            "name": row["campaign__name"],
            "mailboxes": row["mailboxes"],
            "failed": row["failed"],
        }
        for row in counted.order_by("-campaign")[:SHOWN]
    ]
