"""How a campaign goes about its devices: in which order, how fast, when, and when it stops itself.

Pure. What is out of bounds is refused when a campaign is planned or changed, not when its events
are read: settings that were allowed once stay readable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fleet.errors import Refused

BOUNDS = {
    "canary": (0, 100),
    "wave": (0, 10_000),
    "at_once": (1, 500),
    "pace": (0, 6_000),
    "stop_share": (0, 100),
}
LONGEST = timedelta(days=366)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Window:
    """When devices may be begun: on these days of the week (0 is Monday), from `opens` to `closes`
    in the site's own zone, as "HH:MM". One that closes before it opens goes past midnight, and
    belongs to the day on which it opened. Without days: at any time.

    The clocks at the site decide: an hour that they show twice counts twice, one that they leave
    out does not count.
    """

    days: tuple[int, ...] = ()
    opens: str = "00:00"
    closes: str = "00:00"

    @property
    def always(self) -> bool:
        return not self.days

    def is_open(self, at: datetime, zone: ZoneInfo) -> bool:
        if self.always:
            return True
        local = at.astimezone(zone)
        opens, closes, now = _time(self.opens), _time(self.closes), local.time()
        if opens < closes:
            return local.weekday() in self.days and opens <= now < closes
        yesterday = (local.weekday() - 1) % 7
        return (local.weekday() in self.days and now >= opens) or (
            yesterday in self.days and now < closes
        )

    def next_opening(self, at: datetime, zone: ZoneInfo) -> datetime:
        """From when on it is open, from `at` on; `at` itself while it is open."""
        if self.is_open(at, zone):
            return at
        return min(m for m in self._moments(at, zone) if m > at and self.is_open(m, zone))

    def _moments(self, at: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """When it may open within two weeks and a day, the second in case the clocks are set
        forward over the first: at its time, and at any quarter of an hour of such a day.
        """
        today = at.astimezone(zone).date()
        for ahead in range(16):
            day = today + timedelta(days=ahead)
            begins, ends = (
                datetime.combine(day + timedelta(days=n), time(), zone).astimezone(UTC)
                for n in (0, 1)
            )
            opening = datetime.combine(day, _time(self.opens), zone)
            yield opening.astimezone(UTC)
            if ends - begins != timedelta(days=1):
                yield opening.replace(fold=1).astimezone(UTC)
                yield from (begins + timedelta(minutes=15 * n) for n in range(4 * 26))

    def checked(self) -> Window:
        """Raises Refused for one that never opens."""
        if self.always:
            return self
        if any(day not in range(7) for day in self.days):
            raise Refused("window_days_wrong", "Days are 0, Monday, to 6, Sunday.", field="days")
        for field, text in (("opens", self.opens), ("closes", self.closes)):
            try:
                _time(text)
            except ValueError as error:
                raise Refused(
                    "window_time_wrong", f"“{text[:20]}” is no time such as 02:00.", field=field
                ) from error
        if self.opens == self.closes:
            raise Refused(
                "window_never_opens",
                "A window that opens and closes at the same time never opens.",
                field="closes",
            )
        return self


@dataclass(frozen=True)
class Settings:
    """`canary`: devices of the first ring, one of each model first; 0 for none. `wave`: devices of
    each ring after it; 0 for all. `at_once`: devices in work at one time, for each site. `pace`:
    devices begun a minute; 0 for as fast as it goes. `one_per_nvr`: never more than one camera of
    an NVR at a time. `stop_share`: the share of failures, in percent of those that ended, at which
    it stops itself; 0 for never. `one_password`: one for all devices of a site, where its rules
    allow that, instead of one for each.
    """

    canary: int = 3
    wave: int = 0
    at_once: int = 20
    pace: int = 0
    one_per_nvr: bool = False
    stop_share: int = 10
    window: Window = Window()
    one_password: bool = False

    def checked(self) -> Settings:
        """These settings, when they are to be used from now on. Raises Refused out of bounds."""
        for name, (least, most) in BOUNDS.items():
            if not least <= getattr(self, name) <= most:
                raise Refused(
                    "setting_out_of_bounds",
                    f"Between {least:,} and {most:,}, please.",
                    field=name,
                    least=least,
                    most=most,
                )
        self.window.checked()
        return self

    def allowance(self, begun: BegunLately) -> int:
        """How many devices the pace lets begin now: spread over the minute, a few at a time."""
        if not self.pace:
            return 10_000
        shortly = -(-self.pace * SHORTLY // 60)
        return max(0, min(self.pace - begun.minute, shortly - begun.shortly))


def each_its_own(fields: dict[str, Any]) -> dict[str, Any]:
    """An event's `settings`, from before one password for all devices of a site could be asked."""
    kept = {"one_password": False}  # nosec B105 - it names a setting
    return fields | {"settings": fields["settings"] | kept}


SHORTLY = 5  # seconds


@dataclass(frozen=True)
class BegunLately:
    """How many devices were begun within the last minute, and within the last few seconds."""

    minute: int = 0
    shortly: int = 0


FEWEST_ENDED = 5  # below that many, a share says nothing


def too_many_failed(settings: Settings, failed: int, ended: int) -> bool:
    """Whether so many of those that ended have failed that a campaign stops itself.

    In a canary ring that is smaller than that, all of it is enough.
    """
    enough = ended >= min(FEWEST_ENDED, settings.canary or FEWEST_ENDED)
    return bool(settings.stop_share and enough and failed * 100 >= settings.stop_share * ended > 0)


def canaries_left(settings: Settings, in_work: int, tried: int) -> int | None:
    """How many devices may be begun while the first few are still tried; None: all others too.

    `tried`: those that came to an end at the device. Where one of the canary ring cannot be tried,
    because it is away or its code is missing, the next one in line stands in for it: what is
    promised is that no more than so many are touched before so many have ended.
    """
    return None if tried >= settings.canary else max(0, settings.canary - tried - in_work)


@dataclass(frozen=True, slots=True)
class InLine:
    """A device in a campaign's line. `nvr`: what it is on. `ready`: nothing is in its way."""

    key: UUID
    model: str
    nvr: UUID | None = None
    ready: bool = True


def rings(line: Sequence[InLine], settings: Settings) -> dict[UUID, int]:
    """The ring of each device: 0 is the canary ring, waves of the others follow in their order.

    No camera is in a ring before that of its NVR, where the NVR is in the line, and ahead of it:
    Rekey needs the NVR's own password to tell it that of its camera.
    """
    ring = dict.fromkeys(_canaries(line, settings.canary), 0)
    rest = [one.key for one in line if one.key not in ring]
    wave = settings.wave or len(rest) or 1
    return ring | {key: 1 + place // wave for place, key in enumerate(rest)}


def _canaries(line: Sequence[InLine], most: int) -> set[UUID]:
    """One of each model first, those that are ready before the others; a camera with its NVR."""
    by_key = {one.key: one for one in line}
    in_turn = sorted(line, key=lambda one: not one.ready)
    chosen: set[UUID] = set()
    models: set[str] = set()

    def take(one: InLine) -> None:
        needed = [k for k in (one.nvr, one.key) if k in by_key and k not in chosen]
        if len(chosen) + len(needed) <= most:
            chosen.update(k for k in needed if k)
            models.update(by_key[k].model for k in needed if k)

    for one in in_turn:
        if one.model not in models:
            take(one)
    for one in in_turn:
        if len(chosen) == most:
            break
        take(one)
    return chosen


def _time(text: str) -> time:
    """Raises ValueError."""
    return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
