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
LONGEST_TURNS = 5.0  # seconds; then a message goes on, so that others have the thread as well
BREATH = 1  # times as long as the turns took, so that busy machines take fewer
SHORTEST, LONGEST = 0.05, 0.3  # seconds
PATIENCE = 1.0  # seconds; then the next message from beat looks whether a device has ended


@shared_task(name="resets.tasks.advance_campaigns")
def advance_campaigns() -> None:
    """Let campaigns go on: for as long as there is something to do, and a little longer while a
    device is in work, which will come to its end.
    """
    until = time.monotonic() + LONGEST_TURNS
    did = dict[UUID, float]()
    going = process.open_campaigns()
    while going := _turns(going, did):
        if time.monotonic() > until:
            wake(advance_campaigns, urgent=True)
            return


def _turns(campaigns: list[UUID], did: dict[UUID, float]) -> list[UUID]:
    """A turn of each, then a breath: many devices that end and begin in one turn cost little more
    than a few. Answers with those to go on with; `did`: when each has done something.
    """
    began = time.monotonic()
    with sweeping():
        done = {campaign: _turn(campaign) for campaign in campaigns}
    ended = time.monotonic()
    did |= {one: ended for one, n in done.items() if n}
    going = [one for one, n in done.items() if n or (n == 0 and _waits(one, did, ended))]
    if going:
        if any(done.values()):
            sweep()
            until = ended + min(max(BREATH * (ended - began), SHORTEST), LONGEST)
        else:
            until = ended + LONGEST
        time.sleep(max(until - time.monotonic(), 0))
    return going


def _waits(campaign: UUID, did: dict[UUID, float], now: float) -> bool:
    return now - did.get(campaign, float("-inf")) < PATIENCE and process.in_work(campaign)


def _turn(campaign: UUID) -> int | None:
    """None also where it cannot go on: it keeps no other one waiting, and has its turn again."""
    try:
        return process.advance(campaign)
    except Exception:
        log.exception("turn_failed", campaign=str(campaign))
        return None


@shared_task(name="resets.tasks.strike_schedules")
def strike_schedules() -> None:
    """Begin the runs that are due, and tell of those that come."""
    for schedule in clock.active():
        try:
            clock.strike(schedule)
        except Exception:
            # One that cannot be begun keeps no other one waiting; it is tried again next time.
            log.exception("schedule_failed", schedule=str(schedule))
