"""Jobs that mostly wait, such as for devices: a worker carries out dozens of them at a time.

Each has a thread; what they ask of the database goes through one (see `together`). The jobs are
claimed, and their leases renewed, for all of them at once.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import UUID, uuid4

import structlog
from django.db import connection
from django.utils import timezone

from fleet.eventstore import store, subscriptions
from fleet.eventstore.messages import Recorded
from fleet.eventstore.models import Job
from fleet.eventstore.together import side_by_side

log = structlog.get_logger(__name__)
AT_ONCE = 64


class _Hands:
    """A process's threads for jobs, and what they are at."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="job")
        self._lock = threading.Lock()
        self._at: dict[int, UUID] = {}  # the lease of each job
        self._keeper: threading.Thread | None = None

    def start(self, job_ids: list[int]) -> None:
        """Begin with as many of these jobs as there are hands for; the others are woken again."""
        with self._lock:
            mine = job_ids[: AT_ONCE - len(self._at)]
            lease = uuid4()
            self._at |= dict.fromkeys(mine, lease)
        taken: set[int] = set()
        try:
            if rest := job_ids[len(mine) :]:
                Job.objects.filter(id__in=rest).update(woken_at=None)
            jobs = subscriptions.claim(mine, lease)
            events = store.read_at([job.position for job in jobs]) if jobs else {}
            for job in jobs:
                self._pool.submit(self._run, job, lease, events[job.position])
                taken.add(job.id)
        finally:
            self._let_go(set(mine) - taken)
        self._keep()

    def _run(self, job: Job, lease: UUID, recorded: Recorded) -> None:
        try:
            with side_by_side():
                subscriptions.carry_out(job, lease, lambda: recorded)
        except Exception:  # a database that is away: its lease runs out, and another takes it up
            log.exception("job_left", job=job.id, reaction=job.reaction)
        finally:
            self._let_go({job.id})
            if connection.connection is not None:  # what was not asked together
                connection.close()

    def _let_go(self, jobs: set[int]) -> None:
        with self._lock:
            for job in jobs:
                del self._at[job]

    def _keep(self) -> None:
        """See to it that somebody renews the leases, for as long as there are any."""
        with self._lock:
            if self._at and self._keeper is None:
                self._keeper = threading.Thread(target=self._renew, name="leases", daemon=True)
                self._keeper.start()

    def _renew(self) -> None:
        pause = threading.Event()
        while not pause.wait(subscriptions.RENEW_EVERY):
            with self._lock:
                leases = set(self._at.values())
                if not leases:
                    self._keeper = None
                    return
            with suppress(Exception):  # a database that is away for a moment
                until = timezone.now() + subscriptions.LEASE
                Job.objects.filter(lease__in=leases).update(lease_until=until)
            connection.close()


def start(job_ids: list[int]) -> None:
    """Begin these jobs side by side, without waiting for their end."""
    _hands.start(job_ids)


def _begin_anew() -> None:
    global _hands
    _hands = _Hands()


_hands = _Hands()
os.register_at_fork(after_in_child=_begin_anew)  # threads stay behind
