"""A schedule that waits for a second person stands among what waits for answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices.steps.open_site import OpenSite
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.store import state_of
from resets.approvals.lines import count
from resets.schedules.state import ScheduleState
from resets.schedules.steps import ApproveSchedule, MakeSchedule
from resets.schedules.timing import Every
from tests.api.client import api_of
from tests.cast import SETUP, Cast, person
from tests.resets.campaigns import ground

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def ada(who: Cast) -> Person:
    return ground.second(who)


def made(who: Cast, place: UUID | None = None) -> UUID:
    schedule, first = new_id(), timezone.now().date() + timedelta(days=9)
    command = MakeSchedule(place or who.site, "Quarterly", "It is time", Every.MONTHS, 3, first, 48)
    handle(command, schedule, who.by(who.alice))
    return schedule


def listed(somebody: Person, more: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api_of(somebody).get(f"approvals/{more}").json()["results"]
    return found


def page(somebody: Person, more: str = "") -> str:
    client = Client()
    client.force_login(somebody)
    return client.get(f"{reverse('approvals')}{more}").content.decode()


def waiting_for(who: Cast, somebody: Person) -> int:
    return count(who.by(somebody).actor)


def test_a_schedule_waits_for_the_other_administrators_until_one_has_answered(
    who: Cast, ada: Person
) -> None:
    schedule = made(who)
    [line] = listed(ada)
    assert line["id"] == str(schedule)
    assert (line["kind"], line["device_name"], line["asker"]) == ("schedule", "Quarterly", "Alice")
    assert line["what"].startswith("Rotations every 3 months from ")
    assert (line["site_name"], line["expires_at"]) == ("Harbour", None)
    assert waiting_for(who, ada) == 1
    shown = page(ada)
    assert "Rotations every 3 months from" in shown
    assert reverse("schedule", args=[schedule]) in shown

    handle(ApproveSchedule(state_of(ScheduleState, schedule).digest), schedule, who.by(ada))
    assert (listed(ada), waiting_for(who, ada)) == ([], 0)
    assert "Quarterly" not in page(ada)


def test_who_made_it_finds_it_among_what_others_have_to_answer(who: Cast, ada: Person) -> None:
    made(who)
    assert (listed(who.alice), waiting_for(who, who.alice)) == ([], 0)
    [line] = listed(who.alice, "?own=true")
    assert line["device_name"] == "Quarterly"
    assert "Quarterly" in page(who.alice, "?whose=own")
    assert listed(ada, "?own=true") == []


def test_the_list_is_narrowed_down_by_kind_site_and_text(who: Cast, ada: Person) -> None:
    made(who)
    made(who, who.organisation)
    assert len(listed(ada, "?kind=schedule")) == 2
    assert listed(ada, "?kind=campaign") == []
    [line] = listed(ada, f"?site={who.site}")
    assert line["site_name"] == "Harbour"
    assert len(listed(ada, "?q=quarter")) == 2
    assert listed(ada, "?q=nothing") == []
    assert "All sites" in page(ada, "?kind=schedule")


def test_who_may_not_agree_to_it_sees_no_line_and_who_may_not_see_it_no_trace(who: Cast) -> None:
    made(who)
    made(who, who.organisation)
    museum = new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/Stockholm"), museum, SETUP)
    at_another_site = person("Sid", who.organisation, Role.ADMINISTRATOR, museum)
    for outsider in (who.bob, who.tess, who.charlie, at_another_site):
        assert listed(outsider) == []
        assert waiting_for(who, outsider) == 0
        for more in ("", "?whose=own", "?kind=schedule"):
            assert "Quarterly" not in page(outsider, more)


def test_an_administrator_of_the_site_answers_for_it_and_not_for_all_sites(who: Cast) -> None:
    made(who)
    made(who, who.organisation)
    dora = person("Dora", who.organisation, Role.ADMINISTRATOR, who.site)
    assert [line["site_name"] for line in listed(dora)] == ["Harbour"]
    assert waiting_for(who, dora) == 1


def test_a_call_offers_nobody_what_they_may_not_do(who: Cast, ada: Person) -> None:
    address = f"schedules/{made(who)}/"
    shown = api_of(who.bob).get(address).json()
    assert (shown["steps"], shown["digest"]) == ([], None)
    offered = api_of(ada).get(address).json()
    assert "approve-schedule" in {step["name"] for step in offered["steps"]}
    assert len(offered["digest"]) == 64
    assert api_of(who.charlie).get(address).status_code == 404
