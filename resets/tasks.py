"""Celery's side of limits: what beat asks for from time to time."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from resets.limits import ledger, refusals


@shared_task(name="resets.tasks.sum_refusals")
def sum_refusals() -> None:
    """Tell of the refusals of the periods that are over."""
    while refusals.sum_up():
        pass


@shared_task(name="resets.tasks.forget_uses")
def forget_uses() -> None:
    """Delete what no limit can look back at any more."""
    ledger.forget(timezone.now())
