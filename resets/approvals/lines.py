"""What waits for an answer, of whatever kind, as lines of one list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse

from devices.mailbox import masked
from devices.queries import place_for_jobs
from fleet.eventstore.messages import Actor
from resets.approvals import queries
from resets.campaigns import queries as campaigns
from resets.mailboxes import queries as mailboxes
from resets.queries import with_text
from resets.rules import APPROVAL_WORDS
from resets.schedules import queries as schedules
from resets.schedules.timing import Every, Timing
from resets.schedules.words import timing

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Line:
    """One thing that waits. `what` is asked for, `why` a second person is needed; `address` is
    where the answer is given. Times are shown in the zone of this name. What has no end waits for
    as long as nobody has answered.
    """

    kind: str
    id: UUID
    what: str
    why: str
    device_name: str
    site_name: str
    asker: str
    reason: str
    expires_at: datetime | None
    zone: str
    address: str


@dataclass(frozen=True)
class Source:
    """A kind of thing that is asked for: what waits for somebody, and what they ask for
    themselves; narrowed by a text, and as lines.
    """

    label: str
    waiting: Callable[[Actor], QuerySet[Any]]
    own: Callable[[Actor], QuerySet[Any]]
    with_text: Callable[[QuerySet[Any], str], QuerySet[Any]]
    lines: Callable[[Iterable[Any]], Iterator[Line]]


def _resets(rows: Iterable[Any]) -> Iterator[Line]:
    for row in rows:
        yield Line(
            kind="reset",
            id=row.pk,
            what=f"A new password for {row.username}",
            why=APPROVAL_WORDS.get(row.approval_why, row.approval_why),
            device_name=row.device_name,
            site_name=row.device.place.name,
            asker=row.asker,
            reason=row.reason,
            expires_at=row.expires_at,
            zone=row.device.place.timezone,
            address=reverse("reset", args=[row.pk]),
        )


def _mailboxes(rows: Iterable[Any]) -> Iterator[Line]:
    for row in rows:
        yield Line(
            kind="mailbox",
            id=row.pk,
            what=f"Codes go to {masked(row.reset_email)}",
            why="another mailbox takes two people",
            device_name=row.device_name,
            site_name=row.place.name,
            asker=row.proposer,
            reason=row.reason,
            expires_at=row.expires_at,
            zone=row.place.timezone,
            address=reverse("mailbox", args=[row.pk]),
        )


def _campaigns(rows: Iterable[Any]) -> Iterator[Line]:
    for row in rows:
        site, zone = _place(row)
        yield Line(
            kind="campaign",
            id=row.pk,
            what=f"{'Resets' if row.kind == 'reset' else 'Rotations'} of {row.planned:,} devices",
            why="a campaign takes two people",
            device_name=row.name,
            site_name=site,
            asker=row.planner,
            reason=row.about,
            expires_at=row.ends_at,
            zone=zone,
            address=reverse("campaign-plan", args=[row.pk]),
        )


def _schedules(rows: Iterable[Any]) -> Iterator[Line]:
    for row in rows:
        site, zone = _place(row)
        when = timing(Timing(Every(row.every), row.number, row.first))
        yield Line(
            kind="schedule",
            id=row.pk,
            what=f"Rotations {when[0].lower()}{when[1:]}",
            why="a schedule takes two people",
            device_name=row.name,
            site_name=site,
            asker=row.maker,
            reason=row.about,
            expires_at=None,
            zone=zone,
            address=reverse("schedule", args=[row.pk]),
        )


def _place(row: Any) -> tuple[str, str]:
    """What is over several sites is at none of them; its times are then in UTC."""
    if row.site is None:
        return "All sites", "UTC"
    place = place_for_jobs(row.site)
    return place.name, place.timezone


SOURCES = {
    "reset": Source("Resets", queries.waiting, queries.own, with_text, _resets),
    "mailbox": Source(
        "Mailboxes", mailboxes.waiting, mailboxes.own, mailboxes.with_text, _mailboxes
    ),
    "campaign": Source(
        "Campaigns",
        campaigns.awaiting,
        campaigns.own,
        campaigns.with_text,
        _campaigns,
    ),
    "schedule": Source(
        "Schedules",
        schedules.awaiting,
        schedules.own,
        schedules.with_text,
        _schedules,
    ),
}


def waiting(
    actor: Actor,
    *,
    own: bool = False,
    kind: str = "",
    site: UUID | None = None,
    text: str = "",
) -> list[Line]:
    """What waits for this actor, or (`own`) what they wait for; what ends first comes first."""
    found: list[Line] = []
    for name, source in SOURCES.items():
        if kind in ("", name):
            rows = (source.own if own else source.waiting)(actor)
            rows = rows.filter(site=site) if site else rows
            found += source.lines(source.with_text(rows, text) if text else rows)
    return sorted(found, key=lambda line: line.expires_at or _NEVER)


def count(actor: Actor) -> int:
    """How many things wait for this actor."""
    return sum(source.waiting(actor).count() for source in SOURCES.values())
