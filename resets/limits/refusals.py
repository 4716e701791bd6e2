"""Refusals are facts too, but a flood of them is one fact.

The first refusal by a limit, over one thing, in ten minutes is an event at once; those after it are
only counted, and told together when the ten minutes are over. The counts are in a plain table: what
a crash may lose of them is the last moment's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection
from django.utils import timezone

from fleet.errors import Refused
from fleet.eventstore import database
from fleet.eventstore.handling import Order, handle, handle_all, supplies, when_refused
from fleet.eventstore.messages import Actor, By, Command
from resets.limits.models import Breaker, RefusalCount
from resets.limits.rules import OverLimit
from resets.limits.state import GuardState, Refusal, breaker_id, guard_id, period_end
from resets.limits.steps import RecordRefusal, SumRefusals, Tally, TripBreaker

MOST_KINDS = 20  # of refusals at one site in ten minutes that are told apart
JOB = By(Actor.job("count refusals"))


def register() -> None:
    when_refused("limit_reached", count)
    when_refused("breaker_tripped", count)


def count(error: Refused, command: Command[Any], stream: UUID, by: By) -> None:
    """Count a refusal, record the first of its kind, and set off the alarm if it is for that."""
    if not isinstance(error, OverLimit) or error.budget.subject is None:
        return
    subject, use = error.budget.subject, error.reached.use
    case = Refusal(
        subject.organisation,
        subject.site,
        use.limit,
        use.what,
        subject.device,
        subject.device_name,
        by.actor.name,
        error.reached.frees_at,
    )
    until = period_end(timezone.now())
    guard = guard_id(subject.site, use.key, until)
    before = _bump(guard, case, until)
    if before == 1 and _kinds(subject.site, until) > MOST_KINDS:
        case = Refusal(subject.organisation, subject.site, asker=by.actor.name)
        guard = guard_id(subject.site, None, until)
        before = _bump(guard, case, until)
    if before == 1:
        handle(RecordRefusal(case, until), guard, _because(by))
    if use.limit.trips and not error.budget.tripped:
        _trip(error, case, by)


def sum_up(now: datetime | None = None) -> int:
    """Tell of the periods that are over; answers with how many. Run twice, it tells once."""
    over = RefusalCount.objects.filter(until__lt=now or timezone.now()).order_by("until", "id")
    rows = list(over[:500])
    for row in rows:
        case = msgspec.json.decode(row.facts, type=Refusal)
        # Whoever counted the first one may have died before it was recorded.
        orders = (RecordRefusal(case, row.until), SumRefusals(case, row.until))
        handle_all([Order(order, row.id) for order in orders], JOB)
        RefusalCount.objects.filter(id=row.id, count=row.count).delete()
    return len(rows)


@supplies(Tally)
def tally(command: object, guard: GuardState, by: By) -> Tally:
    counted = RefusalCount.objects.filter(id=guard.id).values_list("count", flat=True).first()
    return Tally(counted or 0)


def _trip(error: OverLimit, case: Refusal, by: By) -> None:
    use, site = error.reached.use, case.site
    assert use.thing
    alarm = breaker_id(site, use.thing)
    row = Breaker.objects.for_jobs().filter(pk=alarm).first()
    if row is not None and (row.tripped or row.closed_at != use.since):
        return  # somebody has set it off, or closed it, since this was decided
    times = row.times if row else 0
    handle(TripBreaker(use.limit.scope, case, times), alarm, _because(by))


def _because(by: By) -> By:
    return By(JOB.actor, by.source, by.reason, by.correlation, by.causation)


def _kinds(site: UUID, until: datetime) -> int:
    return RefusalCount.objects.filter(site=site, until=until).count()


def _bump(guard: UUID, case: Refusal, until: datetime) -> int:
    """Count one more; answers with how many there are by now."""
    facts = msgspec.json.encode(case).decode()
    if database.on_postgresql():
        values = [guard, case.site, until, facts]
        return int(database.rows("SELECT limit_refused(%s, %s, %s, %s)", values)[0][0])
    time = connection.ops.adapt_datetimefield_value(until)
    return int(database.rows(_BUMP, [guard, case.site, time, facts])[0][0])


_BUMP = """
INSERT INTO limit_refusal (id, site, until, count, facts) VALUES (%s, %s, %s, 1, %s)
ON CONFLICT (id) DO UPDATE SET count = count + 1 RETURNING count
"""
