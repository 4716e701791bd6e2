"""The ledger of uses: take some if every limit has some left, or look what is left.

Called inside the transaction of the command that is counted: when that is refused for another
reason its uses go with it. So uses equal events, and the table can be made again from the log.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import connection

from fleet.eventstore import database
from fleet.eventstore.database import as_time
from fleet.eventstore.tables import Table
from resets.limits.models import LimitUse
from resets.limits.rules import LONGEST, Budget, Left, Use

_table = Table(LimitUse)
Counts = list[tuple[int, datetime | None]]


def take(uses: Sequence[Use], now: datetime, also: Iterable[UUID] = ()) -> Budget:
    """Count one use of each key, and of those that no limit asks for (`also`), if every limit has
    one left; else none at all. Exact under any number at once, until the transaction ends.

    What is left comes in the order of the keys: that in which everybody takes their locks.
    """
    uses = sorted(uses, key=attrgetter("key"))
    counted = {*also, *[use.key for use in uses]}
    counts = _take(uses, counted, now)
    passed = all(used < use.limit.most for use, (used, _) in zip(uses, counts, strict=True))
    return _budget(uses, counts, now, taken=passed)


def look(uses: Sequence[Use], now: datetime) -> Budget:
    """What is left, and which limit would refuse one more. Counts nothing and holds up nobody."""
    return _budget(uses, _look(uses, now), now, taken=False)


def forget(now: datetime) -> int:
    """Delete what no window can reach any more; answers with the number of uses."""
    count, _ = LimitUse.objects.filter(at__lt=now - timedelta(seconds=LONGEST)).delete()
    return count


def add(uses: Iterable[tuple[UUID, datetime]]) -> int:
    """Put uses there as they are, such as those that the log tells of."""
    rows = [_table.row({"key": key, "at": at, "n": _n()}) for key, at in uses]
    _table.insert(rows)
    return len(rows)


def _budget(uses: Sequence[Use], counts: Counts, now: datetime, *, taken: bool) -> Budget:
    lefts = []
    for use, (used, earliest) in zip(uses, counts, strict=True):
        used += taken
        by_time = not use.limit.trips and used >= use.limit.most and not taken
        lefts.append(Left(use, used, _after(use, earliest) if by_time else None))
    return Budget(None if taken else _refusing(lefts, now), tuple(lefts), now)


def _refusing(lefts: Iterable[Left], now: datetime) -> Left | None:
    """An alarm, or else the limit that frees last."""
    full = [left for left in lefts if not left.left]
    return max(full, key=lambda left: (left.limit.trips, left.frees_at or now), default=None)


def _after(use: Use, earliest: Any) -> datetime:
    """When the earliest of as many as the limit allows leaves its window."""
    return as_time(earliest) + timedelta(seconds=use.limit.window)


def _since(use: Use, now: datetime) -> datetime:
    """From when on uses count."""
    start = now - timedelta(seconds=use.limit.window)
    return max(start, use.since) if use.since else start


# --- the two databases ----------------------------------------------------------------------------


def _take(uses: Sequence[Use], counted: Collection[UUID], now: datetime) -> Counts:
    if database.on_postgresql():
        return _call(uses, counted, now)
    # One writer at a time, since BEGIN (see settings): nobody comes in between.
    counts = _look(uses, now)
    if all(used < use.limit.most for use, (used, _) in zip(uses, counts, strict=True)):
        add((key, now) for key in counted)
    return counts


def _look(uses: Sequence[Use], now: datetime) -> Counts:
    if database.on_postgresql():
        return _call(uses, None, now)
    time: Any = connection.ops.adapt_datetimefield_value
    return [
        database.rows(_COUNT, [use.key, time(_since(use, now)), use.limit.most])[0] for use in uses
    ]


_COUNT = """
SELECT count(*), min(at) FROM
    (SELECT at FROM limit_use WHERE key = %s AND at > %s ORDER BY at DESC LIMIT %s)
"""


def _call(uses: Sequence[Use], counted: Collection[UUID] | None, now: datetime) -> Counts:
    """One call on PostgreSQL (see migration 0003): for None, of a look. The lists are written as
    PostgreSQL writes them: lists as parameters cost psycopg half of the decision.
    """
    keys = ",".join([use.key.hex for use in uses])
    rules = ",".join([f"{use.limit.most},{_reach(use, now)}" for use in uses])
    taken = None if counted is None else f"{{{','.join([key.hex for key in counted])}}}"
    return database.rows(_TAKE, [f"{{{keys}}}", f"{{{rules}}}", taken, now])


_TAKE = "SELECT used, earliest FROM limit_take(%s::uuid[], %s::bigint[], %s::uuid[], %s)"


def _reach(use: Use, now: datetime) -> int:
    """How far back uses count, in microseconds."""
    if use.since is None:
        return use.limit.window * 1_000_000
    return (now - _since(use, now)) // timedelta(microseconds=1)


def _n() -> int:
    return random.getrandbits(31)
