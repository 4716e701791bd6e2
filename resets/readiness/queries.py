"""What pages and calls ask about readiness and drills. Everything asks as somebody.

The facts of a whole fleet are looked up in a bounded number of queries, and the score is worked out
for all of it: so a list of the worst first, the counts of each reason and a single device's card
follow from the one rule in `score`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.functional import cached_property

from devices import queries as devices
from devices.models import Device
from fleet.accounts.access import open_to, steps_of
from fleet.eventstore.messages import Actor, Command, Recorded
from fleet.eventstore.store import read_stream
from resets.readiness.facts import Known, known_of
from resets.readiness.flaws import Finding, findings
from resets.readiness.kept import scores
from resets.readiness.models import Drill
from resets.readiness.score import REASONS, Band, Reason, Score
from resets.readiness.state import DrillState

# --- readiness ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """How ready one device is."""

    id: UUID
    name: str
    score: Score

    def has(self, reason: str) -> bool:
        return any(one.code == reason for one in self.score.reasons)


class Tally:
    """How ready some devices are in all, by how many have each score."""

    def __init__(self, scores: Counter[Score]) -> None:
        self.scores = scores

    def __len__(self) -> int:
        return self.scores.total()

    @property
    def mean(self) -> int:
        """The score of all of them together."""
        told = sum(score.value * count for score, count in self.scores.items())
        return round(told / len(self)) if self.scores else 0

    @cached_property
    def bands(self) -> list[tuple[Band, int]]:
        """How many there are of each band, the worst first."""
        counted: Counter[Band] = Counter()
        for score, count in self.scores.items():
            counted[score.band] += count
        return [(band, counted[band]) for band in Band]

    @cached_property
    def reasons(self) -> list[tuple[Reason, int]]:
        """How many devices have each reason, the most weight in all first."""
        counted: Counter[str] = Counter()
        for score, count in self.scores.items():
            for reason in score.reasons:
                counted[reason.code] += count
        found = [(REASONS[code], count) for code, count in counted.items()]
        return sorted(found, key=lambda one: (-one[0].weight * one[1], one[0].code))


class Fleet(Tally):
    """How ready all of these devices are, the worst first."""

    def __init__(self, rows: QuerySet[Device]) -> None:
        found = [Ready(one.id, one.name, one.score) for one in known_of(rows)]
        self.all = sorted(found, key=lambda one: (one.score.value, one.name, one.id))
        super().__init__(Counter(one.score for one in self.all))

    def narrowed(
        self, *, reason: str = "", band: Band | None = None, below: int | None = None
    ) -> list[Ready]:
        """Those that are wanted. What is left out does not narrow it down."""
        return [
            one
            for one in self.all
            if (not reason or one.has(reason))
            and (band is None or one.score.band is band)
            and (below is None or one.score.value < below)
        ]


def fleet(actor: Actor, *, text: str = "", site: UUID | None = None) -> Fleet:
    """All devices that may be seen, or those of a site, or with a text."""
    return Fleet(devices.narrowed(devices.devices(actor), text=text, site=site))


def tally(actor: Actor) -> Tally:
    """Of all devices that may be seen."""
    return Tally(scores(actor))


def rows_of(actor: Actor, some: Iterable[Ready]) -> list[tuple[Ready, Device]]:
    """Some of a fleet with the devices' own rows, in the same order."""
    listed = list(some)
    found = devices.devices(actor).filter(pk__in=[one.id for one in listed]).order_by()
    by_id = {row.pk: row for row in found}
    return [(one, by_id[one.id]) for one in listed if one.id in by_id]


@dataclass(frozen=True)
class OfDevice:
    """All that is known of how ready one device is. `drill` is the newest one, if any."""

    known: Known
    findings: tuple[Finding, ...]
    drill: Drill | None

    @property
    def score(self) -> Score:
        return self.known.score


def of_device(actor: Actor, device_id: UUID) -> OfDevice:
    """Raises NotFound, also for a device that has left the fleet."""
    rows = devices.devices(actor).filter(pk=device_id)
    row = devices.one(rows, device_id, "device")
    [known] = known_of(rows)
    return OfDevice(
        known,
        findings(row.manufacturer, row.model, row.firmware),
        drills(actor).filter(device=device_id).first(),
    )


# --- drills ---------------------------------------------------------------------------------------


def drills(actor: Actor) -> QuerySet[Drill]:
    """Drills, the newest first."""
    rows: QuerySet[Drill] = Drill.objects.visible_to(actor)
    return rows.select_related("device", "device__place").order_by("-id")


def drill(actor: Actor, drill_id: UUID) -> Drill:
    """Raises NotFound."""
    return devices.one(drills(actor), drill_id, "drill")


def open_drill_of(actor: Actor, device_id: UUID) -> Drill | None:
    """The one that is under way for a device."""
    return drills(actor).filter(device=device_id, open=True).first()


def steps() -> dict[str, type[Command[DrillState]]]:
    """What people can do about a drill, by the name in its address."""
    return steps_of(DrillState)


@dataclass(frozen=True)
class Standing:
    """All that a page about one drill shows, at one moment. `story` is its events, oldest first."""

    row: Drill
    state: DrillState
    story: list[Recorded]
    offered: list[type[Command[DrillState]]]
    now: datetime


def standing(actor: Actor, drill_id: UUID) -> Standing:
    """How a drill stands. Raises NotFound."""
    row = drill(actor, drill_id)
    story, state, now = read_stream(row.id), DrillState(row.id), timezone.now()
    for recorded in story:
        state = recorded.event.evolve(state)
    offered = open_to(actor, steps(), state, now)
    return Standing(row, state, story, offered, now)
