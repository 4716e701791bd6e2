"""Celery's side: messages that say "look". Losing one costs a moment, never a job."""

from __future__ import annotations

from typing import Any

import structlog
from celery import Task, shared_task

from fleet.eventstore import side_by_side, subscriptions
from fleet.eventstore.tables import batches

log = structlog.get_logger(__name__)


SOME = 16  # jobs that one message is for: few enough that all workers have a part
USUAL, URGENT = "celery", "urgent"  # queues, see fleet.settings


def wake(task: Task[Any, Any], *arguments: Any, urgent: bool = False) -> bool:
    """Send a wake-up; a broker that is away is noted and made good by the next sweep."""
    try:
        task.apply_async(arguments, queue=URGENT if urgent else USUAL)
    except Exception as error:
        log.warning("broker_away", task=task.name, error=type(error).__name__)
        return False
    return True


@shared_task(name="fleet.eventstore.tasks.sweep")
def sweep() -> None:
    """Turn new events into jobs and wake somebody for every job that is due."""
    subscriptions.pump()
    due = subscriptions.reactions_of(subscriptions.due_jobs())
    many = [job_id for job_id, reaction in due.items() if reaction.many]
    for some in batches(many, SOME):
        if not wake(run_many, some, urgent=True):
            return  # each further one would wait for the broker as well
    for job_id, reaction in due.items():
        if not reaction.many and not wake(run, job_id, urgent=reaction.urgent):
            return


@shared_task(name="fleet.eventstore.tasks.run")
def run(job_id: int) -> None:
    """Run one job."""
    subscriptions.run(job_id)


@shared_task(name="fleet.eventstore.tasks.run_many")
def run_many(job_ids: list[int]) -> None:
    """Run jobs side by side. This ends as they begin: there are always hands for the next look."""
    side_by_side.start(job_ids)
