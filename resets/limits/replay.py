"""What other limits would have done: the past, played again under them.

Pure: moving windows over what happened, as the ledger has them. What a limit would have refused
would not have happened, so it does not count for what came after it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from resets.limits.counting import Happened
from resets.limits.rules import Limit


@dataclass(frozen=True)
class RefusedBy:
    """How many one limit would have refused; `words` names it for people."""

    words: str
    count: int


@dataclass(frozen=True)
class Replayed:
    """Of `asked`, so many would have been refused; a refusal by several limits is told once."""

    asked: int
    count: int
    refused: tuple[RefusedBy, ...] = ()

    @property
    def words(self) -> str:
        """For people."""
        if not self.asked:
            return "In the last day nothing was asked for here that they count."
        if not self.count:
            return f"In the last day, none of {self.asked:,} would have been refused."
        return f"In the last day, {self.count:,} of {self.asked:,} would have been refused."


def replay(limits: Sequence[Limit], past: Iterable[Happened], since: datetime) -> Replayed:
    """Play the past again, in order; told is of what is ours, from `since` on."""
    windows: dict[tuple[Limit, UUID], deque[datetime]] = {}
    asked, count, by = 0, 0, Counter[Limit]()
    for one in past:
        hit = [
            (limit, windows.setdefault((limit, one.keys[limit.scope]), deque()))
            for limit in limits
            if limit.counted is one.counted and limit.scope in one.keys
        ]
        for limit, window in hit:
            while window and window[0] <= one.at - timedelta(seconds=limit.window):
                window.popleft()
        full = [limit for limit, window in hit if len(window) >= limit.most]
        if not full:
            for _, window in hit:
                window.append(one.at)
        if one.ours and one.at >= since and hit:
            asked += 1
            count += bool(full)
            by.update(full[:1])
    refused = tuple(RefusedBy(limit.words, n) for limit, n in by.most_common())
    return Replayed(asked, count, refused)
