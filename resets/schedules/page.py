"""A schedule as pages show it, to one reader: nothing is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.functional import cached_property

from devices import queries as devices
from fleet.audit.entries import Entry, story_of
from fleet.eventstore.messages import Actor, Command
from resets.approvals.asking import Says, Step
from resets.campaigns import sharing
from resets.campaigns.plan_lines import CampaignLine, campaign_lines
from resets.campaigns.state import WHY_NOT, CampaignState
from resets.notices.queries import notices_of
from resets.schedules import queries, words
from resets.schedules.queries import Standing
from resets.schedules.state import SchedulePhase, SchedulePlan, ScheduleState
from resets.schedules.steps import (
    ApproveSchedule,
    ChangeSchedule,
    EndSchedule,
    PauseSchedule,
    ResumeSchedule,
)
from resets.schedules.timing import Every, Timing
from resets.words import Look

RUNS = 10  # of those before, that are shown


SAYS: dict[type[Command[Any]], Says] = {
    ApproveSchedule: Says(
        "Agree", "Agree to this schedule?", "user-check", "Agreed. Its runs begin by themselves.",
        "primary",
    ),
    ChangeSchedule: Says(
        "Change it", "Change the schedule", "pencil",
        "Changed. Another administrator has to agree to it now.",
    ),
    PauseSchedule: Says(
        "Pause", "Pause the schedule?", "circle-pause", "Paused. No further run begins.",
    ),
    ResumeSchedule: Says(
        "Go on", "Let the schedule go on?", "circle-play", "It goes on with its next run.",
        "primary",
    ),
    EndSchedule: Says(
        "End it", "End the schedule?", "flag", "Ended. No further run begins.", "danger",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class SchedulePage:
    standing: Standing
    actor: Actor

    @classmethod
    def of(cls, actor: Actor, schedule: UUID) -> SchedulePage:
        return cls(queries.standing(actor, schedule), actor)

    @property
    def row(self) -> Any:
        return self.standing.row

    @property
    def state(self) -> ScheduleState:
        return self.standing.state

    @property
    def plan(self) -> SchedulePlan:
        assert self.state.plan
        return self.state.plan

    @cached_property
    def shared(self) -> sharing.SharedNote | None:
        """The warning that stays; None for one that asks for no password of all, or is over."""
        if not self.plan.settings.one_password or self.state.phase is SchedulePhase.ENDED:
            return None
        at = self.state
        wanted = CampaignState(at.id, at.organisation, at.site, selection=self.plan.wanted)
        return sharing.SharedNote(sharing.forbidden_at(sharing.sites_of(self.actor, wanted)))

    @property
    def look(self) -> Look:
        return words.PHASES[self.state.phase]

    @property
    def place(self) -> str:
        return words.place_of(self.state)

    @property
    def timing(self) -> str:
        return words.timing(self.plan.timing)

    @property
    def window(self) -> str:
        return words.window(self.plan.settings.window)

    @property
    def lasting(self) -> str:
        return words.lasting(self.plan.lasting)

    @property
    def devices(self) -> str:
        """Which devices a run is for."""
        return words.selection(self.plan.wanted, self._nvr)

    @property
    def how(self) -> str:
        return words.how(self.plan.settings)

    @property
    def awaits(self) -> bool:
        return self.state.phase is SchedulePhase.AWAITING_APPROVAL

    @property
    def may_agree(self) -> bool:
        return ApproveSchedule in self.standing.offered

    @property
    def own(self) -> bool:
        return self.awaits and self.standing.person == self.state.maker_id

    @cached_property
    def steps(self) -> list[Step]:
        """Those beside the answer that it waits for."""
        offered = (one for one in self.standing.offered if one is not ApproveSchedule)
        return [self.step(command) for command in offered]

    @property
    def approval(self) -> Step:
        return self.step(ApproveSchedule)

    def step(self, command: type[Command[ScheduleState]]) -> Step:
        return Step(command, SAYS[command], self.state.digest)

    @cached_property
    def runs(self) -> list[CampaignLine]:
        """The campaigns of the runs before, the newest first."""
        return campaign_lines(self.actor, queries.runs(self.actor, self.row.pk)[:RUNS])

    @property
    def against(self) -> list[tuple[str, Any]]:
        """What the newest report has found in the way."""
        report = self.state.report
        return [(WHY_NOT.get(one.why, one.why), one) for one in report.against] if report else []

    @cached_property
    def told(self) -> list[Any]:
        """Who was told by mail, for `resets/notices/told.html`."""
        return list(notices_of(self.actor, self.row.pk))

    @property
    def entries(self) -> list[Entry]:
        """The story for the timeline, newest first."""
        return story_of(self.standing.story)

    @property
    def _nvr(self) -> str:
        chosen = self.plan.selection.nvr
        row = devices.devices(self.actor).filter(pk=chosen).first() if chosen else None
        return row.name if row else ""


@dataclass(frozen=True)
class Line:
    """A schedule in the list."""

    row: Any
    place: str

    @property
    def look(self) -> Look:
        return words.PHASES[SchedulePhase(self.row.phase)]

    @property
    def timing(self) -> str:
        return words.timing(Timing(Every(self.row.every), self.row.number, self.row.first))


def lines(actor: Actor, rows: Sequence[Any]) -> list[Line]:
    sites = {row.pk: row.name for row in devices.site_names(actor)}
    return [Line(row, sites.get(row.site, "") if row.site else "All sites") for row in rows]
