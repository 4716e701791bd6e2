"""What pages and calls ask about campaigns. Everything asks as somebody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from devices.queries import one
from fleet.accounts.access import holding, human, open_to, steps_of
from fleet.accounts.state import Role
from fleet.eventstore.messages import Actor, Command, S
from fleet.eventstore.store import state_of
from resets.campaigns.estimate import Share
from resets.campaigns.models import Campaign, CampaignCodes, CampaignItem
from resets.campaigns.selection import selected
from resets.campaigns.state import CampaignState, ItemState

OWN_WAYS = ("take-out-by-owner", "reopen-campaign")
"""By the owner of a mailbox alone, and with what is tried again (`deeds`)."""


def campaigns(actor: Actor) -> QuerySet[Campaign]:
    rows: QuerySet[Campaign] = Campaign.objects.visible_to(actor)
    return rows.order_by("-id")


def campaign(actor: Actor, campaign_id: UUID) -> Campaign:
    return one(campaigns(actor), campaign_id, "campaign")


def campaigns_narrowed(
    rows: QuerySet[Campaign], *, text: str | None = None, **wanted: Any
) -> QuerySet[Campaign]:
    """Those that are wanted; what is None narrows nothing down. Each word of the text has to stand
    in the name, the reason, or the planner's name.
    """
    for word in (text or "").split():
        found = Q(name__icontains=word) | Q(about__icontains=word) | Q(planner__icontains=word)
        rows = rows.filter(found)
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


def with_text(rows: QuerySet[Campaign], text: str) -> QuerySet[Campaign]:
    return campaigns_narrowed(rows, text=text)


def items_narrowed(
    rows: QuerySet[CampaignItem],
    *,
    text: str | None = None,
    site: UUID | None = None,
    standing: str | None = None,
    forecast: str | None = None,
) -> QuerySet[CampaignItem]:
    """Those that are wanted; what is None or "" narrows nothing down. The forecast `none`: what
    nothing is in the way of.
    """
    for word in (text or "").split():
        rows = rows.filter(Q(device_name__icontains=word) | Q(model__icontains=word))
    if forecast:
        rows = rows.filter(forecast="" if forecast == "none" else forecast)
    exact = {"site": site, "standing": standing}
    return rows.filter(**{name: value for name, value in exact.items() if value})


def items(actor: Actor, campaign_id: UUID) -> QuerySet[CampaignItem]:
    """The devices of a campaign that may be seen, also by who sees but one of its sites."""
    rows: QuerySet[CampaignItem] = CampaignItem.objects.visible_to(actor)
    return rows.filter(campaign=campaign_id).order_by("number", "id")


def item(actor: Actor, campaign_id: UUID, item_id: UUID) -> CampaignItem:
    return one(items(actor, campaign_id), item_id, "campaign_item")


def refuse_unless_seen(actor: Actor, campaign_id: UUID) -> None:
    """Raises NotFound for a campaign of which somebody sees neither itself nor any device."""
    if not items(actor, campaign_id).exists():
        campaign(actor, campaign_id)


def codes(actor: Actor, campaign_id: UUID) -> QuerySet[CampaignCodes]:
    rows: QuerySet[CampaignCodes] = CampaignCodes.objects.visible_to(actor)
    return rows.filter(campaign=campaign_id).order_by("mailbox", "id")


def standings(actor: Actor, campaign_id: UUID) -> dict[str, int]:
    """How many devices stand where."""
    rows = items(actor, campaign_id).order_by().values_list("standing").annotate(n=Count("pk"))
    return dict(rows)


def chosen(actor: Actor, campaign: CampaignState) -> int:
    """How many devices a campaign's selection is for, now."""
    return selected(actor, campaign).order_by().count()


def shares(actor: Actor, campaign_id: UUID) -> list[Share]:
    """How many devices wait in which ring, at which site, on which NVR."""
    rows = items(actor, campaign_id).filter(standing="waiting", forecast="").order_by()
    counted = rows.values_list("site", "ring", "nvr").annotate(n=Count("pk"))
    return [Share(site, ring, nvr, n) for site, ring, nvr, n in counted if site]


def standings_of(actor: Actor, campaigns: Sequence[UUID]) -> dict[UUID, Counter[str]]:
    """How many devices stand where, of several campaigns at once."""
    rows: QuerySet[CampaignItem] = CampaignItem.objects.visible_to(actor)
    rows = rows.filter(campaign__in=list(campaigns)).order_by()
    found: dict[UUID, Counter[str]] = {pk: Counter() for pk in campaigns}
    for campaign, standing, n in rows.values_list("campaign", "standing").annotate(n=Count("pk")):
        found[campaign][standing] = n
    return found


def awaiting(actor: Actor) -> QuerySet[Campaign]:
    """Campaigns that this actor may agree to: an administrator there, and somebody else's."""
    rows = _asked_for(holding(actor, Role.ADMINISTRATOR))
    return rows.exclude(planner_id=human(actor).id)


def own(actor: Actor) -> QuerySet[Campaign]:
    """Campaigns that this actor has planned and somebody else has to agree to."""
    return _asked_for(actor).filter(planner_id=human(actor).id)


def _asked_for(actor: Actor) -> QuerySet[Campaign]:
    return campaigns(actor).filter(phase="awaiting_approval", ends_at__gt=timezone.now())


def steps() -> dict[str, type[Command[CampaignState]]]:
    """What people may do with a campaign that is there: slug → command."""
    return _but_own_ways(steps_of(CampaignState))


def item_steps() -> dict[str, type[Command[ItemState]]]:
    """What people may do with one device of a campaign: slug → command."""
    return _but_own_ways(steps_of(ItemState))


def offered(actor: Actor, campaign_id: UUID) -> list[type[Command[CampaignState]]]:
    """The steps that are open now to whoever asks, in their order."""
    campaign(actor, campaign_id)
    return open_to(actor, steps(), state_of(CampaignState, campaign_id), timezone.now())


def _but_own_ways(steps: dict[str, type[Command[S]]]) -> dict[str, type[Command[S]]]:
    return {slug: step for slug, step in steps.items() if slug not in OWN_WAYS}
