"""A campaign that a schedule plans, and the approval of the schedule that stands for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fleet.accounts.state import Role
from fleet.errors import Conflict
from fleet.eventstore.messages import Command, Event, command, event, supplied
from resets.campaigns.settings import Settings
from resets.campaigns.state import CampaignPhase, CampaignState, Kind, Selection
from resets.campaigns.steps.approve_campaign import Approved
from resets.campaigns.steps.plan_campaign import CampaignPlanned


@dataclass(frozen=True)
class StandingApproval:
    """Whether the approval of a campaign's schedule holds for it. `against`: why it does not."""

    approver: str = ""
    approver_id: str = ""
    against: str = ""


WHY_NOT_STANDING = {
    "schedule_over": "the schedule is paused or has ended",
    "schedule_changed": "the schedule was changed since",
    "approver_gone": "whoever agreed to the schedule may not do so any more",
}


@event("resets.campaign_approved_by_schedule")
class ApprovedBySchedule(Approved):
    """{approver} has agreed to the schedule that the campaign belongs to."""


@event("resets.campaign_not_approved_by_schedule")
class NotApprovedBySchedule(Event[CampaignState]):
    """The campaign waits for a second person: {against}."""

    against: str

    def evolve(self, state: CampaignState) -> CampaignState:
        return state

    def told(self, actor: str) -> str:
        why = WHY_NOT_STANDING.get(self.against, self.against)
        return f"The campaign waits for a second person: {why}."


@command(by=Role.JOB, creates=True)
class PlanRun(Command[CampaignState]):
    """Plan the campaign of a schedule's run: a rotation, planned by who made the schedule."""

    organisation: UUID
    site: UUID | None
    name: str
    reason: str
    selection: Selection
    settings: Settings
    ends_at: datetime
    planner: str
    planner_id: str
    schedule: UUID

    def decide(self, state: CampaignState, now: datetime) -> Iterable[Event[CampaignState]]:
        if self.ends_at <= now:
            raise Conflict("run_is_over", "The run would have ended by now.")
        yield CampaignPlanned(kind=Kind.ROTATION, **self.__dict__)


@command(by=Role.JOB)
class ApproveBySchedule(Command[CampaignState]):
    """Let a sealed campaign go on by the approval of its schedule, if that still holds."""

    approval: StandingApproval = supplied()

    def decide(self, state: CampaignState, now: datetime) -> Iterable[Event[CampaignState]]:
        if state.phase is not CampaignPhase.AWAITING_APPROVAL or state.schedule is None:
            return
        if self.approval.against:
            yield NotApprovedBySchedule(self.approval.against)
        else:
            yield ApprovedBySchedule(self.approval.approver, self.approval.approver_id, now)
