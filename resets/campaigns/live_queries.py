"""What the page of a campaign under way asks, cheap enough to be asked again and again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Count, Q, QuerySet, Sum

from devices.models import Site
from devices.queries import mailbox_shown, one
from fleet.eventstore.messages import Actor
from resets.campaigns import queries
from resets.campaigns.live_outlook import ENDS, LATELY, Missing
from resets.campaigns.models import CampaignItem
from resets.campaigns.settings import SHORTLY, Settings
from resets.campaigns.state import CampaignPhase, CampaignState, Kind, Standing
from resets.limits.queries import breakers
from resets.limits.rules import Scope

ORDERS = {
    "number": ("number", "id"),
    "name": ("device_name", "number", "id"),
    "model": ("model", "number", "id"),
    "standing": ("standing", "why", "number", "id"),
    "changed": ("changed_at", "id"),
}


@dataclass(frozen=True)
class Group:
    """Devices of one campaign that are alike. `ended` of them came to an end lately, `begun` were
    begun within the last minute, and `shortly` within the last few seconds.
    """

    site: UUID
    model: str
    standing: Standing
    why: str
    count: int
    ended: int
    begun: int
    shortly: int


def standing(actor: Actor, campaign: UUID) -> tuple[CampaignState, int]:
    """A campaign as it stands, with its version. Raises NotFound. It comes without its selection:
    where that is a list of thousands of devices, reading it would cost more than all the rest.
    """
    row = one(queries.campaigns(actor).defer("selection"), campaign, "campaign")
    state = CampaignState(
        id=row.pk,
        organisation=row.organisation,
        site=row.site,
        kind=Kind(row.kind),
        name=row.name,
        reason=row.about,
        settings=msgspec.convert(row.settings, Settings),
        ends_at=row.ends_at,
        planner=row.planner,
        phase=CampaignPhase(row.phase),
        planned=row.planned,
        approver=row.approver,
        why=row.why,
        began_at=row.began_at,
        ended_at=row.ended_at,
    )
    return state, row.version


def groups(actor: Actor, campaign: UUID, now: datetime, since: datetime) -> list[Group]:
    """All devices of a campaign, counted in one go; `since`: those that ended after it did so
    lately.
    """
    ended = Q(standing__in=[end.value for end in ENDS], ended_at__gt=since)
    rows = (
        queries.items(actor, campaign)
        .order_by()
        .values_list("site", "model", "standing", "why")
        .annotate(
            count=Count("pk"),
            lately=Count("pk", filter=ended),
            begun=Count("pk", filter=Q(begun_at__gt=now - timedelta(minutes=1))),
            shortly=Count("pk", filter=Q(begun_at__gt=now - timedelta(seconds=SHORTLY))),
        )
    )
    return [
        Group(site, model, Standing(standing), why, *counts)
        for site, model, standing, why, *counts in rows
    ]


def version(actor: Actor, campaign: UUID) -> str:
    """Another one whenever anything of a campaign's devices or codes has changed: each event of
    one of them raises its row's version by one.
    """
    items = queries.items(actor, campaign).order_by().aggregate(of=Sum("version"))["of"] or 0
    codes = queries.codes(actor, campaign).order_by().aggregate(of=Sum("version"))["of"] or 0
    return f"{items}.{codes}"


def ring(actor: Actor, campaign: UUID, by_code: bool) -> tuple[int | None, Counter[Standing]]:
    """The ring whose turn it is, and where its devices stand: as the process manager has it."""
    items = queries.items(actor, campaign)
    able = Q(mailbox__in=_codes(actor, campaign, verified=True)) if by_code else Q()
    to_come = Q(standing=Standing.RUNNING.value) | (Q(standing=Standing.WAITING.value) & able)
    first = items.filter(to_come).order_by("ring").values_list("ring", flat=True).first()
    if first is None:
        return None, Counter()
    every = [standing.value for standing in Standing]  # or the index would be of no use
    rows = items.filter(ring=first, standing__in=every).order_by()
    counts = rows.values_list("standing").annotate(count=Count("pk"))
    return first, Counter({Standing(standing): count for standing, count in counts})


def failures(actor: Actor, campaign: UUID, since: datetime | None) -> tuple[int, int]:
    """How many have failed, of how many that came to an end; since somebody let it go on."""
    rows = queries.items(actor, campaign).order_by()
    if since:
        rows = rows.filter(ended_at__gt=since)
    counts = Counter(dict(rows.values_list("standing").annotate(count=Count("pk"))))
    failed = sum(counts[standing] for standing in Standing if standing.failed)
    return failed, failed + counts[Standing.PROVEN]


def alarms(actor: Actor, sites: Iterable[UUID]) -> set[UUID]:
    """Those sites at which an alarm holds up all resets."""
    rows = breakers(actor).order_by().filter(scope=Scope.SITE.value, tripped=True)
    return {row.site for row in rows.filter(site__in=list(sites)) if row.site}


def _codes(actor: Actor, campaign: UUID, *, verified: bool) -> QuerySet[Any]:
    rows = queries.codes(actor, campaign).order_by().filter(verified=verified)
    return rows.values("mailbox")


def missing(actor: Actor, campaign: CampaignState, names: int) -> Missing:
    """The mailboxes whose code is waited for; `names` of them by name, as the actor may know it."""
    rows = (
        queries.items(actor, campaign.id)
        .order_by()
        .filter(
            standing=Standing.WAITING.value,
            mailbox__in=_codes(actor, campaign.id, verified=False),
        )
    )
    found = rows.aggregate(mailboxes=Count("mailbox", distinct=True), devices=Count("pk"))
    if not found["devices"]:
        return Missing()
    first = rows.order_by("mailbox").values_list("mailbox", flat=True).distinct()[:names]
    at = (campaign.organisation, campaign.site)
    shown = tuple(mailbox_shown(actor, mailbox, *at) for mailbox in first)
    return Missing(found["mailboxes"], shown, found["devices"])


def sites(actor: Actor, ids: Sequence[UUID]) -> dict[UUID, Site]:
    """The sites of a campaign's devices, also those that are closed by now."""
    rows: dict[UUID, Site] = Site.objects.visible_to(actor).in_bulk(ids)
    return rows


def narrowed(
    rows: QuerySet[CampaignItem],
    *,
    text: str = "",
    standings: Sequence[Standing] = (),
    site: UUID | None = None,
    model: str = "",
    why: str = "",
    sort: str = "",
) -> QuerySet[CampaignItem]:
    """Those of a campaign's devices that are wanted; what is empty narrows nothing down."""
    for word in text.split():
        rows = rows.filter(Q(device_name__icontains=word) | Q(model__icontains=word))
    if standings:
        rows = rows.filter(standing__in=[standing.value for standing in standings])
    for field, wanted in (("site", site), ("model", model), ("why", why)):
        if wanted:
            rows = rows.filter(**{field: wanted})
    name, sign = sort.lstrip("-"), "-" if sort.startswith("-") else ""
    return rows.order_by(*(sign + field for field in ORDERS.get(name, ORDERS["number"])))


def since(now: datetime, went_on: datetime | None) -> datetime:
    """From when on the pace achieved is measured: not before it went on."""
    return max(now - LATELY, went_on) if went_on else now - LATELY
