"""Celery's side: messages that say "look". Losing one costs a moment, never a job."""

from __future__ import annotations

from typing import Any

import structlog
from celery import Task, shared_task

from fleet.eventstore import subscriptions

log = structlog.get_logger(__name__)


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
    due = subscriptions.due_jobs()
    urgent = subscriptions.urgent_among(due)
    for job_id in due:
        if not wake(run, job_id, urgent=job_id in urgent):
            break  # each further one would wait for the broker as well


@shared_task(name="fleet.eventstore.tasks.run")
def run(job_id: int) -> None:
    """Run one job."""
    subscriptions.run(job_id)
