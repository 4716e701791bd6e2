"""What pages and calls ask about everything that happened. Everything asks as somebody."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings
from django.db.models import Count, Min, Q
from django.utils import timezone

from fleet.accounts.access import holding
from fleet.accounts.state import Role
from fleet.api.pages import MOST, piece
from fleet.errors import NotFound
from fleet.eventstore import gate, subscriptions
from fleet.eventstore.messages import Actor, Recorded
from fleet.eventstore.models import EventRow, Job
from fleet.eventstore.tasks import queue_of

LATE = timedelta(seconds=30)  # a job that is due for longer has nobody who takes it

_ACTOR = ("actor_kind", "actor_id", "actor_name")
_COLUMNS = (
    "position", "id", "stream", "version", "category", "type", "schema", "at", *_ACTOR, "source",
    "reason", "correlation", "causation", "organisation", "site", "subject", "data", "previous",
    "hash",
)  # fmt: skip


def history(
    actor: Actor,
    *,
    subject: UUID | None = None,
    subjects: Collection[UUID] | None = None,
    stream: UUID | None = None,
    correlation: UUID | None = None,
    site: UUID | None = None,
    type: str | None = None,
    who: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: UUID | None = None,
    size: int = 50,
) -> tuple[list[Recorded], UUID | None]:
    """What the actor may see of what happened, newest first, and the cursor behind it.

    `subject` is the device that it is about, `subjects` are several; `who` is a part of a name;
    `correlation` holds together what came of one request, such as all that a reset did on its way.
    From `since` on, before `until`.

    Raises RekeyError for a cursor that names no event that may be seen.
    """
    seen = EventRow.objects.visible_to(actor)
    wanted = {
        "subject": subject,
        "subject__in": subjects,
        "stream": stream,
        "correlation": correlation,
        "site": site,
        "type": type,
        "actor_name__icontains": who,
        "at__gte": since,
        "at__lt": until,
    }
    rows = seen.filter(**{name: value for name, value in wanted.items() if value is not None})
    found, behind = piece(rows.values(*_COLUMNS), ["-position"], seen, cursor, size)
    return [_recorded(row) for row in found], behind


def _recorded(row: dict[str, object]) -> Recorded:
    for name in ("previous", "hash"):
        row[name] = bytes(row[name])  # type: ignore[call-overload]
    return Recorded(actor=Actor(*(str(row.pop(name)) for name in _ACTOR)), **row)  # type: ignore[arg-type]


def trace(actor: Actor, correlation: UUID) -> list[Recorded]:
    """All that came of one request, in its order. Raises NotFound when none of it may be seen."""
    found, _ = history(actor, correlation=correlation, size=MOST)
    if not found:
        raise NotFound("trace")
    return found[::-1]


# --- reactions that are owed, and those that failed too often -------------------------------------


@dataclass(frozen=True)
class Waiting:
    """The reactions that are owed: how many, how many of them should have begun, and since when."""

    count: int
    late: int
    since: datetime | None


def waiting(actor: Actor) -> Waiting:
    """Of all places where the actor is an administrator."""
    jobs = Job.objects.filter(_administered(actor), status=Job.Status.WAITING)
    return Waiting(**jobs.aggregate(**_counted()))


@dataclass(frozen=True)
class AtSite(Waiting):
    """The same of what only the workers of one site carry out. `queue` is what they serve."""

    site: UUID
    queue: str


def waiting_at_sites(actor: Actor) -> list[AtSite]:
    """Of the sites with workers of their own, where the actor is an administrator."""
    sites = settings.REKEY_SITE_WORKERS
    mine = Job.objects.filter(
        _administered(actor), subscriptions.for_workers_of(sites), status=Job.Status.WAITING
    )
    found: Any = mine.order_by().values("site").annotate(**_counted())
    return [AtSite(queue=queue_of(row["site"]).name, **row) for row in found]


def _counted() -> dict[str, Any]:
    now = timezone.now()
    late = Q(due_at__lt=now - LATE, lease_until=None) | Q(lease_until__lt=now - LATE)
    return {
        "count": Count("pk"),
        "late": Count("pk", filter=late),
        "since": Min("due_at", filter=late),
    }


def newest(actor: Actor) -> Recorded | None:
    """The newest event that the actor may see."""
    found, _ = history(actor, size=1)
    return found[0] if found else None


def _administered(actor: Actor) -> Q:
    return gate.visible(holding(actor, Role.ADMINISTRATOR))


@dataclass(frozen=True)
class Parked:
    """A reaction that is not tried any more until somebody says so, and the event it is about.

    The id follows from the two: a job's own number would tell how many there are elsewhere.
    """

    job: int
    reaction: str
    error: str
    attempts: int
    event: Recorded

    @property
    def id(self) -> UUID:
        return uuid5(self.event.id, self.reaction)


def parked(actor: Actor) -> list[Parked]:
    """The newest parked reactions of all places where the actor is an administrator."""
    jobs = Job.objects.filter(_administered(actor), status=Job.Status.PARKED)
    jobs = jobs.order_by("-id")[:MOST]
    found = list(jobs.values_list("id", "position", "reaction", "error", "attempts"))
    events = EventRow.objects.visible_to(actor).filter(position__in=[job[1] for job in found])
    about = {row["position"]: _recorded(row) for row in events.values(*_COLUMNS)}
    return [
        Parked(job, reaction, error, attempts, about[position])
        for job, position, reaction, error, attempts in found
    ]


def retry(actor: Actor, parked_id: UUID) -> Parked:
    """Take a parked reaction up again, from its first attempt. Raises NotFound."""
    for one in parked(actor):
        if one.id == parked_id:
            subscriptions.retry(one.job)
            return one
    raise NotFound("parked job")
