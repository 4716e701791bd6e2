"""What a schedule's commands are told of the world: looked up in their transaction."""

from __future__ import annotations

from uuid import UUID

from fleet.accounts.access import actor_of, may
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.eventstore.handling import supplies
from fleet.eventstore.messages import By
from fleet.eventstore.store import state_of
from resets.campaigns.state import CampaignState, Selection
from resets.campaigns.steps.by_schedule import ApproveBySchedule, StandingApproval
from resets.campaigns.supplies import reach_of
from resets.schedules.state import SchedulePhase, SchedulePlan, ScheduleState
from resets.schedules.steps import ChangeSchedule, MakeSchedule, Named


@supplies(StandingApproval)
def standing_approval(command: ApproveBySchedule, state: CampaignState, by: By) -> StandingApproval:
    if state.schedule is None:
        return StandingApproval(against="schedule_over")
    schedule = state_of(ScheduleState, state.schedule)
    return StandingApproval(schedule.approver, schedule.approver_id, _against(schedule, state))


def _against(schedule: ScheduleState, campaign: CampaignState) -> str:
    assert schedule.plan
    if schedule.phase in (SchedulePhase.PAUSED, SchedulePhase.ENDED):
        return "schedule_over"
    if schedule.phase is not SchedulePhase.ACTIVE or not _as_agreed(schedule.plan, campaign):
        return "schedule_changed"
    at = (schedule.organisation, schedule.site)
    return "" if approver_may(schedule.approver_id, *at) else "approver_gone"


def _as_agreed(plan: SchedulePlan, campaign: CampaignState) -> bool:
    agreed = (plan.wanted, plan.settings, plan.reason)
    return agreed == (campaign.selection, campaign.settings, campaign.reason)


@supplies(Named)
def named(command: MakeSchedule | ChangeSchedule, state: ScheduleState, by: By) -> Named:
    """What was named before stays, also where it is gone by now: nothing else would be changed
    about such a schedule any more.
    """
    wanted, before = command.selection, state.plan.selection if state.plan else Selection()
    new = Selection(
        nvr=wanted.nvr if wanted.nvr != before.nvr else None,
        devices=tuple({*wanted.devices} - {*before.devices}),
    )
    if new == Selection():
        return Named()
    at = command.ground if isinstance(command, MakeSchedule) else state
    place = CampaignState(state.id, at.organisation, at.site, selection=new)
    return Named(reach_of(by.actor, place))


def approver_may(person_id: str, organisation: UUID | None, site: UUID | None) -> bool:
    """Whether whoever agreed may do so still."""
    person = Person.objects.filter(pk=person_id, is_active=True).first() if person_id else None
    return person is not None and may(actor_of(person), Role.ADMINISTRATOR, organisation, site)
