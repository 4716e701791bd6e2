"""A schedule: made, agreed to, changed, paused, ended; and what its clock does with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from fleet.accounts.state import Human, Role
from fleet.errors import Conflict
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from fleet.names import named
from resets.campaigns.settings import Settings
from resets.campaigns.state import Selection
from resets.campaigns.steps.one_password import Sharing
from resets.campaigns.steps.plan_campaign import Reach
from resets.schedules.state import (
    AHEAD,
    LASTING,
    LONGEST_NAME,
    LONGEST_REASON,
    Report,
    SchedulePhase,
    SchedulePlan,
    ScheduleState,
    digest_of,
    of_each_its_own,
    refuse_unless,
)
from resets.schedules.timing import Every, Timing
from resets.steps.second_person import may_agree, refuse_unless_second, refuse_unless_shown
from resets.steps.site_rules import Place

OPEN = (SchedulePhase.AWAITING_APPROVAL, SchedulePhase.ACTIVE, SchedulePhase.PAUSED)


@event("resets.schedule_made", schema=2, upcast={1: of_each_its_own})
class ScheduleMade(Event[ScheduleState]):
    """{actor} made the schedule {plan.name}: {plan.reason}"""

    organisation: UUID
    site: UUID | None
    plan: SchedulePlan
    maker: str
    maker_id: str
    digest: str

    def evolve(self, state: ScheduleState) -> ScheduleState:
        return state.but(
            organisation=self.organisation,
            site=self.site,
            plan=self.plan,
            maker=self.maker,
            maker_id=self.maker_id,
            digest=self.digest,
        )


@event("resets.schedule_changed", schema=2, upcast={1: of_each_its_own})
class ScheduleChanged(Event[ScheduleState]):
    """{actor} changed the schedule {plan.name}: somebody else has to agree to it anew."""

    plan: SchedulePlan
    maker: str
    maker_id: str
    digest: str

    def evolve(self, state: ScheduleState) -> ScheduleState:
        return state.but(
            plan=self.plan,
            maker=self.maker,
            maker_id=self.maker_id,
            digest=self.digest,
            phase=SchedulePhase.AWAITING_APPROVAL,
            approver="",
            approver_id="",
            counts_from=None,
            report=None,
        )


@event("resets.schedule_approved")
class ScheduleApproved(Event[ScheduleState]):
    """{actor} agreed to the schedule, and to each of its runs."""

    approver: str
    approver_id: str
    at: datetime

    def evolve(self, state: ScheduleState) -> ScheduleState:
        return state.but(
            phase=SchedulePhase.ACTIVE,
            approver=self.approver,
            approver_id=self.approver_id,
            counts_from=self.at,
        )


@event("resets.schedule_paused")
class SchedulePaused(Event[ScheduleState]):
    """{actor} paused the schedule: no further run begins."""

    def evolve(self, state: ScheduleState) -> ScheduleState:
        return state.but(phase=SchedulePhase.PAUSED)


@event("resets.schedule_resumed")
class ScheduleResumed(Event[ScheduleState]):
    """{actor} let the schedule go on."""

    at: datetime

    def evolve(self, state: ScheduleState) -> ScheduleState:
        return state.but(phase=SchedulePhase.ACTIVE, counts_from=self.at)


@event("resets.schedule_ended")
class ScheduleEnded(Event[ScheduleState]):
    """{actor} ended the schedule."""

    def evolve(self, state: ScheduleState) -> ScheduleState:
        return state.but(phase=SchedulePhase.ENDED)


@event("resets.schedule_ended_with_site")
class ScheduleEndedWithSite(Event[ScheduleState]):
    """The site was closed: the schedule ended by itself."""

    def evolve(self, state: ScheduleState) -> ScheduleState:
        return state.but(phase=SchedulePhase.ENDED, site_closed=True)


@event("resets.schedule_run_told")
class RunTold(Event[ScheduleState]):
    """Of {report.chosen} devices the next run would rotate {report.possible}."""

    report: Report

    def evolve(self, state: ScheduleState) -> ScheduleState:
        return state.but(report=self.report)


@event("resets.schedule_ran")
class ScheduleRan(Event[ScheduleState]):
    """Run {run} of the schedule began."""

    run: int
    campaign: UUID
    begins_at: datetime

    def evolve(self, state: ScheduleState) -> ScheduleState:
        return state.but(run=self.run, campaign=self.campaign, ran_at=self.begins_at, skipped=False)


@event("resets.schedule_run_skipped")
class RunSkipped(Event[ScheduleState]):
    """Run {run} of the schedule was left out: the one before has not ended yet."""

    run: int
    begins_at: datetime

    def evolve(self, state: ScheduleState) -> ScheduleState:
        return state.but(run=self.run, ran_at=self.begins_at, skipped=True)


# --- what people do -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Named:
    """What devices and NVR come to that a schedule names, and did not name before; None: nothing.
    What is named nowhere may well fit no device before the next run.
    """

    reach: Reach | None = None

    def refuse_unless_there(self) -> None:
        """Raises Refused, as the plan of a campaign does."""
        if self.reach:
            self.reach.refuse_unless_there()


class _Step(Command[ScheduleState]):
    """What may be done to a schedule that stands in one of these phases."""

    phases: ClassVar[tuple[SchedulePhase, ...]]

    @classmethod
    def offered(cls, state: ScheduleState, now: datetime) -> bool:
        return state.phase in cls.phases


_EVERY = "Months and weeks count from the first day on. By age: whenever passwords are that old."
_NUMBER = "How many months or weeks; by age, how many days old a password may become."


def _plan(asked_for: MakeSchedule | ChangeSchedule, now: datetime) -> SchedulePlan:
    return SchedulePlan(
        name=named(asked_for.name, "schedule"),
        reason=asked_for.reason.strip(),
        timing=Timing(asked_for.every, asked_for.number, asked_for.first),
        lasting=asked_for.lasting,
        ahead=asked_for.ahead,
        selection=asked_for.selection,
        settings=asked_for.settings,
    ).checked(now)


@command(by=Role.ADMINISTRATOR, creates=True)
class MakeSchedule(Command[ScheduleState]):
    """Make a schedule of rotations. Nothing happens before another administrator has agreed to it.

    `place_id` is a site, or the organisation for all its sites.
    """

    place_id: UUID
    name: str = asked("Name", max_length=LONGEST_NAME)
    reason: str = asked(
        "Why?", help="It stands in the history of each device.", long=True,
        max_length=LONGEST_REASON,
    )  # fmt: skip
    every: Every = asked("When?", help=_EVERY)
    number: int = asked("Every so many", help=_NUMBER)
    first: date = asked("First day", help="A run begins when the window opens from then on.")
    lasting: int = asked(
        "A run ends after so many hours",
        help=f"{LASTING[0]} to {LASTING[1]:,}. A device that does not answer is waited for until "
        "then.",
    )
    ahead: int = asked(
        "Tell what it would do, so many days before",
        help=f"{AHEAD[0]}, never, to {AHEAD[1]}. Administrators get a mail.",
        initial=3,
        default=3,
    )
    selection: Selection = asked("Which devices?", default=Selection())
    settings: Settings = asked("How?", default=Settings())
    ground: Place = supplied()
    human: Human = supplied()
    named: Named = supplied()
    sharing: Sharing = supplied()

    def decide(self, state: ScheduleState, now: datetime) -> Iterable[Event[ScheduleState]]:
        plan, at = _plan(self, now), self.ground
        self.named.refuse_unless_there()
        self.sharing.refuse_unless_allowed(plan.settings)
        yield ScheduleMade(
            organisation=at.organisation,
            site=at.site,
            plan=plan,
            maker=self.human.name,
            maker_id=self.human.id,
            digest=digest_of(state.id, at.site or at.organisation, plan),
        )


@command(by=Role.ADMINISTRATOR)
class ChangeSchedule(_Step):
    """Change the schedule. What was agreed to holds no more: another administrator has to agree
    anew. A run that has begun goes on.
    """

    phases = OPEN

    name: str = asked("Name", max_length=LONGEST_NAME)
    reason: str = asked("Why?", long=True, max_length=LONGEST_REASON)
    every: Every = asked("When?", help=_EVERY)
    number: int = asked("Every so many", help=_NUMBER)
    first: date = asked("First day", help="A run begins when the window opens from then on.")
    lasting: int = asked("A run ends after so many hours")
    ahead: int = asked("Tell what it would do, so many days before", initial=3, default=3)
    selection: Selection = asked("Which devices?", default=Selection())
    settings: Settings = asked("How?", default=Settings())
    human: Human = supplied()
    named: Named = supplied()
    sharing: Sharing = supplied()

    def decide(self, state: ScheduleState, now: datetime) -> Iterable[Event[ScheduleState]]:
        refuse_unless(state, *self.phases)
        plan, place = _plan(self, now), state.site or state.organisation
        assert place
        self.named.refuse_unless_there()
        self.sharing.refuse_unless_allowed(plan.settings)
        if plan != state.plan:
            digest = digest_of(state.id, place, plan)
            yield ScheduleChanged(plan, self.human.name, self.human.id, digest)


@command(by=Role.ADMINISTRATOR)
class ApproveSchedule(_Step):
    """Agree to the schedule as it is shown, and so to each of its runs."""

    phases = (SchedulePhase.AWAITING_APPROVAL,)

    digest: str = asked(
        "Digest of what is agreed to",
        help="As the schedule itself shows it: it stands for all its settings.",
        max_length=64,
    )
    human: Human = supplied()

    @classmethod
    def offered_to(cls, state: ScheduleState, person: str) -> bool:
        return may_agree(person, state.maker_id)

    def decide(self, state: ScheduleState, now: datetime) -> Iterable[Event[ScheduleState]]:
        refuse_unless(state, *self.phases)
        refuse_unless_second(
            self.human,
            state.maker_id,
            "agree to a schedule",
            "You made this schedule, or changed it last. Another administrator has to agree.",
        )
        refuse_unless_shown(self.digest, state.digest)
        yield ScheduleApproved(self.human.name, self.human.id, now)


@command(by=Role.ADMINISTRATOR)
class PauseSchedule(_Step):
    """Pause: no further run begins. One that is under way goes on."""

    phases = (SchedulePhase.ACTIVE,)

    def decide(self, state: ScheduleState, now: datetime) -> Iterable[Event[ScheduleState]]:
        refuse_unless(state, *self.phases)
        yield SchedulePaused()


@command(by=Role.ADMINISTRATOR)
class ResumeSchedule(_Step):
    """Go on with the next run. Those that were missed are not made up for."""

    phases = (SchedulePhase.PAUSED,)

    def decide(self, state: ScheduleState, now: datetime) -> Iterable[Event[ScheduleState]]:
        refuse_unless(state, *self.phases)
        yield ScheduleResumed(now)


@command(by=Role.ADMINISTRATOR)
class EndSchedule(_Step):
    """End the schedule for good. A run that is under way goes on."""

    phases = OPEN

    def decide(self, state: ScheduleState, now: datetime) -> Iterable[Event[ScheduleState]]:
        refuse_unless(state, *self.phases)
        yield ScheduleEnded()


# --- what its clock does --------------------------------------------------------------------------


@command(by=Role.JOB)
class EndWithSite(Command[ScheduleState]):
    """End a schedule of a site that was closed: there is nothing any more that it could rotate."""

    def decide(self, state: ScheduleState, now: datetime) -> Iterable[Event[ScheduleState]]:
        if state.phase in OPEN:
            yield ScheduleEndedWithSite()


@command(by=Role.JOB)
class TellRun(Command[ScheduleState]):
    """Tell once of each run what it would do."""

    report: Report

    def decide(self, state: ScheduleState, now: datetime) -> Iterable[Event[ScheduleState]]:
        told = state.report is not None and state.report.run >= self.report.run
        if state.phase is SchedulePhase.ACTIVE and self.report.run == state.run + 1 and not told:
            yield RunTold(self.report)


@command(by=Role.JOB)
class RecordRun(Command[ScheduleState]):
    """Record that a run begins, in the transaction that plans its campaign."""

    run: int
    campaign: UUID
    begins_at: datetime

    def decide(self, state: ScheduleState, now: datetime) -> Iterable[Event[ScheduleState]]:
        if state.phase is not SchedulePhase.ACTIVE or self.run != state.run + 1:
            raise Conflict("schedule_moved_on", "Somebody has changed it, or begun the run.")
        yield ScheduleRan(self.run, self.campaign, self.begins_at)


@command(by=Role.JOB)
class SkipRun(Command[ScheduleState]):
    """Leave out a run because the one before is under way still."""

    run: int
    begins_at: datetime

    def decide(self, state: ScheduleState, now: datetime) -> Iterable[Event[ScheduleState]]:
        if state.phase is SchedulePhase.ACTIVE and self.run == state.run + 1:
            yield RunSkipped(self.run, self.begins_at)
