"""Devices get into trouble, and reactions to that are owed."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db.models import F

from devices.steps.check_device import RecordTrouble
from fleet.eventstore import subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.models import Job
from tests.cast import SETUP


class Crash(BaseException):
    """The process is gone from one moment to the next."""


def happen(target: UUID, number: int) -> None:
    handle(RecordTrouble(f"trouble {number}"), target, SETUP)


def pass_time(seconds: float) -> None:
    """Everything that waits has waited so much longer."""
    gone = timedelta(seconds=seconds)
    Job.objects.update(
        due_at=F("due_at") - gone,
        lease_until=F("lease_until") - gone,
        woken_at=F("woken_at") - gone,
    )


def owed() -> Job:
    [job] = Job.objects.all()
    return job


def run_due() -> None:
    for job_id in subscriptions.due_jobs():
        subscriptions.run(job_id)
