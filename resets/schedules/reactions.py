"""What follows from a run: its campaign goes on by the schedule's approval, and people are told."""

from __future__ import annotations

from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import reaction
from resets.campaigns.state import CampaignState
from resets.campaigns.steps.by_schedule import ApproveBySchedule
from resets.campaigns.steps.seal_plan import PlanSealed
from resets.notices.reactions import tell_each
from resets.notices.readers import administrators
from resets.schedules.letters import of_asked, of_run
from resets.schedules.state import SchedulePhase
from resets.schedules.steps import RunTold, ScheduleChanged, ScheduleMade


@reaction(PlanSealed, urgent=True)
def approve_by_schedule(recorded: Recorded) -> None:
    """Let the campaign of a run go on. One whose approval does not hold waits for a person."""
    if state_of(CampaignState, recorded.stream).schedule:
        handle(ApproveBySchedule(), recorded.stream, recorded.because("begin the schedule's run"))


@reaction(ScheduleMade, ScheduleChanged, urgent=True)
def ask_for_schedule(recorded: Recorded) -> None:
    """Ask the other administrators, as long as nobody has answered, or changed it once more."""
    schedule, case = of_asked(recorded)
    event = recorded.event
    assert isinstance(event, ScheduleMade | ScheduleChanged)
    if schedule.phase is SchedulePhase.AWAITING_APPROVAL and schedule.digest == event.digest:
        others = administrators(case.organisation, case.site, but=event.maker_id)
        tell_each(case, others)


@reaction(RunTold)
def tell_of_run(recorded: Recorded) -> None:
    """Write to the administrators what a run would do, once, some days before it."""
    case = of_run(recorded)
    tell_each(case, administrators(case.organisation, case.site))
