"""Limits in the console: tried out, set, reached; and an alarm that waits for a person."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.cast import Cast, cast
from tests.fleet.eventstore.ground import device, reset
from tests.stories.conftest import AtHome
from tests.stories.test_wizard import check

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def who(transactional_db: None) -> Cast:
    return cast()


@pytest.fixture
def target(who: Cast) -> UUID:
    for name in ("Gate north", "Gate south"):
        reset(who, device(who, name=name))
    return device(who, name="Quay crane")


def test_limits_are_tried_out_set_and_reached(who: Cast, target: UUID, at_home: AtHome) -> None:
    alice = at_home.sign_in(who.alice)
    page = alice.page
    page.goto(reverse("site", args=[who.site]))
    page.get_by_role("link", name="Rules").click()
    page.get_by_role("link", name="Limits").click()
    expect(page.get_by_text("These are the defaults")).to_be_visible()
    alice.shots("100-limits")
    check(page, "Limits")

    last = page.get_by_role("row").last
    last.get_by_role("combobox").nth(0).select_option("resets")
    last.get_by_role("combobox").nth(1).select_option("site")
    last.get_by_role("spinbutton").fill("0")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Between 1 and 10,000, please").first).to_be_visible()
    alice.shots("101-limit-out-of-bounds")
    last.get_by_role("spinbutton").fill("1")
    last.get_by_role("combobox").nth(2).select_option(label="10 min")
    page.get_by_role("button", name="What would they have refused?").click()
    expect(page.get_by_text("1 of 2 would have been refused")).to_be_visible()
    alice.shots("102-limits-preview")
    check(page, "A preview of limits")
    last = page.get_by_role("row").filter(has=page.locator("[value='1']")).last
    expect(last).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("has set its own")).to_be_visible()

    tess = at_home.sign_in(who.tess)
    tess.page.goto(reverse("request-reset", args=[target]))
    expect(tess.page.get_by_text("0 of 1 left")).to_be_visible()
    tess.shots("103-nothing-left")
    check(tess.page, "Nothing left")
    tess.page.get_by_label(re.compile("Why")).fill("The installer left")
    tess.page.get_by_role("button", name="Next").click()
    expect(
        tess.page.get_by_text("No more than 1 reset at one site in 10 min").first
    ).to_be_visible()
    tess.shots("104-limit-reached")
    page.reload()
    expect(page.get_by_role("table", name="Refusals")).to_contain_text("Tess")


def test_an_alarm_stops_resets_until_somebody_has_looked(
    who: Cast, target: UUID, at_home: AtHome
) -> None:
    alice = at_home.sign_in(who.alice)
    page = alice.page
    page.goto(reverse("limits", args=[who.site]))
    last = page.get_by_role("row").last
    last.get_by_role("combobox").nth(0).select_option("resets")
    last.get_by_role("combobox").nth(1).select_option("site")
    last.get_by_role("combobox").nth(2).select_option(label="6 h")
    last.get_by_role("spinbutton").fill("2")
    last.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Save").click()

    tess = at_home.sign_in(who.tess)
    tess.page.goto(reverse("request-reset", args=[target]))
    tess.page.get_by_label(re.compile("Why")).fill("The installer left")
    tess.page.get_by_role("button", name="Next").click()
    expect(tess.page.get_by_text("The alarm went off").first).to_be_visible()
    tess.shots("105-alarm-went-off")

    page.goto("/")
    page.get_by_role("link", name="Quay crane").first.click()
    expect(page.get_by_text("Waits for a person")).to_be_visible()
    alice.shots("106-alarm")
    check(page, "An alarm")
    page.get_by_label("What was it?").fill("An installer came for all of them")
    page.get_by_role("button", name="Close the alarm").click()
    expect(page.get_by_text("The alarm is closed")).to_be_visible()
    alice.shots("107-alarms")
    check(page, "Alarms")
    tess.page.get_by_role("button", name="Next").click()
    expect(tess.page).to_have_url(re.compile("/resets/[0-9a-f-]{36}/"))
