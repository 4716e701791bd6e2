"""When the runs of a schedule begin. Pure.

A run has a day, and begins when the window opens first from that day's midnight on; without a
window, at midnight. Both by the clock of the site. A schedule for a whole organisation begins where
the day comes first: at the earliest of these moments over its sites. Each site's devices then wait
for the window by their own clock.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import islice
from zoneinfo import ZoneInfo

from fleet.errors import Refused
from resets.campaigns.settings import Window

AGE_GAP = timedelta(days=7)  # between runs by age: what failed is not tried again each night
MOST_DAYS = 16  # to an opening: clocks may leap over the only hour of a week
LATEST = timedelta(days=731)  # the first run, from now


class Every(StrEnum):
    """What brings a run about: the calendar, or (`AGE`) that passwords are older than so long."""

    MONTHS = "months"
    WEEKS = "weeks"
    AGE = "age"


BOUNDS = {Every.MONTHS: (1, 24), Every.WEEKS: (1, 104), Every.AGE: (1, 3650)}
SHORTEST_MONTH = 28


@dataclass(frozen=True)
class Timing:
    """Every so many months or weeks from the day `first` on; or, from then on, whenever there are
    passwords older than `number` days.
    """

    every: Every
    number: int
    first: date

    @property
    def by_age(self) -> bool:
        return self.every is Every.AGE

    @property
    def period(self) -> timedelta:
        """The shortest time from one run's day to the next one's."""
        if self.by_age:
            return AGE_GAP
        return timedelta(days=self.number * (7 if self.every is Every.WEEKS else SHORTEST_MONTH))

    def day(self, number: int) -> date:
        """The day of the n-th run, from 0: where a month is too short, its last day. Not for runs
        by age.
        """
        if self.every is Every.WEEKS:
            return self.first + timedelta(weeks=self.number * number)
        months = self.first.month - 1 + self.number * number
        year, month = self.first.year + months // 12, months % 12 + 1
        return date(year, month, min(self.first.day, monthrange(year, month)[1]))

    def checked(self, now: datetime) -> Timing:
        """Raises Refused out of bounds."""
        least, most = BOUNDS[self.every]
        if not least <= self.number <= most:
            raise Refused(
                "period_out_of_bounds", f"Between {least:,} and {most:,}, please.", field="number",
                least=least, most=most,
            )  # fmt: skip
        if not -LATEST <= self.first - now.date() <= LATEST:
            raise Refused(
                "first_too_far", "A day within two years from today, please.", field="first"
            )
        return self


def begins(day: date, window: Window, zones: Sequence[ZoneInfo]) -> datetime:
    """When a run of this day begins, in UTC."""
    midnights = [(datetime.combine(day, time(), zone).astimezone(UTC), zone) for zone in zones]
    return min(window.next_opening(midnight, zone) for midnight, zone in midnights)


def opens_after(at: datetime, window: Window, zones: Sequence[ZoneInfo]) -> datetime:
    """When the window is open first from `at` on, anywhere."""
    return min(window.next_opening(at, zone) for zone in zones)


def runs(
    timing: Timing, window: Window, zones: Sequence[ZoneInfo], after: datetime
) -> Iterator[datetime]:
    """When the runs by the calendar begin that begin after this moment, in their order."""
    days = (after.date() - timing.first).days - MOST_DAYS - 2
    longest = 7 if timing.every is Every.WEEKS else 31
    number = max(0, days // (longest * timing.number))
    last = after
    while True:
        moment = begins(timing.day(number), window, zones)
        if moment > last:
            yield (last := moment)
        number += 1


def ahead(
    timing: Timing, window: Window, zones: Sequence[ZoneInfo], after: datetime, many: int
) -> list[datetime]:
    return list(islice(runs(timing, window, zones, after), many))


def due(
    timing: Timing, window: Window, zones: Sequence[ZoneInfo], since: datetime, now: datetime
) -> datetime | None:
    """The newest run by the calendar that was to begin after `since` and up to `now`: those before
    it were missed, and are not made up for.
    """
    newest = None
    for moment in runs(timing, window, zones, since):
        if moment > now:
            return newest
        newest = moment
    raise AssertionError("runs never end")
