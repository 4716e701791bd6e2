"""Devices by their pages: one changed, two moved, one removed, an NVR's channels, a certificate."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from devices import sweep
from devices.models import Telemetry
from devices.queries import device_for_jobs
from devices.steps.check_device import CheckDevice
from devices.steps.open_site import OpenSite
from devices.virtual import Character, DeviceSpec, ThreadedFleet, demo_scenario, fleet_in_thread
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from tests.cast import SETUP, Cast, add_device, cast
from tests.services import free_port
from tests.stories.conftest import AtHome
from tests.stories.test_wizard import eventually

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SPECS = {spec.name: spec for spec in demo_scenario(seed=7, port_base=0)}
NVR = SPECS["Harbour recorder"]
NORTH, SOUTH, QUAY = (SPECS[f"Harbour {name}"] for name in ("gate north", "gate south", "quay"))
ALONE = SPECS["Harbour slipway"]
TREASURY = replace(SPECS["Treasury"], character=Character.FICKLE)
OTHER = "Another-horse-77"


@dataclass
class Harbour:
    """Everything is taken in, but for the quay's camera, which is on the NVR alone."""

    who: Cast
    fleet: ThreadedFleet
    nvr: UUID
    north: UUID
    south: UUID
    treasury: UUID

    def add(self, spec: DeviceSpec, **more: Any) -> UUID:
        return add_device(self.who, self.fleet, spec, **more)


@pytest.fixture
def harbour(transactional_db: None, at_home: AtHome) -> Iterator[Harbour]:
    who = cast()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), new_id(), SETUP)
    specs = [NVR, NORTH, SOUTH, QUAY, ALONE, TREASURY]
    with fleet_in_thread(specs) as fleet:
        _, port = fleet.address(NVR.serial, "vigi_nvr")
        made = Harbour(who, fleet, *(UUID(int=0) for _ in range(4)))
        made.nvr = made.add(NVR, services=f"vigi_nvr:{port}")
        made.north = made.add(NORTH, nvr=made.nvr, channel=1)
        made.south = made.add(SOUTH, nvr=made.nvr, channel=2)
        made.treasury = made.add(TREASURY, tls=True)
        for device in (made.nvr, made.north, made.south, made.treasury):
            eventually(lambda device=device: device_for_jobs(device).managed, seconds=30)
        yield made


@pytest.fixture
def check() -> Callable[[Page, str], None]:
    def look(page: Page, where: str) -> None:
        found = Axe().run(page)
        assert found.violations_count == 0, f"{where}: {found.generate_report()}"

    return look


def swept() -> None:
    """As beat does; in a thread, for the browser's own loop runs in this one."""

    def run() -> None:
        sweep._begin_telemetry()
        Telemetry.objects.update(next_at=timezone.now())
        sweep.sweep()
        connection.close()

    with ThreadPoolExecutor(1) as beat:
        beat.submit(run).result()


def test_an_address_is_changed_two_are_moved_and_one_is_removed(
    harbour: Harbour, at_home: AtHome, check: Callable[[Page, str], None]
) -> None:
    alone = harbour.add(ALONE)
    eventually(lambda: device_for_jobs(alone).managed)
    swept()
    alice = at_home.sign_in(harbour.who.alice)
    page = alice.page
    page.goto(reverse("device", args=[alone]))
    alice.shots("50-device")
    check(page, "A device")

    page.get_by_role("link", name="Change", exact=True).click()
    alice.shots("51-change")
    check(page, "Change")
    right = page.get_by_label("Port").input_value()
    page.get_by_label("Port").fill(str(free_port()))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Does not answer", exact=True).first).to_be_visible()
    alice.shots("52-does-not-answer")
    page.get_by_role("link", name="Change its address").click()
    page.get_by_label("Port").fill(right)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#device-badge").get_by_text("Certified", exact=True)).to_be_visible()

    page.goto(reverse("devices"))
    page.locator("summary", has_text="Columns").click()
    for name in ("Firmware", "MAC address", "Last seen"):
        page.get_by_label(name, exact=True).check()
    alice.shots("53-columns")
    page.get_by_role("button", name="Show these").click()
    expect(page.get_by_role("columnheader", name="MAC address")).to_be_visible()
    alice.shots("54-devices")
    check(page, "Devices")
    page.get_by_label("Select all on this page").focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("5 ticked")).to_be_visible()
    page.keyboard.press("Space")
    for name in (ALONE.name, TREASURY.name):
        page.get_by_label(f"Select {name}").check()
    expect(page.get_by_text("2 ticked")).to_be_visible()
    alice.shots("55-ticked")
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.get_by_role("heading", name="Move 2 devices to another site")).to_be_visible()
    page.get_by_label("Site").select_option("Museum")
    alice.shots("56-move-two")
    check(page, "Move two")
    page.get_by_role("button", name="Move 2 devices").click()
    expect(page.get_by_text("2 devices moved.")).to_be_visible()
    row = page.get_by_role("row", name=re.compile(TREASURY.name))
    expect(row.get_by_role("link", name="Museum")).to_be_visible()

    page.goto(reverse("device", args=[alone]))
    page.get_by_role("link", name="Remove", exact=True).click()
    page.get_by_label("Why is it removed?").fill("The slipway is closed for good.")
    alice.shots("57-remove")
    check(page, "Remove")
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_text("This device was removed from the fleet")).to_be_visible()
    expect(page.get_by_role("button", name="Check now")).to_have_count(0)
    alice.shots("58-removed")
    check(page, "Removed")
    page.goto(reverse("devices"))
    expect(page.get_by_role("link", name=ALONE.name)).to_have_count(0)
    page.goto(f"{reverse('devices')}?status=removed")
    expect(page.get_by_role("link", name=ALONE.name)).to_be_visible()


def test_an_nvr_shows_what_it_does_not_open_and_what_is_not_in_the_fleet(
    harbour: Harbour, at_home: AtHome, check: Callable[[Page, str], None]
) -> None:
    harbour.fleet.change_copy(NVR.serial, 1, "admin", OTHER)
    handle(CheckDevice(), harbour.nvr, harbour.who.by(harbour.who.alice))
    eventually(lambda: device_for_jobs(harbour.north).nvr_opens is False)
    alice = at_home.sign_in(harbour.who.alice)
    page = alice.page
    page.goto(reverse("device", args=[harbour.nvr]))
    channels = page.get_by_role("table", name="Channels of this NVR")
    north = channels.get_by_role("row", name=re.compile(NORTH.name))
    expect(north.get_by_text("Not certified", exact=True)).to_be_visible()
    expect(north.get_by_text("Its NVR does not open it")).to_be_visible()
    south = channels.get_by_role("row", name=re.compile(SOUTH.name))
    expect(south.get_by_text("Certified", exact=True)).to_be_visible()
    expect(south.get_by_text("Online", exact=True)).to_be_visible()
    alice.shots("60-nvr")
    check(page, "An NVR")

    page.goto(reverse("device", args=[harbour.north]))
    expect(page.get_by_text(f"the recorder {NVR.name} has an old one")).to_be_visible()
    alice.shots("61-not-opened-by-its-nvr")

    page.goto(reverse("device", args=[harbour.nvr]))
    quay = channels.get_by_role("row", name=re.compile("Not in the fleet")).first
    quay.get_by_role("link", name="Add").click()
    expect(page.get_by_label("NVR", exact=False).first).to_be_visible()
    expect(page.get_by_label("Channel")).to_have_value("4")
    alice.shots("62-add-from-a-channel")
    check(page, "Add from a channel")
    page.get_by_label("Port").fill(str(harbour.fleet.address(QUAY.serial)[1]))
    page.get_by_label("Password", exact=True).fill(QUAY.password)
    page.get_by_role("button", name="Add the device").click()
    expect(page.locator("#device-badge").get_by_text("Certified", exact=True)).to_be_visible()
    expect(page.locator("#device-vault").get_by_text("Current", exact=True).first).to_be_visible()


def test_a_changed_certificate_is_compared_and_accepted(
    harbour: Harbour, at_home: AtHome, check: Callable[[Page, str], None]
) -> None:
    harbour.fleet.reboot(TREASURY.serial)
    alice = at_home.sign_in(harbour.who.alice)
    page = alice.page
    page.goto(reverse("device", args=[harbour.treasury]))
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_text("Another certificate than before", exact=True)).to_be_visible()
    seen = harbour.fleet.certificate(TREASURY.serial)
    grouped = " ".join(seen[i : i + 4] for i in range(0, 64, 4))
    expect(page.get_by_text(grouped)).to_be_visible()
    alice.shots("63-another-certificate")
    check(page, "Another certificate")
    page.get_by_role("link", name="Compare and accept").click()
    page.get_by_label("Why has it changed?").fill("It was restarted by us.")
    alice.shots("64-accept")
    check(page, "Accept")
    page.get_by_role("button", name="Accept", exact=True).click()
    expect(page.locator("#device-badge").get_by_text("Certified", exact=True)).to_be_visible()
    expect(page.get_by_text("Another certificate than before", exact=True)).to_have_count(0)


def test_ticking_works_without_scripts(harbour: Harbour, at_home: AtHome) -> None:
    page = at_home.sign_in(harbour.who.alice, java_script_enabled=False).page
    page.goto(reverse("devices"))
    page.get_by_label(f"Select {NORTH.name}").check()
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_role("heading", name="Check 1 device?")).to_be_visible()
    page.get_by_role("button", name="Check 1 device").click()
    expect(page.get_by_text("1 device will be asked.")).to_be_visible()
