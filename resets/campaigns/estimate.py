"""How long a campaign takes, before it begins: a guess from its list and its settings. Pure.

What a device takes is what most take that answer: a few calls to set the password, and a try at
each of its doors. Devices that do not answer are waited for beside the others, and not counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from resets.campaigns.settings import Settings, Window

EACH = timedelta(seconds=15)
MOST_DAYS = 400  # longer than any campaign may last


@dataclass(frozen=True)
class Share:
    """Devices of one ring at one site that are on one NVR; `nvr` None: on none."""

    site: UUID
    ring: int
    nvr: UUID | None
    devices: int


def work(shares: Iterable[Share], settings: Settings, each: timedelta = EACH) -> timedelta:
    """How long all of them take while the window is open: ring after ring, the sites side by side,
    as many at one time as is allowed there, and no faster than the pace.
    """
    rings: dict[int, list[Share]] = defaultdict(list)
    for share in shares:
        rings[share.ring].append(share)
    return sum((_ring(some, settings, each) for some in rings.values()), timedelta())


def _ring(shares: list[Share], settings: Settings, each: timedelta) -> timedelta:
    at: dict[UUID, list[Share]] = defaultdict(list)
    for share in shares:
        at[share.site].append(share)
    turns = max(_turns(some, settings) for some in at.values())
    longest = turns * each
    if not settings.pace:
        return longest
    devices = sum(share.devices for share in shares)
    return max(longest, timedelta(minutes=devices / settings.pace))


def _turns(shares: list[Share], settings: Settings) -> int:
    """How many devices of a site follow one another where the most do."""
    devices = sum(share.devices for share in shares)
    turns = -(-devices // settings.at_once)
    if settings.one_per_nvr:
        turns = max([turns, *(share.devices for share in shares if share.nvr)])
    return turns


def through(begins: datetime, needed: timedelta, window: Window, zone: ZoneInfo) -> datetime | None:
    """When so much work is done that goes on within a window alone; None: not within a year."""
    at, left = begins, needed
    for _ in range(MOST_DAYS):
        at = window.next_opening(at, zone)
        if window.always:
            return at + left
        closes = _closes(window, at, zone)
        if at + left <= closes:
            return at + left
        left -= closes - at
        at = closes
    return None


def _closes(window: Window, at: datetime, zone: ZoneInfo) -> datetime:
    """When a window closes that is open now."""
    local = at.astimezone(zone)
    time = datetime.strptime(window.closes, "%H:%M").time()  # noqa: DTZ007 - a time of day
    for ahead in range(3):
        day = local.date() + timedelta(days=ahead)
        closes = datetime.combine(day, time, zone).astimezone(UTC)
        if closes > at:
            return closes
    raise AssertionError("a window closes within a day")
