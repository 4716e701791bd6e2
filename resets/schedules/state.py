"""A schedule of rotations as its events leave it. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

import msgspec

from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import State, state
from resets.campaigns.settings import Settings, each_its_own
from resets.campaigns.state import Selection
from resets.schedules.timing import Timing

LASTING = (1, 2160)  # hours: ninety days
AHEAD = (0, 30)  # days
LONGEST_NAME, LONGEST_REASON = 120, 500


class SchedulePhase(StrEnum):
    """Where a schedule stands. Only an ACTIVE one runs."""

    AWAITING_APPROVAL = "awaiting_approval"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


@dataclass(frozen=True)
class SchedulePlan:
    """What is agreed to. `lasting`: hours from a run's beginning to its campaign's end. `ahead`:
    so many days before a run administrators are told what it would do; 0: they are not.
    """

    name: str
    reason: str
    timing: Timing
    lasting: int
    ahead: int = 3
    selection: Selection = Selection()  # noqa: RUF009 - both are frozen
    settings: Settings = Settings()  # noqa: RUF009

    @property
    def wanted(self) -> Selection:
        """Which devices a run is for."""
        if self.timing.by_age:
            return replace(self.selection, older_than=self.timing.number)
        return self.selection

    @property
    def lasts(self) -> timedelta:
        return timedelta(hours=self.lasting)

    def checked(self, now: datetime) -> SchedulePlan:
        """Raises Refused out of bounds."""
        if not self.reason.strip():
            raise Refused("reason_missing", "Fill this in, please.", field="reason")
        self.timing.checked(now)
        for field, (least, most) in (("lasting", LASTING), ("ahead", AHEAD)):
            if not least <= getattr(self, field) <= most:
                raise Refused(
                    "setting_out_of_bounds", f"Between {least:,} and {most:,}, please.",
                    field=field, least=least, most=most,
                )  # fmt: skip
        if self.lasts > self.timing.period:
            raise Refused(
                "lasts_into_next_run",
                "The next run would come before this one ends. Let it end earlier, or let them "
                "come less often.",
                field="lasting",
            )
        self.selection.checked()
        self.settings.checked()
        return self


@dataclass(frozen=True)
class Against:
    """Devices of a run with the same thing in their way, `why`: a key of `campaigns.state.WHY_NOT`.
    `names` are the first few; `waits`: a campaign waits for them, nobody has to do anything.
    """

    why: str
    devices: int
    names: tuple[str, ...]
    waits: bool


@dataclass(frozen=True)
class Report:
    """What a run would do if it began now: of `chosen` devices it would rotate `possible`."""

    run: int
    begins_at: datetime
    chosen: int
    possible: int
    against: tuple[Against, ...]


@state("schedule")
class ScheduleState(State):
    """`site` is None for one over all sites. `run` counts the runs, also those that were skipped;
    `campaign` and `ran_at` are of the newest. `counts_from`: runs that were to begin before, while
    nobody had agreed or it was paused, are not made up for. `skipped`: the newest run was.
    `site_closed`: it ended because of that.
    """

    plan: SchedulePlan | None = None
    maker: str = ""
    maker_id: str = ""
    phase: SchedulePhase = SchedulePhase.AWAITING_APPROVAL
    digest: str = ""
    approver: str = ""
    approver_id: str = ""
    counts_from: datetime | None = None
    run: int = 0
    campaign: UUID | None = None
    ran_at: datetime | None = None
    skipped: bool = False
    site_closed: bool = False
    report: Report | None = None


def digest_of(schedule: UUID, place: UUID, plan: SchedulePlan) -> str:
    """What a second person agrees to."""
    return hashlib.sha256(msgspec.json.encode([schedule, place, plan])).hexdigest()


def run_id(schedule: UUID, run: int) -> UUID:
    """The campaign of a schedule's n-th run: a clock that strikes twice begins no second one."""
    return uuid5(schedule, f"run {run}")


def of_each_its_own(fields: dict[str, Any]) -> dict[str, Any]:
    """An event's `plan`, from before one password for all devices of a site could be asked."""
    return fields | {"plan": each_its_own(fields["plan"])}


def refuse_unless(schedule: ScheduleState, *phases: SchedulePhase) -> None:
    """Refuse what does not fit to where a schedule stands."""
    if schedule.phase not in phases:
        raise Conflict(
            "schedule_stands_elsewhere",
            f"The schedule is {schedule.phase.value.replace('_', ' ')} by now. Look where it "
            "stands.",
            phase=schedule.phase.value,
        )
