"""A schedule's steps: who may, when, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from fleet.accounts.state import Human
from fleet.eventstore.messages import Command
from fleet.eventstore.testing import NOW, STREAM, given
from resets.campaigns.settings import Settings, Window
from resets.campaigns.state import CampaignPhase, Kind, Selection
from resets.campaigns.steps.by_schedule import (
    ApproveBySchedule,
    ApprovedBySchedule,
    NotApprovedBySchedule,
    PlanRun,
    StandingApproval,
)
from resets.campaigns.steps.plan_campaign import CampaignPlanned
from resets.campaigns.steps.seal_plan import PlanSealed
from resets.schedules.state import (
    Report,
    SchedulePhase,
    SchedulePlan,
    ScheduleState,
    digest_of,
    run_id,
)
from resets.schedules.steps import (
    ApproveSchedule,
    ChangeSchedule,
    EndSchedule,
    EndWithSite,
    MakeSchedule,
    PauseSchedule,
    RecordRun,
    ResumeSchedule,
    RunSkipped,
    RunTold,
    ScheduleApproved,
    ScheduleChanged,
    ScheduleEnded,
    ScheduleEndedWithSite,
    ScheduleMade,
    SchedulePaused,
    ScheduleRan,
    ScheduleResumed,
    SkipRun,
    TellRun,
)
from resets.schedules.timing import Every, Timing
from resets.steps.site_rules import Place

ORGANISATION, SITE, SCHEDULE = (UUID(int=number) for number in (1, 2, 3))
ALICE, ADA, PHONE = Human("1", "Alice"), Human("2", "Ada"), Human()
GROUND = Place(ORGANISATION, SITE)
ASKED: dict[str, Any] = {
    "name": "Quarterly",
    "reason": "It is time",
    "every": Every.MONTHS,
    "number": 3,
    "first": date(2027, 1, 1),
    "lasting": 48,
}
PLAN = SchedulePlan("Quarterly", "It is time", Timing(Every.MONTHS, 3, date(2027, 1, 1)), 48)
DIGEST = digest_of(STREAM, SITE, PLAN)
MADE = ScheduleMade(ORGANISATION, SITE, PLAN, "Alice", "1", DIGEST)
APPROVED = ScheduleApproved("Ada", "2", NOW)
AT = NOW + timedelta(days=40)
REPORT = Report(1, AT, 3, 2, ())


def test_a_schedule_waits_for_a_second_person() -> None:
    made = given().knowing(GROUND, ALICE).when(MakeSchedule(SITE, **ASKED)).then(MADE)
    assert made.phase is SchedulePhase.AWAITING_APPROVAL


def test_one_over_all_sites_is_bound_to_its_organisation() -> None:
    made = replace(MADE, site=None, digest=digest_of(STREAM, ORGANISATION, PLAN))
    wide = given().knowing(Place(ORGANISATION, None), ALICE)
    wide.when(MakeSchedule(ORGANISATION, **ASKED)).then(made)
    other = replace(PLAN, lasting=72)
    change = ChangeSchedule(**(ASKED | {"lasting": 72}))
    digest = digest_of(STREAM, ORGANISATION, other)
    given(made).knowing(ADA).when(change).then(ScheduleChanged(other, "Ada", "2", digest))


def test_another_administrator_agrees_to_what_is_shown() -> None:
    agreed = given(MADE).knowing(ADA).when(ApproveSchedule(DIGEST)).then(APPROVED)
    assert (agreed.phase, agreed.approver_id) == (SchedulePhase.ACTIVE, "2")


@pytest.mark.parametrize(
    ("who", "digest", "code"),
    [
        (ALICE, DIGEST, "own_request"),
        (PHONE, DIGEST, "nobody_behind"),
        (ADA, "0" * 64, "digest_differs"),
    ],
)
def test_nobody_agrees_to_their_own_or_to_what_they_have_not_seen(
    who: Human, digest: str, code: str
) -> None:
    given(MADE).knowing(who).when(ApproveSchedule(digest)).refused(code)
    assert ApproveSchedule.offered_to(given(MADE).state(), who.id) is (who is ADA)


def test_a_change_voids_the_approval_and_who_changed_it_cannot_agree() -> None:
    other = replace(PLAN, lasting=72)
    digest = digest_of(STREAM, SITE, other)
    change = ChangeSchedule(**(ASKED | {"lasting": 72}))
    changed = (
        given(MADE, APPROVED)
        .knowing(ADA)
        .when(change)
        .then(ScheduleChanged(other, "Ada", "2", digest))
    )
    assert (changed.phase, changed.approver) == (SchedulePhase.AWAITING_APPROVAL, "")
    story = (MADE, APPROVED, ScheduleChanged(other, "Ada", "2", digest))
    given(*story).knowing(ADA).when(ApproveSchedule(digest)).refused("own_request")
    given(*story).knowing(ALICE).when(ApproveSchedule(DIGEST)).refused("digest_differs")


def test_a_change_of_nothing_is_none() -> None:
    given(MADE, APPROVED).knowing(ADA).when(ChangeSchedule(**ASKED)).then_nothing()


def test_it_is_paused_resumed_and_ended() -> None:
    given(MADE, APPROVED).when(PauseSchedule()).then(SchedulePaused())
    resumed = given(MADE, APPROVED, SchedulePaused()).at(AT).when(ResumeSchedule())
    assert resumed.then(ScheduleResumed(AT)).counts_from == AT, "what was missed is not made up for"
    given(MADE).when(EndSchedule()).then(ScheduleEnded())


STANDS = {
    SchedulePhase.AWAITING_APPROVAL: (MADE,),
    SchedulePhase.ACTIVE: (MADE, APPROVED),
    SchedulePhase.PAUSED: (MADE, APPROVED, SchedulePaused()),
    SchedulePhase.ENDED: (MADE, APPROVED, ScheduleEnded()),
}
OPEN = set(SchedulePhase) - {SchedulePhase.ENDED}


@pytest.mark.parametrize("phase", STANDS)
def test_it_ends_with_its_site_if_it_has_not_ended(phase: SchedulePhase) -> None:
    closed = given(*STANDS[phase]).when(EndWithSite())
    if phase in OPEN:
        assert closed.then(ScheduleEndedWithSite()).phase is SchedulePhase.ENDED
    else:
        closed.then_nothing()


@pytest.mark.parametrize(
    ("step", "fits"),
    [
        (ApproveSchedule(DIGEST), {SchedulePhase.AWAITING_APPROVAL}),
        (ChangeSchedule(**(ASKED | {"lasting": 72})), OPEN),
        (PauseSchedule(), {SchedulePhase.ACTIVE}),
        (ResumeSchedule(), {SchedulePhase.PAUSED}),
        (EndSchedule(), OPEN),
    ],
)
@pytest.mark.parametrize("phase", STANDS)
def test_each_step_is_offered_where_it_fits_and_refused_elsewhere(
    step: Command[ScheduleState], fits: set[SchedulePhase], phase: SchedulePhase
) -> None:
    known = given(*STANDS[phase]).knowing(ADA)
    assert step.offered(known.state(), NOW) is (phase in fits)
    if phase in fits:
        assert known.when(step).decided()
    else:
        known.when(step).refused("schedule_stands_elsewhere")


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ({"name": " "}, "name_missing", "name"),
        ({"name": "Quarterly\nrotation"}, "name_unprintable", "name"),
        ({"selection": Selection(text="Gate\tnorth")}, "text_unprintable", "text"),
        ({"reason": ""}, "reason_missing", "reason"),
        ({"lasting": 0}, "setting_out_of_bounds", "lasting"),
        ({"lasting": 2161}, "setting_out_of_bounds", "lasting"),
        ({"ahead": 31}, "setting_out_of_bounds", "ahead"),
        ({"number": 0}, "period_out_of_bounds", "number"),
        ({"first": date(2031, 1, 1)}, "first_too_far", "first"),
        ({"every": Every.WEEKS, "number": 1, "lasting": 169}, "lasts_into_next_run", "lasting"),
        ({"selection": Selection(older_than=4000)}, "age_out_of_bounds", "older_than"),
        ({"settings": Settings(at_once=0)}, "setting_out_of_bounds", "at_once"),
        ({"settings": Settings(window=Window((6,), "2", "3"))}, "window_time_wrong", "opens"),
    ],
)
def test_what_makes_no_sense_is_refused(asked: dict[str, Any], code: str, field: str) -> None:
    make = MakeSchedule(SITE, **(ASKED | asked))
    assert given().knowing(GROUND, ALICE).when(make).refused(code).field == field


def test_a_run_begins_once() -> None:
    campaign = run_id(STREAM, 1)
    ran = ScheduleRan(1, campaign, AT)
    given(MADE, APPROVED).when(RecordRun(1, campaign, AT)).then(ran)
    given(MADE, APPROVED, ran).when(RecordRun(1, campaign, AT)).refused("schedule_moved_on")
    given(MADE).when(RecordRun(1, campaign, AT)).refused("schedule_moved_on")
    skipped = RunSkipped(2, AT)
    assert given(MADE, APPROVED, ran).when(SkipRun(2, AT)).then(skipped).skipped
    given(MADE, APPROVED, ran, skipped).when(SkipRun(2, AT)).then_nothing()
    given(MADE).when(SkipRun(1, AT)).then_nothing()


def test_a_run_is_told_of_once() -> None:
    given(MADE, APPROVED).when(TellRun(REPORT)).then(RunTold(REPORT))
    given(MADE, APPROVED, RunTold(REPORT)).when(TellRun(REPORT)).then_nothing()
    given(MADE).when(TellRun(REPORT)).then_nothing()
    ran = ScheduleRan(1, run_id(STREAM, 1), AT)
    given(MADE, APPROVED, ran).when(TellRun(REPORT)).then_nothing()
    told = (MADE, APPROVED, RunTold(REPORT), ran)
    assert given(*told).when(TellRun(replace(REPORT, run=2))).decided()


# --- the campaign of a run ------------------------------------------------------------------------

FACTS = {
    "organisation": ORGANISATION,
    "site": SITE,
    "name": "Quarterly, run 1",
    "reason": "It is time",
    "selection": Selection(),
    "settings": Settings(),
    "ends_at": AT,
    "planner": "Alice",
    "planner_id": "1",
    "schedule": SCHEDULE,
}
PLANNED = CampaignPlanned(kind=Kind.ROTATION, **FACTS)
SEALED = PlanSealed(3, 2, "a" * 64)


def test_a_run_is_a_rotation_planned_by_who_made_the_schedule() -> None:
    given().when(PlanRun(**FACTS)).then(PLANNED)
    given().at(AT).when(PlanRun(**FACTS)).refused("run_is_over")


def test_its_campaign_goes_on_by_the_approval_of_the_schedule() -> None:
    known = given(PLANNED, SEALED).knowing(StandingApproval("Ada", "2"))
    agreed = known.when(ApproveBySchedule()).then(ApprovedBySchedule("Ada", "2", NOW))
    assert (agreed.phase, agreed.approver_id) == (CampaignPhase.RUNNING, "2")


@pytest.mark.parametrize("why", ["schedule_over", "schedule_changed", "approver_gone"])
def test_where_that_does_not_hold_it_waits_for_a_person(why: str) -> None:
    known = given(PLANNED, SEALED).knowing(StandingApproval("Ada", "2", why))
    waits = known.when(ApproveBySchedule()).then(NotApprovedBySchedule(why))
    assert waits.phase is CampaignPhase.AWAITING_APPROVAL
    assert "waits for a second person" in NotApprovedBySchedule(why).told("Rekey")


def test_no_other_campaign_is_agreed_to_so() -> None:
    planned = replace(PLANNED, schedule=None)
    begun = ApprovedBySchedule("Ada", "2", NOW)
    for events in ((planned, SEALED), (PLANNED,), (PLANNED, SEALED, begun)):
        known = given(*events).knowing(StandingApproval("Ada", "2"))
        known.when(ApproveBySchedule()).then_nothing()


def test_by_age_a_run_is_for_passwords_that_are_that_old() -> None:
    by_age = replace(PLAN, timing=Timing(Every.AGE, 180, date(2027, 1, 1)))
    assert by_age.wanted == Selection(older_than=180)
    assert PLAN.wanted == Selection()
    assert ScheduleState(STREAM).plan is None
