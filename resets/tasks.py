"""Celery's side of limits and campaigns: what beat asks for from time to time."""

from __future__ import annotations

import time
from uuid import UUID

import structlog
from celery import shared_task
from django.utils import timezone

from fleet.eventstore.subscriptions import sweeping
from fleet.eventstore.tasks import sweep, wake
from resets.campaigns import process
from resets.limits import ledger, refusals
from resets.schedules import clock


@shared_task(name="resets.tasks.sum_refusals")
def sum_refusals() -> None:
    """Tell of the refusals of the periods that are over."""
    while refusals.sum_up():
        pass


@shared_task(name="resets.tasks.forget_uses")
def forget_uses() -> None:
    """Delete what no limit can look back at any more."""
    ledger.forget(timezone.now())


log = structlog.get_logger(__name__)
LONGEST_TURNS = 5.0  # seconds; then the next message goes on
BREATH = 2  # times as long as the turns took, so that busy machines take fewer
SHORTEST, LONGEST = 0.05, 0.3  # seconds


@shared_task(name="resets.tasks.advance_campaigns")
def advance_campaigns() -> None:
    """Let each campaign go on, for as long as there is something to do."""
    until = time.monotonic() + LONGEST_TURNS
    for campaign in process.open_campaigns():
        try:
            while _turns(campaign) and time.monotonic() < until:
                pass
        except Exception:
            # One that cannot go on keeps no other one waiting; its turn is taken again next time.
            log.exception("turn_failed", campaign=str(campaign))


def _turns(campaign: UUID) -> int:
    """One turn, then a breath: many devices that end and begin in one turn cost little more than a
    few.
    """
    began = time.monotonic()
    with sweeping():
        done = process.advance(campaign)
    if done:
        ended = time.monotonic()
        until = ended + min(max(BREATH * (ended - began), SHORTEST), LONGEST)
        sweep()
        time.sleep(max(until - time.monotonic(), 0))
    return done


_woken = 0.0


def go_on_soon() -> None:
    """Let campaigns go on because a device of one has come to its end; beat does so each second."""
    global _woken
    if time.monotonic() - _woken > LONGEST:
        _woken = time.monotonic()
        wake(advance_campaigns, urgent=True)


@shared_task(name="resets.tasks.strike_schedules")
def strike_schedules() -> None:
    """Begin the runs that are due, and tell of those that come."""
    for schedule in clock.active():
        try:
            clock.strike(schedule)
        except Exception:
            # One that cannot be begun keeps no other one waiting; it is tried again next time.
            log.exception("schedule_failed", schedule=str(schedule))
