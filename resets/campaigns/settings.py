"""How a campaign goes about its devices: in which order, how fast, when, and when it stops itself.

Pure. What is out of bounds is refused when a campaign is planned or changed, not when its events
are read: settings that were allowed once stay readable.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
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
        local = at.astimezone(zone)
        for ahead in range(8):
            day = local.date() + timedelta(days=ahead)
            opening = datetime.combine(day, _time(self.opens), zone)
            if day.weekday() in self.days and opening > local:
                return opening
        raise AssertionError("a window with days opens within a week")

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
    it stops itself; 0 for never.
    """

    canary: int = 3
    wave: int = 0
    at_once: int = 20
    pace: int = 0
    one_per_nvr: bool = False
    stop_share: int = 10
    window: Window = Window()

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


SHORTLY = 5  # seconds


@dataclass(frozen=True)
class BegunLately:
    """How many devices were begun within the last minute, and within the last few seconds."""

    minute: int = 0
    shortly: int = 0


FEWEST_ENDED = 5  # below that many, a share says nothing


def too_many_failed(settings: Settings, failed: int, ended: int) -> bool:
    """Whether so many of those that ended have failed that a campaign stops itself."""
    enough = ended >= min(FEWEST_ENDED, settings.canary or FEWEST_ENDED)
    return bool(settings.stop_share and enough and failed * 100 >= settings.stop_share * ended > 0)


def rings(models: list[tuple[Any, str]], settings: Settings) -> dict[Any, int]:
    """The ring of each device, given as (key, model) in their order: 0 is the canary ring."""
    ring: dict[Any, int] = {}
    seen: set[str] = set()
    firsts = [key for key, model in models if not (model in seen or seen.add(model))]  # type: ignore[func-returns-value]
    others = [key for key, _ in models if key not in set(firsts)]
    in_order = [*firsts, *others]
    canaries = in_order[: settings.canary]
    for key in canaries:
        ring[key] = 0
    chosen = set(canaries)
    rest = [key for key, _ in models if key not in chosen]
    for place, key in enumerate(rest):
        ring[key] = 1 + (place // settings.wave if settings.wave else 0)
    return ring


def _time(text: str) -> time:
    """Raises ValueError."""
    return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
