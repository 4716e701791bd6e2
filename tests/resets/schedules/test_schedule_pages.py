"""The pages and calls of schedules: what they say, to whom, and with which status."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices.queries import place_for_jobs
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.eventstore.handling import handle
from fleet.eventstore.store import state_of
from resets.campaigns.state import item_id
from resets.campaigns.steps.items import TakeOut
from resets.rules import rules_id
from resets.schedules import clock
from resets.schedules.models import Schedule
from resets.schedules.state import ScheduleState
from resets.schedules.steps import ApproveSchedule, EndSchedule
from resets.steps.site_rules import SetPasswordSharing
from tests.api.client import api_of
from tests.cast import Cast, person, work
from tests.resets.campaigns import ground, quiet

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

FORM = {
    "name": "Quarterly", "reason": "It is time", "every": "months", "number": "3",
    "first": "2026-12-01", "days": ["6"], "opens": "02:00", "closes": "05:00", "lasting": "48",
    "ahead": "3", "canary": "3", "wave": "0", "at_once": "20", "pace": "0", "stop_share": "10",
    "older_than": "", "text": "", "status": "", "device_kind": "", "model": "", "nvr": "",
}  # fmt: skip


@pytest.fixture(autouse=True)
def november() -> Any:
    with time_machine.travel("2026-11-22T12:00:00Z", tick=True):
        yield


@pytest.fixture
def ada(who: Cast) -> Person:
    return ground.second(who)


def signed_in(somebody: Person) -> Client:
    client = Client(headers={"Host": "localhost"})
    client.force_login(somebody)
    return client


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def make(who: Cast, **more: Any) -> Any:
    answers = FORM | {"place": str(who.site)} | more
    return signed_in(who.alice).post(reverse("make-schedule"), answers)


def made(who: Cast) -> UUID:
    assert make(who).status_code == 302
    return UUID(str(Schedule.objects.for_jobs().get().pk))


def state(schedule: UUID) -> ScheduleState:
    return state_of(ScheduleState, schedule)


def step(schedule: UUID, slug: str) -> str:
    return reverse("schedule-step", args=[schedule, slug])


def test_who_makes_one_sees_its_next_runs_and_that_somebody_else_has_to_agree(who: Cast) -> None:
    schedule = made(who)
    page = text(signed_in(who.alice).get(reverse("schedule", args=[schedule])))
    assert "another administrator has to agree" in page
    assert "6 Dec 2026, 02:00 CET" in page
    assert "7 Mar 2027, 02:00 CET" in page
    assert "Every 3 months from 1 Dec 2026" in page
    assert "Sunday, 02:00–05:00" in page
    assert "Agree to this schedule?" not in page


def test_the_others_are_asked_by_mail_and_whoever_asked_is_not(
    who: Cast, ada: Person, mail_sink: Any
) -> None:
    schedule = made(who)
    work()
    [mail] = mail_sink.mails()
    assert mail.message["To"] == "ada@example.com"
    assert "Your approval is asked: Quarterly" in mail.message["Subject"]
    assert f"/schedules/{schedule}/" in mail.text
    assert "Told by mail" in text(signed_in(ada).get(reverse("schedule", args=[schedule])))


def test_whoever_is_asked_reads_that_a_site_gets_one_password(
    who: Cast, ada: Person, mail_sink: Any
) -> None:
    rule = SetPasswordSharing(who.site, allowed=True)
    handle(rule, rules_id(who.site), who.by(who.alice))
    assert make(who, one_password="on").status_code == 302
    work()
    [mail] = mail_sink.mails()
    assert "Passwords: One for all devices of a site" in " ".join(mail.text.split())


def test_another_administrator_agrees_to_what_the_page_shows(who: Cast, ada: Person) -> None:
    schedule, client = made(who), signed_in(ada)
    assert "Agree to this schedule?" in text(client.get(reverse("schedule", args=[schedule])))
    assert "Quarterly" in text(client.get("/")), "and the dashboard leads there"
    stale = client.post(step(schedule, "approve-schedule"), {"digest": "0" * 64})
    assert stale.status_code == 409
    assert "not what was shown" in text(stale)
    agreed = client.post(step(schedule, "approve-schedule"), {"digest": state(schedule).digest})
    assert agreed.status_code == 302
    assert state(schedule).approver == "Ada"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": " "}, "Give the schedule a name."),
        ({"name": "Quarterly\r\nrotation"}, "There is a line break"),
        ({"number": "0"}, "Between 1 and 24, please."),
        ({"lasting": "2161"}, "Between 1 and 2,160, please."),
        ({"every": "weeks", "number": "1", "lasting": "169"}, "would come before this one ends"),
        ({"first": "2036-01-01"}, "within two years"),
        ({"opens": "02:00", "closes": "02:00"}, "never opens"),
        ({"at_once": "0"}, "Between 1 and 500, please."),
    ],
)
def test_what_is_wrong_stands_in_the_form(who: Cast, wrong: dict[str, str], says: str) -> None:
    answer = make(who, **wrong)
    assert answer.status_code == 422
    assert says in text(answer)
    assert not Schedule.objects.for_jobs().exists()


def test_a_change_begins_with_what_is_there_and_voids_the_approval(who: Cast, ada: Person) -> None:
    schedule, client = made(who), signed_in(ada)
    client.post(step(schedule, "approve-schedule"), {"digest": state(schedule).digest})
    before = state(schedule)
    asked = client.get(step(schedule, "change-schedule"))
    form = asked.context["form"]
    answers = {name: form[name].value() for name in form.fields}
    answers = {n: "" if v is None else v for n, v in answers.items() if v is not False}
    same = client.post(step(schedule, "change-schedule"), answers)
    assert same.status_code == 302
    assert state(schedule) == before, "nothing was changed"
    client.post(step(schedule, "change-schedule"), answers | {"lasting": "72"})
    after = state(schedule)
    assert (after.approver, after.maker, after.plan.lasting) == ("", "Ada", 72)  # type: ignore[union-attr]


def test_the_list_has_its_filters_and_says_what_to_do_when_none_fits(who: Cast) -> None:
    alice = signed_in(who.alice)
    assert "No schedules yet." in text(alice.get(reverse("schedules")))
    one = made(who)
    handle(EndSchedule(), one, who.by(who.alice))
    make(who, name="By the year")
    names = {"all": ["By the year", "Quarterly"], "one": ["Quarterly"]}
    for asked, found in (
        ({}, names["all"]),
        ({"phase": "ended"}, names["one"]),
        ({"q": "quarter"}, names["one"]),
        ({"phase": "nonsense"}, names["all"]),
        ({"phase": "ended", "q": "year"}, []),
    ):
        shown = alice.get(reverse("schedules"), asked).context["lines"]
        assert [line.row.name for line in shown] == found, asked
    none = text(alice.get(reverse("schedules"), {"q": "nothing"}))
    assert "No schedule fits these filters." in none
    assert "Make a schedule" in none


def test_the_form_proposes_a_first_day_that_has_not_begun(who: Cast) -> None:
    form = signed_in(who.alice).get(reverse("make-schedule")).context["form"]
    assert form["first"].value() == date(2026, 11, 23)


def test_what_ends_for_good_says_so(who: Cast) -> None:
    schedule, alice = made(who), signed_in(who.alice)
    assert "This cannot be undone." in text(alice.get(step(schedule, "end-schedule")))
    handle(ApproveSchedule(state(schedule).digest), schedule, who.by(ground.second(who)))
    assert "cannot be undone" not in text(alice.get(step(schedule, "pause-schedule")))


def test_each_run_says_what_came_of_it(who: Cast, ada: Person) -> None:
    [failed, _, out] = quiet.many(who, 3)
    assert make(who, days=[]).status_code == 302
    schedule = UUID(str(Schedule.objects.for_jobs().get().pk))
    handle(ApproveSchedule(state(schedule).digest), schedule, who.by(ada))
    clock._begin(state(schedule), timezone.now() - timedelta(minutes=1))
    quiet.draw_up()
    quiet.draw_up("approve_by_schedule")
    campaign = state(schedule).campaign
    assert campaign
    handle(TakeOut(), item_id(campaign, out), who.by(who.alice))
    ground.turns(campaign)
    quiet.end(failed, "declined")
    quiet.to_the_end(campaign)
    page = text(signed_in(who.bob).get(reverse("schedule", args=[schedule])))
    assert re.search(r"Quarterly, run 1 Ended [^,]+, 1 of 3 proven, 1 failed", page), page


def test_who_has_a_role_at_a_site_sees_no_trace_of_another_and_presses_nothing(who: Cast) -> None:
    schedule = made(who)
    bob, charlie = signed_in(who.bob), signed_in(who.charlie)
    assert "Quarterly" in text(bob.get(reverse("schedules")))
    shown = text(bob.get(reverse("schedule", args=[schedule])))
    assert "Pause" not in shown
    assert "End it" not in shown
    assert bob.post(step(schedule, "end-schedule")).status_code == 403
    assert "Quarterly" not in text(charlie.get(reverse("schedules")))
    assert charlie.get(reverse("schedule", args=[schedule])).status_code == 404
    elsewhere = person("Sid", who.organisation, Role.ADMINISTRATOR, UUID(int=5))
    assert signed_in(elsewhere).get(reverse("schedule", args=[schedule])).status_code == 404
    assert make(who, place=str(who.organisation)).status_code == 302
    assert "All sites" not in text(bob.get(reverse("schedules")))


# --- the API --------------------------------------------------------------------------------------


BODY = {
    "name": "Quarterly", "reason": "It is time", "every": "age", "number": 180,
    "first": "2026-12-01", "lasting": 48,
    "settings": {"window": {"days": [6], "opens": "02:00", "closes": "05:00"}},
    "selection": {"kind": "camera"},
}  # fmt: skip


def test_the_api_does_all_of_it(who: Cast, ada: Person) -> None:
    alice, other = api_of(who.alice), api_of(ada)
    answer = alice.post("schedules/", {"place": str(who.site), **BODY})
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    address = f"schedules/{shown['id']}/"
    assert shown["phase"] == "awaiting_approval"
    assert shown["digest"] is None, "she may not agree to her own"
    assert shown["settings"]["window"]["days"] == [6]
    assert [one["name"] for one in shown["steps"]] == ["change-schedule", "end-schedule"]

    digest = other.get(address).json()["digest"]
    agreed = other.post(f"{address}approve-schedule/", {"digest": digest})
    assert (agreed.status_code, agreed.json()["phase"]) == (200, "active")
    assert agreed.json()["next_runs"] == [], "there is no password yet"

    changed = alice.post(
        f"{address}change-schedule/", BODY | {"every": "weeks", "number": 2}
    ).json()
    assert (changed["phase"], changed["approver"]) == ("awaiting_approval", "")
    assert changed["next_runs"][0] == "2026-12-06T01:00:00+00:00"
    assert [row["id"] for row in other.get("schedules/?phase=paused").json()["results"]] == []
    [row] = other.get("schedules/?q=quart").json()["results"]
    assert (row["every"], row["first"]) == ("weeks", str(date(2026, 12, 1)))
    wrong = alice.post("schedules/", {"place": str(who.site), **BODY, "number": 0})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "period_out_of_bounds")


def test_the_zone_is_that_of_the_site(who: Cast) -> None:
    assert place_for_jobs(who.site).timezone == "Europe/Stockholm"
    schedule = made(who)
    assert timezone.now().year == 2026
    page = signed_in(who.bob).get(reverse("schedule", args=[schedule]))
    assert "CET" in text(page)
