"""How a campaign under way gets on: how fast, for how long yet, and what it waits for. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from fleet.web.templatetags.times import distance, in_zone
from resets.campaigns.settings import BegunLately, Settings
from resets.campaigns.state import WHY, CampaignPhase, Standing

LATELY = timedelta(minutes=5)  # over so long the pace is measured
SHORTEST = timedelta(seconds=20)  # what ends in less than that says nothing of a pace
ENDS = (Standing.PROVEN, Standing.UNPROVEN, Standing.FAILED)
CANARY = "the canary ring"
NAMED = 3  # sites or mailboxes that are called by name


def per_minute(ended: int, within: timedelta) -> float | None:
    """The pace achieved, in devices a minute; None while there is none to tell."""
    if not ended:
        return None
    return ended / (max(within, SHORTEST).total_seconds() / 60)


def time_left(to_come: int, achieved: float | None, pace: int = 0) -> timedelta | None:
    """How long the devices that are waiting or in work take at the pace achieved, which another
    one that was set by now holds back; None where there is no telling.
    """
    if not to_come:
        return timedelta()
    if not achieved:
        return None
    rate = min(achieved, pace) if pace else achieved
    return timedelta(minutes=to_come / rate)


def roughly(left: timedelta) -> str:
    """ "about 40 min": no more exact than it can be."""
    minutes = math.ceil(left.total_seconds() / 60)
    if minutes <= 1:
        return "about a minute"
    if minutes < 90:
        return f"about {minutes} min"
    hours = round(minutes / 60)
    return f"about {hours} h" if hours < 48 else f"about {round(hours / 24)} days"


def last_ring(planned: int, settings: Settings) -> int:
    """The number of the last ring; see `settings.rings`."""
    after = planned - min(settings.canary, planned)
    if not after:
        return 0
    return math.ceil(after / settings.wave) if settings.wave else 1


def ring_name(ring: int, last: int, settings: Settings) -> str:
    """What a ring is called; "" where there is but one."""
    if ring == 0 and settings.canary and last:
        return CANARY
    if not settings.wave:
        return "all others" if settings.canary and last else ""
    return f"wave {ring} of {last}"


@dataclass(frozen=True)
class Closed:
    """A site whose window is closed, and when it opens."""

    name: str
    opens: datetime
    zone: tzinfo


@dataclass(frozen=True)
class Missing:
    """Mailboxes whose code was not entered: how many, the first of them, and for how many devices
    it is waited.
    """

    mailboxes: int = 0
    names: tuple[str, ...] = ()
    devices: int = 0


@dataclass(frozen=True)
class Paused:
    by: str
    at: datetime


@dataclass(frozen=True)
class Facts:
    """What is known of a campaign at one moment. `ring`: the one whose turn it is, None if none
    is; `in_ring` counts its devices. `full`: sites at which as many are in work as may be at one
    time. `failures`: how many have failed, of how many that ended, as far as it counts them.
    `alarms`: sites whose resets an alarm holds up.
    """

    phase: CampaignPhase
    now: datetime
    why: str = ""
    settings: Settings = field(default_factory=Settings)
    counts: Counter[Standing] = field(default_factory=Counter)
    planned: int = 0
    failures: tuple[int, int] = (0, 0)
    ring: int | None = None
    in_ring: Counter[Standing] = field(default_factory=Counter)
    begun: BegunLately = field(default_factory=BegunLately)
    full: tuple[str, ...] = ()
    open_sites: int = 1
    closed: tuple[Closed, ...] = ()
    alarms: tuple[str, ...] = ()
    missing: Missing = Missing()
    paused: Paused | None = None
    ends_at: datetime | None = None
    ended_at: datetime | None = None
    zone: tzinfo | None = None

    @property
    def tried(self) -> int:
        """Devices that came to an end at the device itself."""
        return sum(self.counts[end] for end in ENDS)

    @property
    def canaries(self) -> int:
        """How many are tried before the others; 0 where all are."""
        return self.settings.canary if self.settings.canary < self.planned else 0

    @property
    def canaries_in_work(self) -> bool:
        """Whether those that are tried first are all that may be begun for now."""
        return self.tried < self.canaries <= self.tried + self.counts[Standing.RUNNING]

    @property
    def turn(self) -> str:
        """Which ring has its turn; "" where it is no matter. Where one of the canary ring cannot
        be tried, another device stands in for it.
        """
        if self.tried < self.canaries:
            return CANARY
        if not self.settings.wave or not self.ring:
            return ""
        return ring_name(self.ring, last_ring(self.planned, self.settings), self.settings)


@dataclass(frozen=True)
class Outlook:
    """Where a campaign stands, in words."""

    tone: str
    title: str
    sentences: tuple[str, ...]


def outlook(facts: Facts) -> Outlook:
    return _OF[facts.phase](facts)


def _planned(facts: Facts) -> Outlook:
    return Outlook("quiet", "It has not begun", ("Nothing is done to any device yet.",))


def _ended(facts: Facts) -> Outlook:
    failed = sum(facts.counts[s] for s in Standing if s.failed)
    came = "bad" if failed else "ok" if facts.tried else "warn"
    tone = {"finished": came, "unchanged": "warn"}.get(facts.why, "quiet")
    told = [_sentence(WHY.get(facts.why, facts.why))]
    if not facts.tried and facts.why != "unchanged":
        told.append("No device was changed.")
    if failed:
        told.append(f"Of {_devices(failed)} the new password is not proven.")
    return Outlook(tone, "It has ended", tuple(told))


def _ending(facts: Facts) -> Outlook:
    in_work = facts.counts[Standing.RUNNING]
    about = f"{_devices(in_work)} in work {_come(in_work)} to an end." if in_work else ""
    why = _sentence(WHY.get(facts.why, facts.why))
    told = (why, "Nothing more begins.", about)
    return Outlook("busy", "It is coming to its end", tuple(filter(None, told)))


def _paused(facts: Facts) -> Outlook:
    told = []
    if facts.why == "failures":
        failed, ended = facts.failures
        share = f"{failed * 100 / ended:.0f} %" if ended else "too much"
        told.append(
            f"Too many devices failed: {failed:,} of {ended:,} that came to an end, which is "
            f"{share}. It stops itself at {facts.settings.stop_share} %."
        )
    elif facts.why == "approver_gone":
        told.append("Whoever agreed to it may not do so any more. Cancel it, and plan it anew.")
    title = "It paused itself"
    if facts.paused:
        when = f"{in_zone(facts.paused.at, facts.zone)}, {distance(facts.paused.at, facts.now)}"
        title = f"Paused by {facts.paused.by}" if facts.why == "by_person" else title
        told.append(f"Since {when}.")
    told.append("No further device is begun until somebody lets it go on.")
    if in_work := facts.counts[Standing.RUNNING]:
        told.append(f"{_devices(in_work)} in work {_come(in_work)} to an end.")
    return Outlook("bad" if facts.why != "by_person" else "warn", title, tuple(told))


def _running(facts: Facts) -> Outlook:
    in_work, waiting = facts.counts[Standing.RUNNING], facts.counts[Standing.WAITING]
    told = [*_ring(facts), *_in_the_way(facts)]
    if not in_work and not waiting and facts.counts[Standing.PARKED]:
        parked = facts.counts[Standing.PARKED]
        until = f", at the latest until {in_zone(facts.ends_at, facts.zone)}"
        told.append(
            f"{_devices(parked)} {'is' if parked == 1 else 'are'} parked, and taken up when seen "
            f"again{until if facts.ends_at else ''}."
        )
    if not told and not in_work:
        told.append("The next devices begin in a moment.")
    title = f"At work: {facts.turn}" if facts.turn else "At work"
    waits = not in_work and bool(told)
    return Outlook("busy", "It waits" if waits else title, tuple(told))


def _ring(facts: Facts) -> Iterator[str]:
    if not facts.turn:
        return
    over, total = facts.tried, facts.canaries
    if facts.turn != CANARY:
        total = sum(facts.in_ring[s] for s in Standing if s is not Standing.PARKED)
        over = total - facts.in_ring[Standing.WAITING] - facts.in_ring[Standing.RUNNING]
    yield (
        f"{facts.turn[0].upper()}{facts.turn[1:]} has its turn: {over:,} of {total:,} came to an "
        "end. What follows begins when all of it has."
    )


def _in_the_way(facts: Facts) -> Iterator[str]:
    """What keeps devices waiting whose turn it is."""
    if not facts.counts[Standing.WAITING]:
        return
    if facts.alarms:
        yield f"An alarm holds resets up at {', '.join(facts.alarms)}, until somebody closes it."
    for site in facts.closed[:NAMED]:
        yield (
            f"The window at {site.name} opens {in_zone(site.opens, site.zone)}, "
            f"{distance(site.opens, facts.now)}."
        )
    if len(facts.closed) > NAMED:
        yield f"At {len(facts.closed) - NAMED:,} more sites it is closed as well."
    missing = facts.missing
    if missing.mailboxes:
        names = list(missing.names[:NAMED])
        if more := missing.mailboxes - len(names):
            names.append(f"{more:,} more")
        *others, last = names
        of = (
            f"The codes of {', '.join(others)} and {last} were"
            if others
            else f"The code of {last} was"
        )
        yield f"{of} not entered yet: {_devices(missing.devices).lower()} {_wait(missing.devices)}."
    if not facts.open_sites or facts.canaries_in_work:
        return
    if not facts.settings.allowance(facts.begun):
        yield f"It keeps to its pace of {facts.settings.pace:,} devices a minute."
    elif facts.full:
        at = "" if len(facts.full) > NAMED else f" at {' and '.join(facts.full)}"
        yield f"As many as may be at one time are in work{at}: {facts.settings.at_once:,}."


_OF = {
    CampaignPhase.DRAWING_UP: _planned,
    CampaignPhase.AWAITING_APPROVAL: _planned,
    CampaignPhase.RUNNING: _running,
    CampaignPhase.PAUSED: _paused,
    CampaignPhase.ENDING: _ending,
    CampaignPhase.ENDED: _ended,
}


def _devices(count: int) -> str:
    return "1 device" if count == 1 else f"{count:,} devices"


def _come(count: int) -> str:
    return "comes" if count == 1 else "come"


def _wait(count: int) -> str:
    return "waits for it" if count == 1 else "wait for it"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}." if words else ""
