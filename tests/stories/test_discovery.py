"""Discovery as an administrator does it: name a network, search it, and take in what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from devices.discovery import searches
from devices.models import Device
from devices.steps.open_site import OpenSite
from devices.steps.site_networks import SetNetworks
from devices.virtual import DeviceSpec, ThreadedFleet, fleet_in_thread, uniform_scenario
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from tests.cast import Cast, cast
from tests.stories.conftest import AtHome
from tests.stories.test_main_job import go
from tests.stories.test_wizard import check, eventually, tab_to

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NETWORK = "127.0.0.0/29"
MAILBOX = "owner@example.com"


@pytest.fixture
def who(transactional_db: None) -> Cast:
    return cast()


@pytest.fixture
def specs() -> list[DeviceSpec]:
    """Of seven, the last two are factory-fresh."""
    made = uniform_scenario(11, 7, 0)
    return [*made[:5], *(replace(spec, fresh=True) for spec in made[5:])]


@pytest.fixture
def fleet(
    specs: list[DeviceSpec], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ThreadedFleet]:
    monkeypatch.setattr(searches, "PROBE_SECONDS", 1.5)  # they answer at once
    with fleet_in_thread(specs, discovery_port=0) as running:
        settings.REKEY_DISCOVERY_PORT = running.discovery_port
        yield running


def row_of(page: Page, fleet: ThreadedFleet, spec: DeviceSpec) -> Locator:
    host, port = fleet.address(spec.serial)
    return page.get_by_role("row").filter(has_text=f"{host}:{port}")


def test_alice_takes_a_network_in(
    who: Cast, fleet: ThreadedFleet, specs: list[DeviceSpec], at_home: AtHome
) -> None:
    alice = at_home.sign_in(who.alice)
    page = alice.page

    page.goto("/")
    go(page, "Discovery")
    expect(page.get_by_text("No networks are named yet.")).to_be_visible()
    alice.shots("30-discovery-empty")
    check(page, "Discovery, empty")
    page.get_by_role("link", name="Name the networks").click()
    page.get_by_label("Networks").fill(NETWORK)
    alice.shots("31-networks")
    check(page, "Networks")
    page.get_by_role("button", name="Keep").click()
    page.get_by_role("link", name="Search a network").click()
    expect(page.get_by_label("Network", exact=True)).to_have_value(NETWORK)
    alice.shots("32-search")
    check(page, "Search a network")

    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_role("heading", name=f"Search of {NETWORK}")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()
    alice.shots("33-scan-running")
    check(page, "A scan that runs")
    expect(page.get_by_text("Finished", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="7 New")).to_be_visible()
    alice.shots("34-scan")
    check(page, "A scan")

    page.get_by_role("link", name="Show what was found").click()
    expect(page.get_by_role("checkbox", name="Select VIGI")).to_have_count(7)
    alice.shots("35-discovered")
    check(page, "Discovered devices")

    known, ignored, fresh = specs[0], specs[1], specs[5]
    row_of(page, fleet, known).get_by_role("link", name="Add").click()
    expect(page.get_by_label("Reset Password Email")).to_be_visible()
    alice.shots("36-add")
    check(page, "Add")
    page.get_by_label("Name").fill("Gate north")
    page.get_by_label("Password", exact=True).fill(known.password)
    page.get_by_label("Reset Password Email").fill(MAILBOX)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", name="Gate north", level=1)).to_be_visible()
    expect(page.locator("#device-badge").get_by_text("Certified", exact=True)).to_be_visible()

    go(page, "Discovery")
    row = row_of(page, fleet, fresh)
    expect(row.get_by_text("No password yet")).to_be_visible()
    row.get_by_role("link", name="Set Password").click()
    alice.shots("37-set-password")
    check(page, "Set Password")
    page.get_by_label("Name").fill("Yard")
    page.get_by_label("Reset Password Email").fill(MAILBOX)
    page.get_by_role("button", name="Set Password").click()
    expect(page.locator("#device-badge").get_by_text("Certified", exact=True)).to_be_visible()

    go(page, "Discovery")
    row_of(page, fleet, ignored).get_by_role("button", name="Ignore").click()
    expect(row_of(page, fleet, ignored).get_by_text("Ignored", exact=True)).to_be_visible()
    expect(row_of(page, fleet, known).get_by_role("link", name="Gate north")).to_be_visible()
    alice.shots("38-discovered-afterwards")
    check(page, "Discovered devices afterwards")

    row_of(page, fleet, specs[2]).get_by_role("link", name="Forget Password").click()
    expect(page.get_by_role("heading", name="Factory restore")).to_be_visible()
    alice.shots("39-forget-password")
    check(page, "Forget Password of a stranger")
    page.get_by_role("navigation", name="Breadcrumbs").get_by_role("link").last.click()
    alice.shots("40-discovered-one")
    check(page, "One discovered device")
    rows: Any = Device.objects.for_jobs()
    assert {row.name: (row.certified, row.managed) for row in rows} == {
        "Gate north": (True, True),
        "Yard": (True, True),
    }


def test_many_are_chosen_by_keyboard_and_added_at_once(
    who: Cast, fleet: ThreadedFleet, specs: list[DeviceSpec], at_home: AtHome
) -> None:
    handle(SetNetworks(NETWORK), who.site, who.by(who.alice))
    for spec in specs[1:5]:
        fleet.change_password(spec.serial, "admin", specs[0].password)
    museum = new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), museum, who.by(who.alice))
    handle(SetNetworks("127.0.0.128/25"), museum, who.by(who.alice))
    alice = at_home.sign_in(who.alice)
    page = alice.page
    page.goto("/discovery/scans/search/")
    page.get_by_label("Site").select_option("Museum")
    expect(page.get_by_label("Network", exact=True)).to_have_value("127.0.0.128/25")
    page.get_by_label("Site").select_option("Harbour")
    expect(page.get_by_label("Network", exact=True)).to_have_value(NETWORK)
    page.get_by_role("button", name="Search", exact=True).click()
    page.goto("/discovery/")
    expect(page.get_by_role("progressbar")).to_be_visible()
    alice.shots("41-discovery-searching")
    shown = page.get_by_role("link", name="Show them")
    expect(shown).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    shown.click()

    everything = page.get_by_role("checkbox", name="Select all")
    tab_to(page, everything)
    page.keyboard.press("Space")
    expect(page.get_by_text("7 selected")).to_be_visible()
    alice.shots("42-chosen")
    check(page, "Chosen")
    tab_to(page, page.locator(".bulk").get_by_role("button", name="Add"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 of those that you chose have no password yet")).to_be_visible()
    alice.shots("43-add-chosen")
    check(page, "Add chosen")
    page.get_by_label("Password", exact=True).fill(specs[0].password)
    page.get_by_role("button", name="Add 5 devices").click()
    expect(page.get_by_text("Added 5 devices.")).to_be_visible()
    rows: Any = Device.objects.for_jobs()
    eventually(lambda: rows.filter(certified=True, managed=True).count() == 5)


def test_without_scripts_chosen_ones_are_ignored_as_well(
    who: Cast, fleet: ThreadedFleet, specs: list[DeviceSpec], at_home: AtHome
) -> None:
    handle(SetNetworks(NETWORK), who.site, who.by(who.alice))
    page = at_home.sign_in(who.alice, java_script_enabled=False).page
    page.goto("/discovery/scans/search/")
    page.get_by_role("button", name="Search", exact=True).click()

    def over() -> bool:
        page.reload()
        return page.get_by_text("Finished", exact=True).is_visible()

    eventually(over)
    page.get_by_role("link", name="Show what was found").click()
    for spec in specs[:2]:
        row_of(page, fleet, spec).get_by_role("checkbox").check()
    page.locator(".bulk").get_by_role("button", name="Ignore").click()
    page.get_by_role("button", name="Ignore 2 devices").click()
    expect(page.locator("#results").get_by_text("Ignored", exact=True)).to_have_count(2)


def test_a_viewer_sees_the_list_without_buttons_and_an_outsider_nothing(
    who: Cast, fleet: ThreadedFleet, at_home: AtHome
) -> None:
    handle(SetNetworks(NETWORK), who.site, who.by(who.alice))
    alice = at_home.sign_in(who.alice).page
    alice.goto("/discovery/scans/search/")
    alice.get_by_role("button", name="Search", exact=True).click()
    expect(alice.get_by_text("Finished", exact=True)).to_be_visible()
    bob = at_home.sign_in(who.bob)
    bob.page.goto("/discovery/")
    expect(bob.page.get_by_text("No password yet")).to_have_count(2)
    expect(bob.page.locator("#results button, #results .button")).to_have_count(0)
    bob.shots("44-viewer-of-discovery")
    check(bob.page, "A viewer's discovery")
    charlie = at_home.sign_in(who.charlie).page
    found = charlie.goto(re.sub(r"^https?://[^/]+", "", alice.url))
    assert found is not None
    assert found.status == 404
