"""Schedules at work: runs that begin by themselves, and what people are told before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine

from devices.steps.check_device import RecordCheck, RecordTrouble
from devices.virtual import ThreadedFleet, fleet_in_thread, uniform_scenario
from fleet.accounts.models import RoleRow
from fleet.accounts.steps.revoke_role import RevokeRole
from fleet.errors import NotFound
from fleet.eventstore import projections
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.store import read_stream, state_of
from resets.campaigns.models import Campaign
from resets.campaigns.settings import Settings, Window
from resets.campaigns.state import CampaignPhase
from resets.campaigns.steps.control import CancelCampaign
from resets.schedules import clock, queries
from resets.schedules.state import SchedulePhase, ScheduleState, run_id
from resets.schedules.steps import (
    ApproveSchedule,
    ChangeSchedule,
    EndSchedule,
    MakeSchedule,
    PauseSchedule,
    ResumeSchedule,
)
from resets.schedules.timing import Every
from resets.tasks import strike_schedules
from tests.cast import SETUP, Cast, Person, add_device, cast, work
from tests.resets.campaigns import ground

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)  # a Sunday
SUNDAYS = Window((6,), "02:00", "05:00")
SPECS = [replace(spec, max_users=1) for spec in uniform_scenario(seed=4, count=3, port_base=0)]


@pytest.fixture
def clockwork() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=True) as moved:
        yield moved


@pytest.fixture
def who(clockwork: Any) -> Cast:
    return cast()


@pytest.fixture
def ada(who: Cast) -> Person:
    return ground.second(who)


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread(SPECS) as running:
        yield running


def facts(**more: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "name": "Quarterly",
        "reason": "It is time",
        "every": Every.MONTHS,
        "number": 3,
        "first": NOW.date() + timedelta(days=9),  # Tuesday, 1 December
        "lasting": 48,
        "settings": replace(ground.SETTINGS, window=SUNDAYS),
    }
    return asked | more


def made(who: Cast, place: UUID | None = None, **more: Any) -> UUID:
    schedule = new_id()
    handle(MakeSchedule(place or who.site, **facts(**more)), schedule, who.by(who.alice))
    return schedule


def agreed(who: Cast, ada: Person, place: UUID | None = None, **more: Any) -> UUID:
    schedule = made(who, place, **more)
    agree(who, ada, schedule)
    return schedule


def agree(who: Cast, ada: Person, schedule: UUID) -> None:
    handle(ApproveSchedule(state(schedule).digest), schedule, who.by(ada))


def state(schedule: UUID) -> ScheduleState:
    return state_of(ScheduleState, schedule)


def campaigns() -> list[Any]:
    return list(Campaign.objects.for_jobs().order_by("ends_at", "id"))


def types(stream: UUID) -> list[str]:
    return [recorded.type.partition(".")[2] for recorded in read_stream(stream)]


def strike(at: datetime, clockwork: Any) -> None:
    clockwork.move_to(at)
    strike_schedules()
    work()


# By the clock of the site, in Stockholm: the first Sunday from 1 December on, at two.
FIRST = datetime(2026, 12, 6, 1, tzinfo=UTC)
SECOND = datetime(2027, 3, 7, 1, tzinfo=UTC)


def test_a_run_begins_by_itself_rotates_the_devices_and_the_next_one_follows(
    who: Cast, ada: Person, fleet: ThreadedFleet, clockwork: Any
) -> None:
    devices = [add_device(who, fleet, spec) for spec in SPECS]
    work()
    schedule = agreed(who, ada)
    strike(FIRST - timedelta(minutes=1), clockwork)
    assert campaigns() == []

    strike(FIRST + timedelta(seconds=5), clockwork)
    strike_schedules()  # once more, or in another worker
    [row] = campaigns()
    assert (row.pk, row.phase, row.schedule) == (run_id(schedule, 1), "running", schedule)
    assert (row.planner, row.approver, row.name) == ("Alice", "Ada", "Quarterly, run 1")
    assert row.ends_at == FIRST + timedelta(hours=48)
    ground.carry_out(row.pk)
    assert set(ground.standings(row.pk).values()) == {"proven proven"}
    assert len(ground.standings(row.pk)) == len(devices)

    strike(SECOND + timedelta(seconds=5), clockwork)
    assert [one.name for one in campaigns()] == ["Quarterly, run 1", "Quarterly, run 2"]
    assert state(schedule).run == 2
    assert not list(projections.differences())


def test_nothing_runs_before_somebody_else_has_agreed_and_what_was_missed_is_not_made_up_for(
    who: Cast, ada: Person, clockwork: Any
) -> None:
    schedule = made(who)
    strike(FIRST + timedelta(minutes=1), clockwork)
    agree(who, ada, schedule)
    strike(FIRST + timedelta(minutes=2), clockwork)
    assert campaigns() == []
    strike(SECOND, clockwork)
    assert [one.name for one in campaigns()] == ["Quarterly, run 1"]


def test_a_run_that_would_have_ended_by_now_is_not_begun(
    who: Cast, ada: Person, clockwork: Any
) -> None:
    agreed(who, ada)
    strike(FIRST + timedelta(hours=49), clockwork)
    assert campaigns() == []


def test_a_paused_or_ended_schedule_does_not_run(who: Cast, ada: Person, clockwork: Any) -> None:
    paused, ended = agreed(who, ada), agreed(who, ada)
    handle(PauseSchedule(), paused, who.by(who.alice))
    handle(EndSchedule(), ended, who.by(who.alice))
    strike(FIRST, clockwork)
    handle(ResumeSchedule(), paused, who.by(who.alice))
    strike(FIRST + timedelta(minutes=1), clockwork)
    assert campaigns() == []
    strike(SECOND, clockwork)
    assert [one.schedule for one in campaigns()] == [paused]


def test_while_a_run_is_under_way_the_next_one_is_left_out(
    who: Cast, ada: Person, fleet: ThreadedFleet, clockwork: Any
) -> None:
    add_device(who, fleet, SPECS[0])
    work()
    weekly = {"every": Every.WEEKS, "number": 1, "first": NOW.date(), "lasting": 168}
    schedule = agreed(who, ada, **weekly)
    strike(NOW + timedelta(days=7), clockwork)  # 29 November, two in the morning
    [row] = campaigns()
    assert row.phase == CampaignPhase.RUNNING
    strike(NOW + timedelta(days=14), clockwork)
    strike_schedules()
    assert len(campaigns()) == 1
    assert types(schedule)[-1] == "schedule_run_skipped"
    assert queries.standing(who.by(who.bob).actor, schedule).row.skipped

    handle(CancelCampaign(), row.pk, who.by(ada))
    ground.turns(row.pk)
    strike(NOW + timedelta(days=21), clockwork)
    assert [one.name for one in campaigns()] == ["Quarterly, run 1", "Quarterly, run 3"]


# --- the standing approval ------------------------------------------------------------------------


def begun(who: Cast, clockwork: Any, fleet: ThreadedFleet) -> None:
    """The run is planned, and no worker has drawn it up yet."""
    add_device(who, fleet, SPECS[0])
    work()
    clockwork.move_to(FIRST)
    strike_schedules()


def test_who_agreed_and_may_not_any_more_lets_no_campaign_go_on(
    who: Cast, ada: Person, fleet: ThreadedFleet, clockwork: Any
) -> None:
    schedule = agreed(who, ada)
    begun(who, clockwork, fleet)
    [role] = RoleRow.objects.for_jobs().filter(person=ada.pk)
    handle(RevokeRole("She left"), role.pk, who.by(who.alice))
    work()
    [row] = campaigns()
    assert row.phase == "awaiting_approval", "another person may still agree"
    assert types(row.pk)[-1] == "campaign_not_approved_by_schedule"
    assert queries.standing(who.by(who.alice).actor, schedule).approver_gone


def test_a_schedule_that_was_changed_in_between_lets_no_campaign_go_on(
    who: Cast, ada: Person, fleet: ThreadedFleet, clockwork: Any
) -> None:
    schedule = agreed(who, ada)
    begun(who, clockwork, fleet)
    change = ChangeSchedule(**facts(settings=Settings(at_once=1, window=SUNDAYS)))
    handle(change, schedule, who.by(ada))
    handle(ApproveSchedule(state(schedule).digest), schedule, who.by(who.alice))
    assert state(schedule).phase is SchedulePhase.ACTIVE
    work()
    [row] = campaigns()
    assert row.phase == "awaiting_approval"


def test_an_ended_schedule_lets_no_campaign_go_on(
    who: Cast, ada: Person, fleet: ThreadedFleet, clockwork: Any
) -> None:
    schedule = agreed(who, ada)
    begun(who, clockwork, fleet)
    handle(EndSchedule(), schedule, who.by(who.alice))
    work()
    assert [row.phase for row in campaigns()] == ["awaiting_approval"]


# --- by age ---------------------------------------------------------------------------------------


def test_by_age_it_runs_when_a_password_has_become_that_old_and_for_that_device_alone(
    who: Cast, ada: Person, fleet: ThreadedFleet, clockwork: Any
) -> None:
    old = add_device(who, fleet, SPECS[0])
    work()
    clockwork.move_to(NOW + timedelta(days=20))
    add_device(who, fleet, SPECS[1])
    work()
    age = {"every": Every.AGE, "number": 30, "first": NOW.date()}
    schedule = agreed(who, ada, **age)
    # Thirty days old on 22 December; the window opens on Sunday, the 27th, at two.
    opens = datetime(2026, 12, 27, 1, tzinfo=UTC)
    assert queries.standing(who.by(who.bob).actor, schedule).next_runs == [opens]
    strike(opens - timedelta(minutes=1), clockwork)
    assert campaigns() == []
    strike(opens, clockwork)
    [row] = campaigns()
    ground.carry_out(row.pk)
    assert ground.standings(row.pk) == {SPECS[0].name: "proven proven"}
    assert ground.item_of(row.pk, old).standing == "proven"

    # The other one has its turn in its own time, and the first one is young again.
    strike(datetime(2027, 1, 10, 1, tzinfo=UTC), clockwork)
    strike(datetime(2027, 1, 17, 1, tzinfo=UTC), clockwork)
    assert len(campaigns()) == 2
    assert list(ground.standings(campaigns()[1].pk)) == [SPECS[1].name]


@pytest.mark.parametrize("found", [RecordCheck(opened=False), RecordTrouble("certificate_changed")])
def test_a_device_that_cannot_be_rotated_brings_no_run_about(
    who: Cast, ada: Person, fleet: ThreadedFleet, clockwork: Any, found: Any
) -> None:
    device = add_device(who, fleet, SPECS[0])
    work()
    handle(found, device, SETUP)
    schedule = agreed(who, ada, every=Every.AGE, number=1, first=NOW.date())
    strike(NOW + timedelta(days=30), clockwork)
    assert campaigns() == []
    assert queries.standing(who.by(who.bob).actor, schedule).next_runs == []


# --- what people are told -------------------------------------------------------------------------


def test_some_days_before_a_run_administrators_are_told_once_what_it_would_do(
    who: Cast, ada: Person, fleet: ThreadedFleet, clockwork: Any, mail_sink: Any
) -> None:
    devices = [add_device(who, fleet, spec) for spec in SPECS]
    work()
    handle(RecordCheck(opened=False), devices[1], SETUP)
    schedule = agreed(who, ada)
    strike(FIRST - timedelta(days=3, minutes=1), clockwork)
    assert mail_sink.mails() == []
    strike(FIRST - timedelta(days=3), clockwork)
    strike(FIRST - timedelta(days=2), clockwork)
    mails = mail_sink.mails()
    assert sorted(mail.message["To"] for mail in mails) == ["ada@example.com", "alice@example.com"]
    text = mails[0].text
    assert "2 of 3 devices would be rotated" in mails[0].message["Subject"]
    assert f"Its password is not known, so that it cannot be rotated: {SPECS[1].name}" in text
    assert "Begins: 6 Dec 2026, 02:00 CET" in text
    told = state(schedule).report
    assert told
    assert (told.run, told.chosen, told.possible) == (1, 3, 2)

    strike(FIRST, clockwork)
    strike(SECOND - timedelta(days=1), clockwork)
    assert len(mail_sink.mails()) == 4, "and before the next run again"


def test_a_schedule_that_wants_no_letters_sends_none(
    who: Cast, ada: Person, clockwork: Any, mail_sink: Any
) -> None:
    agreed(who, ada, ahead=0)
    strike(FIRST - timedelta(seconds=1), clockwork)
    assert mail_sink.mails() == []


# --- who sees it ----------------------------------------------------------------------------------


def test_over_all_sites_it_is_seen_by_those_of_the_organisation_alone(
    who: Cast, ada: Person, clockwork: Any
) -> None:
    schedule = agreed(who, ada, who.organisation)
    assert queries.schedules(who.by(who.alice).actor).count() == 1
    for outsider in (who.bob, who.charlie):
        with pytest.raises(NotFound):
            queries.standing(who.by(outsider).actor, schedule)
    strike(FIRST, clockwork)
    [row] = campaigns()
    assert (row.site, row.organisation) == (None, who.organisation)


def test_one_that_cannot_be_begun_keeps_no_other_waiting(
    who: Cast, ada: Person, clockwork: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, whole = agreed(who, ada), agreed(who, ada)
    begin = clock._begin

    def fails(schedule: ScheduleState, at: datetime) -> None:
        if schedule.id == broken:
            raise RuntimeError("a database that is away")
        begin(schedule, at)

    monkeypatch.setattr(clock, "_begin", fails)
    strike(FIRST, clockwork)
    assert [row.schedule for row in campaigns()] == [whole]
