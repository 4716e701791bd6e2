"""A schedule of rotations is made, agreed to by another, paused, and changed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from fleet.accounts.models import Person
from fleet.eventstore.handling import handle
from fleet.eventstore.store import state_of
from resets.schedules import clock
from resets.schedules.state import ScheduleState
from resets.schedules.steps import TellRun
from tests.cast import SETUP, Cast, cast
from tests.resets.campaigns import ground
from tests.stories.conftest import AtHome
from tests.stories.test_wizard import check

pytestmark = [
    pytest.mark.browser,
    pytest.mark.one_database,
    pytest.mark.django_db(transaction=True),
]

NAME = "Each quarter, at night"


@pytest.fixture
def who(transactional_db: None) -> Cast:
    return cast()


@pytest.fixture
def ada(who: Cast) -> Person:
    return ground.second(who)


def test_one_makes_a_schedule_and_another_agrees_once_for_all_its_runs(
    who: Cast, ada: Person, at_home: AtHome
) -> None:
    alice = at_home.sign_in(who.alice)
    page = alice.page
    page.goto("/")
    page.get_by_role("link", name="Schedules").click()
    expect(page.get_by_text("No schedules yet.")).to_be_visible()
    alice.shots("170-no-schedules")

    page.get_by_role("link", name="Make a schedule").click()
    page.get_by_role("button", name="Make the schedule").click()
    expect(page.get_by_role("alert")).to_contain_text("Name")
    page.get_by_label("Name", exact=True).fill(NAME)
    page.get_by_label("Why?").fill("The insurer asks for it")
    page.get_by_label("Sunday").check()
    page.get_by_label("From", exact=True).fill("02:00")
    page.get_by_label("To", exact=True).fill("05:00")
    alice.shots("171-make-a-schedule")
    check(page, "Making a schedule")
    page.get_by_role("button", name="Make the schedule").click()
    expect(page.get_by_role("heading", name=NAME, level=1)).to_be_visible()
    expect(page.get_by_text("another administrator has to agree").first).to_be_visible()
    expect(page.get_by_role("button", name="Agree")).to_have_count(0)

    bob = at_home.sign_in(who.bob)
    bob.page.goto(page.url)
    expect(bob.page.get_by_text("Sunday, 02:00–05:00")).to_be_visible()
    expect(bob.page.get_by_role("link", name="Pause")).to_have_count(0)

    adas = at_home.sign_in(ada)
    adas.page.goto("/")
    expect(
        adas.page.get_by_role("heading", name="Schedules that wait for your answer")
    ).to_be_visible()
    adas.page.get_by_role("link", name=NAME).click()
    adas.shots("172-agree-to-a-schedule")
    adas.page.get_by_role("button", name="Agree").click()
    expect(adas.page.get_by_text("Agreed. Its runs begin by themselves.")).to_be_visible()

    [schedule] = clock.active()
    state, now = state_of(ScheduleState, schedule), timezone.now()
    clock._begin(state, now - timedelta(minutes=1))
    state = state_of(ScheduleState, schedule)
    told = clock.report(state, clock.next_run(state, now) or now, now)
    handle(TellRun(told), schedule, SETUP)
    page.reload()
    expect(page.get_by_text("devices would be rotated").first).to_be_visible()
    expect(page.get_by_role("link", name=f"{NAME}, run 1")).to_be_visible()
    alice.shots("173-schedule")
    check(page, "A schedule")

    page.get_by_role("link", name="Pause").click()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused. No further run begins.")).to_be_visible()
    page.get_by_role("link", name="Change it").click()
    page.get_by_label("So many months, weeks or days").fill("6")
    alice.shots("174-change-a-schedule")
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_text("Every 6 months").first).to_be_visible()
    expect(page.get_by_text("another administrator has to agree").first).to_be_visible()
    page.goto(reverse("schedules"))
    alice.shots("175-schedules")
    check(page, "Schedules")
