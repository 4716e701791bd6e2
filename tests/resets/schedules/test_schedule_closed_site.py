"""A schedule ends by itself with its site: there is nothing left that it could rotate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices.steps.close_site import CloseSite
from fleet.accounts.models import Person
from fleet.eventstore import projections
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.store import read_stream, state_of
from resets.approvals.lines import count
from resets.campaigns.models import Campaign
from resets.schedules.state import SchedulePhase, ScheduleState
from resets.schedules.steps import ApproveSchedule, EndSchedule, MakeSchedule, PauseSchedule
from resets.schedules.timing import Every
from resets.tasks import strike_schedules
from tests.api.client import api_of
from tests.cast import Cast, work
from tests.resets.campaigns import ground

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]
Made = Callable[..., UUID]


@pytest.fixture
def ada(who: Cast) -> Person:
    return ground.second(who)


@pytest.fixture
def made(who: Cast, ada: Person) -> Made:
    """A schedule whose first run is due at once, agreed to unless it is said otherwise."""

    def make(place: UUID | None = None, *, agreed: bool = True) -> UUID:
        schedule, yesterday = new_id(), timezone.now().date() - timedelta(days=1)
        facts: tuple[Any, ...] = ("Quarterly", "It is time", Every.WEEKS, 1, yesterday, 48)
        handle(MakeSchedule(place or who.site, *facts), schedule, who.by(who.alice))
        if agreed:
            handle(ApproveSchedule(state(schedule).digest), schedule, who.by(ada))
        return schedule

    return make


def state(schedule: UUID) -> ScheduleState:
    return state_of(ScheduleState, schedule)


def close(who: Cast) -> None:
    handle(CloseSite("The lease is over"), who.site, who.by(who.alice))


def strike() -> None:
    strike_schedules()
    work()


def page(somebody: Person, schedule: UUID) -> str:
    client = Client()
    client.force_login(somebody)
    return client.get(reverse("schedule", args=[schedule])).content.decode()


def test_it_ends_with_its_site_says_so_and_plans_nothing(who: Cast, made: Made) -> None:
    schedule = made()
    close(who)
    strike()
    strike()
    assert state(schedule).phase is SchedulePhase.ENDED
    [ended] = [r for r in read_stream(schedule) if r.type == "resets.schedule_ended_with_site"]
    assert ended.sentence == "The site was closed: the schedule ended by itself."
    assert not Campaign.objects.for_jobs().exists(), "no run without a device"
    shown = page(who.alice, schedule)
    assert "None: its site was closed, so that it ended by itself." in shown
    assert ended.sentence in shown
    told = api_of(who.alice).get(f"schedules/{schedule}/").json()
    assert (told["phase"], told["next_runs"], told["steps"]) == ("ended", [], [])
    assert not list(projections.differences())


def test_nobody_is_asked_any_more_to_agree_to_one_of_a_closed_site(
    who: Cast, ada: Person, made: Made
) -> None:
    schedule = made(agreed=False)
    assert count(who.by(ada).actor) == 1
    close(who)
    strike()
    assert count(who.by(ada).actor) == 0
    assert state(schedule).phase is SchedulePhase.ENDED


def test_one_that_is_paused_ends_too_and_one_that_somebody_ended_stays_as_it_is(
    who: Cast, made: Made
) -> None:
    paused, over = made(), made()
    handle(PauseSchedule(), paused, who.by(who.alice))
    handle(EndSchedule(), over, who.by(who.alice))
    close(who)
    strike()
    assert state(paused).site_closed
    assert not state(over).site_closed
    assert "None: it has ended." in page(who.alice, over)


def test_one_over_all_sites_goes_on_for_those_that_are_left(who: Cast, made: Made) -> None:
    everywhere = made(who.organisation)
    close(who)
    strike()
    assert state(everywhere).phase is SchedulePhase.ACTIVE
