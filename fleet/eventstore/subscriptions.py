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
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.db import connection, transaction
from django.db.models import Case, F, Q, When
from django.utils import timezone

from fleet.eventstore import database, store
from fleet.eventstore.messages import Event, Recorded
from fleet.eventstore.models import Checkpoint, Job
from fleet.eventstore.tables import Table
from fleet.eventstore.together import Together, for_many

log = structlog.get_logger(__name__)

CHECKPOINT = "reactions"
_jobs = Table(Job, without=["id"])
PUMP_AT_ONCE = 1000
LEASE = timedelta(seconds=15)
RENEW_EVERY = 4.0  # seconds
WAKE_AGAIN = timedelta(seconds=10)
NOW_AND_THEN = 1.0  # seconds; the next sweep makes good for what was passed over
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
    wanted: Callable[[Any], bool] | None = None
    many: bool = False
    at_site: bool = False

    def due_at(self, recorded: Recorded) -> datetime:
        return self.due(recorded.event) if self.due else recorded.at


REACTIONS: dict[str, Reaction] = {}


def reaction(
    *events: type[Event[Any]],
    due: Callable[[Any], datetime] | None = None,
    urgent: bool = False,
    wanted: Callable[[Any], bool] | None = None,
    many: bool = False,
    at_site: bool = False,
) -> Callable[[Function], Function]:
    """Register a reaction to these events, under the function's own module and name.

    `due` takes the event and says when; without it, at once. `urgent` is what a person waits for:
    it passes by the thousands of jobs of an import. `wanted` takes the stream's state as it is when
    the event is read: where it says no, which must be for good, no job is written. Of `many`, such
    as talk to devices, a worker carries out dozens side by side (see `side_by_side`). `at_site`: it
    reaches into the site's network, so where a site has a worker of its own, that one does it. The
    function gets the recorded event, must be idempotent, and may raise Later. Any other error is
    tried again with growing waits.
    """

    def register(function: Function) -> Function:
        name = f"{function.__module__.split('.')[0]}.{function.__name__}"
        tags = tuple(e.tag for e in events)
        REACTIONS[name] = Reaction(name, function, tags, urgent, due, wanted, many, at_site)
        return function

    return register


def for_workers_of(sites: Collection[UUID]) -> Q:
    """The jobs that only the workers of these sites carry out."""
    names = [name for name, r in REACTIONS.items() if r.at_site]
    return Q(site__in=sites, reaction__in=names)


def urgent() -> list[str]:
    """The names of the reactions that people wait for."""
    return [name for name, r in REACTIONS.items() if r.urgent]


def reactions_of(job_ids: list[int]) -> dict[int, Reaction]:
    """What each job carries out, in this order."""
    names = dict(Job.objects.filter(id__in=job_ids).values_list("id", "reaction"))
    return {job: REACTIONS[names[job]] for job in job_ids if names.get(job) in REACTIONS}


def heard_types() -> list[str]:
    return sorted({name for r in REACTIONS.values() for name in r.on})


# --- from the log to jobs -------------------------------------------------------------------------


def nudge_on_commit(types: set[str]) -> None:
    """Wake a worker once this transaction is through, if anybody reacts to these events."""
    if not types.isdisjoint(heard_types()):
        transaction.on_commit(_nudge, robust=True)


def _nudge() -> None:
    """Of what dozens of jobs record, most is for nobody: then it is enough to look now and then."""
    global _nudged
    from fleet.eventstore import tasks

    if getattr(_here, "sweeps", False):
        return
    if not for_many() or time.monotonic() - _nudged > NOW_AND_THEN:
        _nudged = time.monotonic()
        tasks.wake(tasks.sweep, urgent=True)


_nudged = 0.0
_here = threading.local()


@contextmanager
def sweeping() -> Iterator[None]:
    """Whoever opens this looks for new jobs by itself afterwards: nobody is woken for it."""
    _here.sweeps = True
    try:
        yield
    finally:
        _here.sweeps = False


def pump() -> None:
    """Turn all events since the checkpoint into jobs."""
    types = heard_types()
    while types and _pump_some(types):
        pass


def _pump_some(types: list[str]) -> bool:
    with transaction.atomic():
        behind = _position_held()
        end = store.last_position()
        events = store.read_between(behind, end, types, PUMP_AT_ONCE)
        _jobs.insert([_jobs.row(vars(_job(*owed))) for owed in _wanted(events)])
        full = len(events) == PUMP_AT_ONCE
        _read_up_to(events[-1].position if full else max(end, behind))
    return full


def _position_held() -> int:
    """How far the log has been read; nobody else reads on meanwhile."""
    rows = Checkpoint.objects.select_for_update().filter(name=CHECKPOINT)
    for position in rows.values_list("position", flat=True):
        return position
    Checkpoint.objects.get_or_create(name=CHECKPOINT)
    return _position_held()


def _read_up_to(position: int) -> None:
    Checkpoint.objects.filter(name=CHECKPOINT).update(position=position)


def _job(recorded: Recorded, reaction: Reaction) -> Job:
    return Job(
        reaction=reaction.name,
        position=recorded.position,
        organisation=recorded.organisation,
        site=recorded.site,
        due_at=reaction.due_at(recorded),
    )


def _wanted(events: list[Recorded]) -> list[tuple[Recorded, Reaction]]:
    owed = [(e, r) for e in events for r in REACTIONS.values() if e.type in r.on]
    asked = {e.stream: e.event.of for e, r in owed if r.wanted}
    states = store.load(asked) if asked else {}
    return [(e, r) for e, r in owed if r.wanted is None or r.wanted(states[e.stream].state)]


def due_jobs(limit: int = 500, among: Q | None = None) -> list[int]:
    """Jobs that somebody should be woken for now, the urgent ones first; they count as woken from
    here.
    """
    now = timezone.now()
    with transaction.atomic():
        ids = list(
            Job.objects.filter(
                among or Q(),
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
    for job in claim([job_id], lease):
        with _renewed(job_id, lease):
            carry_out(job, lease, partial(store.read_one, job.position))


def carry_out(job: Job, lease: UUID, recorded: Callable[[], Recorded]) -> None:
    """Carry out a job that this process holds, and say what came of it."""
    try:
        REACTIONS[job.reaction].run(recorded())
    except Later as later:
        # It works, only not yet: so this counts as no failure, and clears those before it.
        _put_back(job, lease, later.seconds, later.why, attempts=0)
    except Exception as error:
        # Only the kind of error is kept: its text may hold what a device or a server said.
        log.exception("job_failed", job=job.id, reaction=job.reaction, attempt=job.attempts)
        seconds, park = min(2.0**job.attempts, 300.0), job.attempts >= MOST_ATTEMPTS
        _put_back(job, lease, seconds, type(error).__name__, attempts=job.attempts, park=park)
    else:
        _done((job.id, lease))


def _delete(done: list[tuple[int, UUID]]) -> list[None]:
    pairs = ", ".join(["(%s, %s)"] * len(done))
    sql = f"DELETE FROM job WHERE (id, lease) IN (VALUES {pairs})"
    database.run(sql, [value for one in done for value in one])
    return [None] * len(done)


_done = Together(_delete)


def retry(job_id: int) -> None:
    """Take up a parked job again, from its first attempt."""
    Job.objects.filter(id=job_id, status=Job.Status.PARKED).update(
        status=Job.Status.WAITING, attempts=0, due_at=timezone.now(), woken_at=None
    )


def _free(now: datetime) -> Q:
    return Q(lease_until=None) | Q(lease_until__lt=now)


def claim(job_ids: list[int], lease: UUID) -> list[Job]:
    """Take those of them that are still owed and that nobody is at; they are to be carried out."""
    now = timezone.now()
    taken = Job.objects.filter(
        _free(now), id__in=job_ids, status=Job.Status.WAITING, due_at__lte=now
    ).update(lease=lease, lease_until=now + LEASE, attempts=F("attempts") + 1)
    jobs = list(Job.objects.filter(id__in=job_ids, lease=lease)) if taken else []
    for job in jobs:
        if job.attempts > MOST_ATTEMPTS:  # its workers were killed, each before it could say why
            _put_back(job, lease, 0, "worker_killed", attempts=job.attempts, park=True)
    return [job for job in jobs if job.attempts <= MOST_ATTEMPTS]


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
