"""Limits: so many resets, codes or guesses in a moving window, for each device, mailbox, person …

Pure. `ledger` counts, `supplies` asks it for the commands, `replay` says what other numbers would
have done.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import ceil
from typing import Any
from uuid import UUID

from fleet.errors import Refused

HOUR, DAY = 3600, 86_400


class Counted(StrEnum):
    """What is counted: resets that begin, codes that are sent, codes that are typed."""

    RESETS = "resets"
    CODES = "codes"
    GUESSES = "guesses"


class Scope(StrEnum):
    """Over what it is counted. SOURCE is the address from which somebody asks."""

    DEVICE = "device"
    MAILBOX = "mailbox"
    PERSON = "person"
    SOURCE = "source"
    NVR = "nvr"
    SITE = "site"
    ORGANISATION = "organisation"
    EVERYTHING = "everything"


ORGANISATION_WIDE = (Scope.ORGANISATION,)
FEWEST_CAMERAS = 3  # of an NVR, for "all of its cameras" to mean anything


@dataclass(frozen=True)
class Limit:
    """At most so many in a window of so many seconds.

    `trips`: who goes beyond it sets off the alarm, and from then on it is a person that gives the
    scope free again, not time. With scope `nvr` it is never more than all cameras of the NVR but
    one, and holds for NVRs with three or more.
    """

    counted: Counted
    scope: Scope
    most: int
    window: int
    trips: bool = False

    def checked(self) -> Limit:
        """This limit, when it is to be used from now on. Raises Refused out of bounds.

        Guesses at the code of a mailbox or a device: NIST SP 800-63B-4 leaves 100 in a row, here in
        an hour or longer.
        """
        strict = self.counted is Counted.GUESSES and self.scope in (Scope.MAILBOX, Scope.DEVICE)
        _within("most", self.most, 1, 100 if strict else 10_000)
        _within("window", self.window, HOUR if strict else 60, LONGEST)
        if self.scope is Scope.EVERYTHING:
            raise Refused(
                "limit_elsewhere",
                "This limit is set by whoever runs this Rekey, with REKEY_RESETS_AN_HOUR.",
                field="scope",
            )
        if self.trips and self.scope is Scope.ORGANISATION:
            raise Refused(
                "limit_elsewhere",
                "An alarm goes off at one site. Give it another scope, or let it free by time.",
                field="trips",
            )
        return self

    @property
    def words(self) -> str:
        """For people: `3 codes for one device in 24 h`."""
        one, many = _COUNTED[self.counted]
        counted = one if self.most == 1 else many
        return f"{self.most:,} {counted} {_SCOPES[self.scope]} in {spelled(self.window)}"


LONGEST = 30 * DAY
_COUNTED = {
    Counted.RESETS: ("reset", "resets"),
    Counted.CODES: ("code", "codes"),
    Counted.GUESSES: ("try at a code", "tries at codes"),
}
_SCOPES = {
    Scope.DEVICE: "for one device",
    Scope.MAILBOX: "for one mailbox",
    Scope.PERSON: "by one person",
    Scope.SOURCE: "from one address",
    Scope.NVR: "for the cameras of one NVR",
    Scope.SITE: "at one site",
    Scope.ORGANISATION: "in one organisation",
    Scope.EVERYTHING: "in all of Rekey",
}

# DESIGN §3 gives the first two. The others stop a program and let a busy day pass: a person who
# resets by hand needs two minutes for each.
DEFAULTS = (
    Limit(Counted.CODES, Scope.DEVICE, 3, DAY),
    Limit(Counted.CODES, Scope.MAILBOX, 10, DAY),
    Limit(Counted.CODES, Scope.SOURCE, 30, HOUR),
    Limit(Counted.GUESSES, Scope.MAILBOX, 50, DAY),
    Limit(Counted.GUESSES, Scope.PERSON, 30, HOUR),
    Limit(Counted.GUESSES, Scope.SOURCE, 60, HOUR),
    Limit(Counted.RESETS, Scope.PERSON, 30, HOUR),
    Limit(Counted.RESETS, Scope.SOURCE, 60, HOUR),
    Limit(Counted.RESETS, Scope.SITE, 200, DAY),
    Limit(Counted.RESETS, Scope.SITE, 40, HOUR, trips=True),
    Limit(Counted.RESETS, Scope.NVR, 16, HOUR, trips=True),
    Limit(Counted.GUESSES, Scope.MAILBOX, 20, HOUR, trips=True),
)
ORGANISATION_DEFAULTS = (Limit(Counted.RESETS, Scope.ORGANISATION, 1000, DAY),)
MOST_LIMITS = 40


def checked(limits: Iterable[Limit]) -> tuple[Limit, ...]:
    """The limits of a place, when they are to be used from now on. Raises Refused."""
    limits = tuple(limit.checked() for limit in limits)
    if len(limits) > MOST_LIMITS:
        raise Refused("too_many_limits", f"Set {MOST_LIMITS} limits at most.", field="limits")
    told = {(limit.counted, limit.scope, limit.window, limit.trips) for limit in limits}
    if len(told) < len(limits):
        raise Refused(
            "limit_twice",
            "Two limits count the same in the same window. Leave one of them out.",
            field="limits",
        )
    return limits


def guarded(limits: Iterable[Limit]) -> tuple[Limit, ...]:
    """The limits of a site: as `checked`, and there is one of guesses at the codes of a mailbox."""
    limits = checked(limits)
    if not any(
        limit.counted is Counted.GUESSES and limit.scope is Scope.MAILBOX for limit in limits
    ):
        raise Refused(
            "limit_missing",
            "Without a limit of tries at the codes of one mailbox, a code can be guessed. Set one.",
            field="limits",
        )
    return limits


def in_force(
    site: tuple[Limit, ...] | None,
    organisation: tuple[Limit, ...] | None,
    everything: tuple[Limit, ...] = (),
) -> tuple[Limit, ...]:
    """What holds at a site: its own limits, its organisation's, and those over everything.

    None: nobody has set any, so the defaults hold.
    """
    return (
        *(DEFAULTS if site is None else site),
        *(ORGANISATION_DEFAULTS if organisation is None else organisation),
        *everything,
    )


# --- what is left ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Use:
    """One thing that counts for a limit.

    `key` says over what, as a hash (see `counting`); `what` is its name for people, never a mailbox
    in clear. What was before `since` does not count: somebody has closed the alarm then. `thing`:
    the same key whatever is counted.
    """

    limit: Limit
    key: UUID
    what: str = ""
    since: datetime | None = None
    thing: UUID | None = None


@dataclass(frozen=True)
class Left:
    """What is left of a limit. `frees_at`: when the next one is free; None: now, or (where the
    limit trips) when somebody has looked.
    """

    use: Use
    used: int
    frees_at: datetime | None = None

    @property
    def limit(self) -> Limit:
        return self.use.limit

    @property
    def left(self) -> int:
        return max(0, self.limit.most - self.used)


@dataclass(frozen=True)
class Subject:
    """What it is about, and where that is: a device, or a campaign (whose site is None where it
    goes over several).
    """

    organisation: UUID
    site: UUID | None
    device: UUID | None = None
    device_name: str = ""
    campaign: UUID | None = None


@dataclass(frozen=True)
class Budget:
    """What the limits say of one command: what is left of each, and which one refuses it, if any.

    `tripped`: the alarm went off before, so that nothing was counted. Blank, it refuses nothing.
    """

    refused: Left | None = None
    lefts: tuple[Left, ...] = ()
    at: datetime | None = None
    subject: Subject | None = None
    tripped: bool = False

    def refuse(self) -> None:
        """Raise OverLimit if a limit says no."""
        if self.refused is not None:
            raise OverLimit(self, self.refused)


class OverLimit(Refused):
    """The code is `limit_reached`, or `breaker_tripped` when a person has to look first."""

    def __init__(self, budget: Budget, reached: Left) -> None:
        limit, frees_at = reached.limit, reached.frees_at
        facts: dict[str, Any] = {
            "limit": f"{limit.counted}_{limit.scope}",
            "most": limit.most,
            "window": limit.window,
            "used": reached.used,
            "left": 0,
        }
        if limit.trips:
            super().__init__(
                "breaker_tripped",
                f"The alarm went off: no more than {limit.words}. It stays on until an "
                "administrator of the site has looked at it and closed it. Ask one.",
                **facts,
            )
        else:
            assert frees_at is not None and budget.at is not None
            wait = max(1, ceil((frees_at - budget.at).total_seconds()))
            super().__init__(
                "limit_reached",
                f"No more than {limit.words}. The next one is free in {spelled(wait)}.",
                retry_after=wait,
                frees_at=frees_at.isoformat(),
                **facts,
            )
        self.budget, self.reached = budget, reached


# --- words and bounds -----------------------------------------------------------------------------


def spelled(seconds: int) -> str:
    """A span of time for people: `90 s`, `10 min`, `2 h 5 min`, `24 h`, `30 days`."""
    if seconds < 120:
        return f"{seconds} s"
    minutes = ceil(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    if minutes > 2880:
        return f"{ceil(minutes / 1440)} days"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        words = (
            f"{least:,} and {most:,}" if name == "most" else f"{spelled(least)} and {spelled(most)}"
        )
        raise Refused(
            "limit_out_of_bounds",
            f"Between {words}, please: that is what the standards leave.",
            field=name,
            least=least,
            most=most,
        )
