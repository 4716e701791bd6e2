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
from resets.limits.rules import OverLimit, Use
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
        subject.campaign,
    )
    _tell(case, use, by)
    if use.limit.trips and not error.budget.tripped:
        _trip(error, case, by)


def _tell(case: Refusal, use: Use, by: By) -> None:
    until = period_end(timezone.now())
    guard = guard_id(case.place, use, until)
    if _counted_on(guard):
        return
    if RefusalCount.objects.filter(site=case.place, until=until).count() >= MOST_KINDS:
        guard = guard_id(case.place, None, until)
        case = Refusal(case.organisation, case.site, asker=case.asker)
    if _counted_from(guard, case, until) == 1:
        handle(RecordRefusal(case, until), guard, _because(by))


def sum_up(now: datetime | None = None) -> int:
    """Tell of the periods that are over; answers with how many. Run twice, it tells once."""
    over = RefusalCount.objects.filter(until__lt=now or timezone.now()).order_by("until", "id")
    rows = list(over[:500])
    for row in rows:
        case = msgspec.json.decode(row.facts, type=Refusal)
        # Whoever counted the first one may have died before it was recorded.
        orders = (RecordRefusal(case, row.until), SumRefusals(case, row.until))
        handle_all([Order(order, row.id) for order in orders], JOB)
    return len(rows)


@supplies(Tally)
def tally(command: object, guard: GuardState, by: By) -> Tally:
    """What was counted, taken out of the table in the transaction that tells of it: so everybody
    is told of once, whatever dies when. Who comes later is counted from one again.
    """
    counted = database.rows("DELETE FROM limit_refusal WHERE id = %s RETURNING count", [guard.id])
    return Tally(counted[0][0] if counted else 0)


def _trip(error: OverLimit, case: Refusal, by: By) -> None:
    use, site = error.reached.use, case.site
    assert use.thing and site  # alarms are a site's
    alarm = breaker_id(site, use.thing)
    row = Breaker.objects.for_jobs().filter(pk=alarm).first()
    if row is not None and (row.tripped or row.closed_at != use.since):
        return  # somebody has set it off, or closed it, since this was decided
    times = row.times if row else 0
    handle(TripBreaker(use.limit.scope, case, times), alarm, _because(by))


def _because(by: By) -> By:
    return By(JOB.actor, by.source, by.reason, by.correlation, by.causation)


def _counted_on(guard: UUID) -> bool:
    """Count one more, where the first one has been counted."""
    return bool(database.rows(_ON_POSTGRESQL if database.on_postgresql() else _ON, [guard]))


def _counted_from(guard: UUID, case: Refusal, until: datetime) -> int:
    """Count one more, maybe the first; answers with how many there are by now."""
    facts = msgspec.json.encode(case).decode()
    if database.on_postgresql():
        values = [guard, case.place, until, facts]
        return int(database.rows("SELECT limit_refused(%s, %s, %s, %s)", values)[0][0])
    time = connection.ops.adapt_datetimefield_value(until)
    return int(database.rows(_FROM, [guard, case.place, time, facts])[0][0])


_ON = "UPDATE limit_refusal SET count = count + 1 WHERE id = %s RETURNING count"
# A flood need not wait for the disk: what a crash may lose is the last moment's count.
_ON_POSTGRESQL = """
UPDATE limit_refusal SET count = count + 1
FROM (SELECT set_config('synchronous_commit', 'off', true)) AS hastily
WHERE id = %s RETURNING count
"""
_FROM = """
INSERT INTO limit_refusal (id, site, until, count, facts) VALUES (%s, %s, %s, 1, %s)
ON CONFLICT (id) DO UPDATE SET count = count + 1 RETURNING count
"""
