"""Celery's side: messages that say "look". Losing one costs a moment, never a job."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from celery import Task, current_app, shared_task
from django.conf import settings
from kombu import Exchange, Queue

from fleet.eventstore import side_by_side, subscriptions
from fleet.eventstore.tables import batches

log = structlog.get_logger(__name__)


SOME = 16  # jobs that one message is for: few enough that all workers have a part
USUAL, URGENT = "celery", "urgent"  # queues, see fleet.settings
MOST_AT_SITE = 500  # messages in a site's queue: they pile up while no worker serves it


def wake(
    task: Task[Any, Any], *arguments: Any, urgent: bool = False, queue: Queue | None = None
) -> bool:
    """Send a wake-up; a broker that is away is noted and made good by the next sweep."""
    try:
        task.apply_async(arguments, queue=queue or (URGENT if urgent else USUAL))
    except Exception as error:
        log.warning("broker_away", task=task.name, error=type(error).__name__)
        return False
    return True


@shared_task(name="fleet.eventstore.tasks.sweep")
def sweep() -> None:
    """Turn new events into jobs and wake somebody for every job that is due."""
    subscriptions.pump()
    sites = settings.REKEY_SITE_WORKERS
    among = ~subscriptions.for_workers_of(sites) if sites else None
    if not _wake_for(subscriptions.due_jobs(among=among)):
        return
    for site in sites:
        if room := room_at(site):
            due = subscriptions.due_jobs(room, subscriptions.for_workers_of([site]))
            _wake_for(due, queue_of(site))


def _wake_for(job_ids: list[int], queue: Queue | None = None) -> bool:
    """Whether the broker took all of it: where not, each further one would wait for it as well."""
    to = {"queue": queue} if queue else {}
    due = subscriptions.reactions_of(job_ids)
    many = [job_id for job_id, reaction in due.items() if reaction.many]
    for some in batches(many, SOME):
        if not wake(run_many, some, urgent=True, **to):
            return False
    for job_id, reaction in due.items():
        if not reaction.many and not wake(run, job_id, urgent=reaction.urgent, **to):
            return False
    return True


def queue_of(site: UUID) -> Queue:
    """The queue that a site's own worker serves: `celery -A fleet worker -Q site.<its id>`.

    As an object: by its name alone Celery would take it among the queues that this worker serves.
    """
    name = f"site.{site}"
    return Queue(name, Exchange(name), routing_key=name)


def room_at(site: UUID) -> int:
    """How many more messages a site's queue takes; 0 while it is full, or the broker away."""
    queue = queue_of(site)
    try:
        with current_app.connection_or_acquire() as connection:
            declared: Any = queue(connection.default_channel).queue_declare()
    except Exception as error:
        log.warning("broker_away", queue=queue.name, error=type(error).__name__)
        return 0
    return max(0, MOST_AT_SITE - int(declared.message_count))


@shared_task(name="fleet.eventstore.tasks.run")
def run(job_id: int) -> None:
    """Run one job."""
    subscriptions.run(job_id)


@shared_task(name="fleet.eventstore.tasks.run_many")
def run_many(job_ids: list[int]) -> None:
    """Run jobs side by side. This ends as they begin: there are always hands for the next look."""
    side_by_side.start(job_ids)
