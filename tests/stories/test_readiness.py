"""Readiness in the console: what is in the way, and a drill that shows that a reset would work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from devices.queries import device_for_jobs
from devices.steps.check_device import RecordCheck, RecordTrouble
from devices.steps.take_in_device import DeviceIdentified, RecordIdentity
from devices.virtual import Character, ThreadedFleet, default_scenario, fleet_in_thread
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from tests.cast import SETUP, Cast, add_device, cast
from tests.fleet.eventstore.ground import add, device
from tests.stories.conftest import AtHome
from tests.stories.test_wizard import check, code_in, eventually

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SPECS = default_scenario(seed=7, port_base=0)
HONEST = next(s for s in SPECS if s.kind == "camera" and s.character is Character.HONEST)


@pytest.fixture
def who(transactional_db: None) -> Cast:
    return cast()


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread([HONEST]) as running:
        yield running


@pytest.fixture
def camera(who: Cast, fleet: ThreadedFleet) -> UUID:
    """A camera that opens, among others with something in the way of each."""
    flawed, shut = device(who, name="Yard"), device(who, name="Cellar", reset_email="")
    seen = DeviceIdentified("TP-Link", "VIGI C540V", "2.0.0 Build 240101", "A-1", None, "")
    handle(RecordIdentity(seen), flawed, SETUP)
    handle(RecordCheck(False), shut, SETUP)
    away = new_id()
    handle(add(who, name="Roof"), away, who.by(who.alice))
    handle(RecordTrouble("unreachable"), away, SETUP)
    return add_device(who, fleet, HONEST)


def test_what_is_in_the_way_is_seen_and_a_drill_is_done(
    who: Cast, camera: UUID, at_home: AtHome, mail_sink: Any
) -> None:
    eventually(lambda: device_for_jobs(camera).managed)
    tess = at_home.sign_in(who.tess)
    page = tess.page
    page.goto("/")
    page.get_by_role("link", name="Readiness", exact=True).click()
    expect(page.get_by_role("heading", name="Readiness")).to_be_visible()
    tess.shots("130-readiness")
    check(page, "Readiness")
    page.get_by_role("link", name="No Reset Password Email").click()
    expect(page.get_by_role("link", name="Yard")).to_be_hidden()
    page.goto(reverse("readiness"))
    page.get_by_role("link", name="Yard").click()
    expect(page.get_by_text("CVE-2026-0629").first).to_be_visible()
    tess.shots("131-readiness-of-a-device")
    check(page, "A device with a published flaw")

    page.goto(reverse("device", args=[camera]))
    before = page.get_by_text("of 100").inner_text()
    page.get_by_role("button", name="Begin a drill").click()
    expect(page.get_by_text("Handed to the mail server", exact=True)).to_be_visible()
    tess.shots("132-drill")
    check(page, "A drill that waits for its code")
    code = page.get_by_label("Code from the email")
    code.fill("0000 0000")
    code.press("Enter")
    expect(page.get_by_text("That is not the code.").first).to_be_visible()
    tess.shots("133-drill-wrong-code")
    page.get_by_label("Code from the email").fill(code_in(mail_sink))
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("A reset would have worked", exact=True)).to_be_visible()
    tess.shots("134-drill-passed")
    check(page, "A drill that has passed")
    page.goto(reverse("device", args=[camera]))
    expect(page.get_by_text("The last drill")).to_be_visible()
    assert page.get_by_text("of 100").inner_text() != before
    page.goto("/")
    tess.shots("135-dashboard-with-readiness")
    check(page, "The dashboard with readiness")
