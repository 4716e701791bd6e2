"""Reactions: what has to happen in the world because of an event.

The log is the outbox. `pump` reads it behind a checkpoint, writes one Job for each event that
somebody reacts to, and advances: both in one transaction, so no event is passed over and none is
taken twice. A job then belongs to the database until it is done; Celery's messages only wake
somebody up. A worker that takes a job holds a lease and keeps renewing it; when it is killed the
lease runs out and the sweep wakes up another one. So a job runs at least once, and has to be
idempotent. One that keeps failing is parked, shown, and can be retried by a person.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.db import connection, transaction
from django.db.models import Case, F, Q, When
from django.utils import timezone

from fleet.eventstore import store
from fleet.eventstore.messages import Event, Recorded
from fleet.eventstore.models import Checkpoint, Job

log = structlog.get_logger(__name__)

CHECKPOINT = "reactions"
PUMP_AT_ONCE = 1000
LEASE = timedelta(seconds=15)
RENEW_EVERY = 4.0  # seconds
WAKE_AGAIN = timedelta(seconds=10)
MOST_ATTEMPTS = 12


class Later(Exception):
    """Raised by a reaction that wants to be asked again: the world is not ready yet."""

    def __init__(self, seconds: float, why: str) -> None:
        super().__init__(why)
        self.seconds = seconds
        self.why = why


def later(recorded: Recorded, why: str, *, longest: float = 900.0) -> Later:
    """Ask again after half the event's age, at least two seconds: waits that grow by themselves."""
    age = (timezone.now() - recorded.at).total_seconds()
    return Later(min(max(age / 2, 2.0), longest), why)


Function = Callable[[Recorded], None]


@dataclass(frozen=True)
class Reaction:
    """What to do, after which events, and how long after."""

    name: str
    run: Function
    on: tuple[str, ...]
    urgent: bool
    due: Callable[[Any], datetime] | None

    def due_at(self, recorded: Recorded) -> datetime:
        return self.due(recorded.event) if self.due else recorded.at


REACTIONS: dict[str, Reaction] = {}


def reaction(
    *events: type[Event[Any]],
    due: Callable[[Any], datetime] | None = None,
    urgent: bool = False,
) -> Callable[[Function], Function]:
    """Register a reaction to these events, under the function's own module and name.

    `due` takes the event and says when; without it, at once. `urgent` is what a person waits for:
    it passes by the thousands of jobs of an import. The function gets the recorded event,
    must be idempotent, and may raise Later. Any other error is tried again with growing waits.
    """

    def register(function: Function) -> Function:
        name = f"{function.__module__.split('.')[0]}.{function.__name__}"
        REACTIONS[name] = Reaction(name, function, tuple(e.tag for e in events), urgent, due)
        return function

    return register


def urgent() -> list[str]:
    """The names of the reactions that people wait for."""
    return [name for name, r in REACTIONS.items() if r.urgent]


def urgent_among(job_ids: list[int]) -> set[int]:
    """Those that people wait for."""
    rows = Job.objects.filter(id__in=job_ids, reaction__in=urgent())
    return set(rows.values_list("id", flat=True))


def heard_types() -> list[str]:
    return sorted({name for r in REACTIONS.values() for name in r.on})


# --- from the log to jobs -------------------------------------------------------------------------


def nudge_on_commit(types: set[str]) -> None:
    """Wake a worker once this transaction is through, if anybody reacts to these events."""
    if not types.isdisjoint(heard_types()):
        transaction.on_commit(_nudge, robust=True)


def _nudge() -> None:
    from fleet.eventstore import tasks

    tasks.wake(tasks.sweep, urgent=True)


def pump() -> None:
    """Turn all events since the checkpoint into jobs."""
    types = heard_types()
    while types and _pump_some(types):
        pass


def _pump_some(types: list[str]) -> bool:
    with transaction.atomic():
        Checkpoint.objects.get_or_create(name=CHECKPOINT)
        checkpoint = Checkpoint.objects.select_for_update().get(name=CHECKPOINT)
        end = store.last_position()
        events = store.read_between(checkpoint.position, end, types, PUMP_AT_ONCE)
        Job.objects.bulk_create(
            Job(
                reaction=reaction.name,
                position=recorded.position,
                organisation=recorded.organisation,
                site=recorded.site,
                due_at=reaction.due_at(recorded),
            )
            for recorded in events
            for reaction in REACTIONS.values()
            if recorded.type in reaction.on
        )
        full = len(events) == PUMP_AT_ONCE
        checkpoint.position = events[-1].position if full else max(end, checkpoint.position)
        checkpoint.save()
    return full


def due_jobs(limit: int = 500) -> list[int]:
    """Jobs that somebody should be woken for now, the urgent ones first; they count as woken from
    here.
    """
    now = timezone.now()
    with transaction.atomic():
        ids = list(
            Job.objects.filter(
                _free(now),
                Q(woken_at=None) | Q(woken_at__lt=now - WAKE_AGAIN),
                status=Job.Status.WAITING,
                due_at__lte=now,
            )
            .order_by(*_urgent_first(), "due_at", "id")
            .values_list("id", flat=True)[:limit]
        )
        Job.objects.filter(id__in=ids).update(woken_at=now)
    return ids


def _urgent_first() -> list[Case]:
    """Nothing where nothing is urgent: the number that is left of it would name a column."""
    names = urgent()
    return [Case(When(reaction__in=names, then=0), default=1)] if names else []


# --- running one ----------------------------------------------------------------------------------


def run(job_id: int) -> None:
    """Run one job, if it is still owed and nobody else is at it."""
    lease = uuid4()
    if (job := _claim(job_id, lease)) is None:
        return
    if job.attempts > MOST_ATTEMPTS:  # its workers were killed, each before it could say why
        _put_back(job, lease, 0, "worker_killed", attempts=job.attempts, park=True)
        return
    try:
        with _renewed(job_id, lease):
            REACTIONS[job.reaction].run(store.read_one(job.position))
    except Later as later:
        # It works, only not yet: so this counts as no failure, and clears those before it.
        _put_back(job, lease, later.seconds, later.why, attempts=0)
    except Exception as error:
        # Only the kind of error is kept: its text may hold what a device or a server said.
        log.exception("job_failed", job=job_id, reaction=job.reaction, attempt=job.attempts)
        seconds, park = min(2.0**job.attempts, 300.0), job.attempts >= MOST_ATTEMPTS
        _put_back(job, lease, seconds, type(error).__name__, attempts=job.attempts, park=park)
    else:
        Job.objects.filter(id=job_id, lease=lease).delete()


def retry(job_id: int) -> None:
    """Take up a parked job again, from its first attempt."""
    Job.objects.filter(id=job_id, status=Job.Status.PARKED).update(
        status=Job.Status.WAITING, attempts=0, due_at=timezone.now(), woken_at=None
    )


def _free(now: datetime) -> Q:
    return Q(lease_until=None) | Q(lease_until__lt=now)


def _claim(job_id: int, lease: UUID) -> Job | None:
    now = timezone.now()
    taken = Job.objects.filter(
        _free(now), id=job_id, status=Job.Status.WAITING, due_at__lte=now
    ).update(lease=lease, lease_until=now + LEASE, attempts=F("attempts") + 1)
    return Job.objects.get(id=job_id) if taken else None


def _put_back(
    job: Job, lease: UUID, seconds: float, why: str, *, attempts: int, park: bool = False
) -> None:
    Job.objects.filter(id=job.id, lease=lease).update(
        lease=None,
        lease_until=None,
        woken_at=None,
        attempts=attempts,
        status=Job.Status.PARKED if park else Job.Status.WAITING,
        due_at=timezone.now() + timedelta(seconds=seconds),
        error=why,
    )


@contextmanager
def _renewed(job_id: int, lease: UUID) -> Iterator[None]:
    """Keep the lease for as long as this process lives and the job runs."""
    done = threading.Event()

    def renew() -> None:
        try:
            while not done.wait(RENEW_EVERY):
                with suppress(Exception):  # a database that is away for a moment
                    Job.objects.filter(id=job_id, lease=lease).update(
                        lease_until=timezone.now() + LEASE
                    )
        finally:
            connection.close()

    thread = threading.Thread(target=renew, name=f"lease-{job_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
