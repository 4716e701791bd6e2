"""A campaign is planned for what was ticked, looked at in its dry run, and agreed to by another."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from devices.queries import device_for_jobs
from devices.virtual import Character, ThreadedFleet, default_scenario, fleet_in_thread
from fleet.accounts.models import Person
from tests.cast import Cast, add_device, cast
from tests.resets.campaigns import ground
from tests.stories.conftest import AtHome
from tests.stories.test_wizard import check, eventually

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SPECS = default_scenario(seed=7, port_base=0)
CAMERAS = [s for s in SPECS if s.kind == "camera" and s.character is Character.HONEST][:3]
NAME, REASON = "After the break-in", "Nobody knows who has the passwords"


@pytest.fixture
def who(transactional_db: None) -> Cast:
    return cast()


@pytest.fixture
def ada(who: Cast) -> Person:
    return ground.second(who)


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread(CAMERAS) as running:
        yield running


@pytest.fixture
def cameras(who: Cast, fleet: ThreadedFleet, at_home: AtHome) -> list[str]:
    """Two that can be reset, and one that no code could be mailed for."""
    mailboxes = ("owner@example.com", "owner@example.com", "")
    added = [add_device(who, fleet, c, m) for c, m in zip(CAMERAS, mailboxes, strict=True)]
    eventually(lambda: all(device_for_jobs(pk).managed for pk in added))
    return [camera.name for camera in CAMERAS]


def test_one_plans_a_campaign_and_another_agrees_to_what_the_dry_run_says(
    who: Cast, ada: Person, cameras: list[str], at_home: AtHome
) -> None:
    alice = at_home.sign_in(who.alice)
    page = alice.page
    page.goto("/")
    page.get_by_role("link", name="Campaigns").click()
    expect(page.get_by_text("No campaigns yet.")).to_be_visible()
    alice.shots("110-no-campaigns")
    check(page, "No campaigns")

    page.goto(reverse("devices"))
    for name in cameras:
        page.get_by_role("row", name=name).get_by_role("checkbox").check()
    alice.shots("111-ticked-for-a-campaign")
    page.get_by_role("button", name="Plan a campaign").click()
    expect(page.get_by_role("heading", name="3 devices")).to_be_visible()
    page.get_by_role("button", name="Draw up the plan").click()
    expect(page.get_by_role("alert")).to_contain_text("Name")
    page.get_by_label("Name", exact=True).fill(NAME)
    page.get_by_label("Why?").fill(REASON)
    page.get_by_label("Canary ring").fill("1")
    page.get_by_label("Never more than one camera").check()
    alice.shots("112-plan-a-campaign")
    check(page, "Plan a campaign")
    page.get_by_role("button", name="Draw up the plan").click()

    expect(page.get_by_text("Waits for a second person").first).to_be_visible()
    expect(page.get_by_text("Ada can agree. You planned it yourself")).to_be_visible()
    expect(page.get_by_role("button", name="Agree to")).to_have_count(0)
    page.evaluate("document.body.dataset.still = 'the same page'")

    adas = at_home.sign_in(ada)
    adas.page.goto("/")
    expect(adas.page.get_by_role("link", name="Approvals 1 waiting")).to_be_visible()
    waiting = adas.page.get_by_role("region", name="Campaigns that wait for you")
    adas.shots("113-campaigns-that-wait")
    check(adas.page, "Campaigns that wait")
    waiting.get_by_role("link", name=NAME).click()
    devices = adas.page.get_by_role("table", name="What would happen to each device")
    for name in cameras:
        expect(devices.get_by_role("row", name=name)).to_be_visible()
    left_out = devices.get_by_role("row", name=cameras[2])
    expect(left_out).to_contain_text("It has no Reset Password Email.")
    adas.shots("114-dry-run")
    check(adas.page, "Dry run")

    adas.page.get_by_role("link", name="It has no Reset Password Email").click()
    expect(devices.get_by_role("row")).to_have_count(2)
    adas.page.get_by_role("button", name="Agree to 2 devices").click()
    expect(adas.page).to_have_url(re.compile(r"/campaigns/[0-9a-f-]+/$"))
    expect(adas.page.get_by_role("heading", name=NAME)).to_be_visible()

    expect(page.get_by_text("Ada agreed to this plan")).to_be_visible()
    assert page.evaluate("document.body.dataset.still") is None  # it was loaded anew
    alice.shots("115-agreed-to")
    page.get_by_role("link", name="See how it gets on").click()
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()


def test_one_plans_by_filters_with_a_window_and_another_declines(
    who: Cast, ada: Person, cameras: list[str], at_home: AtHome
) -> None:
    alice = at_home.sign_in(who.alice)
    page = alice.page
    page.goto(reverse("campaigns"))
    page.get_by_role("link", name="Plan a campaign").click()
    page.get_by_label("Rotation").check()
    page.get_by_label("Name", exact=True).fill("Quarterly")
    page.get_by_label("Why?").fill("It is time")
    page.get_by_label("Text").fill("no such device")
    page.get_by_label("Sunday").check()
    page.get_by_label("From").fill("02:00")
    page.get_by_label("To", exact=True).fill("05:00")
    page.get_by_role("button", name="Draw up the plan").click()
    expect(page.get_by_role("alert")).to_contain_text("No device fits this selection.")
    alice.shots("116-no-device-fits")
    check(page, "No device fits")
    page.get_by_label("Text").fill("")
    page.get_by_role("button", name="Draw up the plan").click()
    expect(page.get_by_text("Sunday, 02:00 to 05:00")).to_be_visible()
    expect(page.get_by_text("is through by")).to_be_visible()
    alice.shots("117-plan-of-a-rotation")
    check(page, "Plan of a rotation")

    adas = at_home.sign_in(ada)
    adas.page.goto(reverse("approvals"))
    adas.page.get_by_role("link", name="Quarterly").click()
    adas.page.get_by_role("link", name="Decline").click()
    adas.page.get_by_role("button", name="Decline").click()
    expect(adas.page.get_by_role("alert")).to_contain_text("Say why not")
    adas.page.get_by_label("Why not?").fill("Not before the fair")
    adas.shots("118-decline-a-campaign")
    check(adas.page, "Decline a campaign")
    adas.page.get_by_role("button", name="Decline").click()

    expect(page.get_by_text("Not before the fair")).to_be_visible()
    check(page, "Declined")
    page.goto(reverse("campaigns"))
    expect(page.get_by_role("row", name="Quarterly")).to_be_visible()
    alice.shots("119-campaigns")
    check(page, "Campaigns")
