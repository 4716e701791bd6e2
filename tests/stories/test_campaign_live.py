"""A campaign under way, watched by one and steered by another: it moves, stops, and goes on."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from uuid import UUID

import pytest
from django.urls import reverse
from playwright.sync_api import Locator, Page, expect

from devices.queries import device_for_jobs
from devices.virtual import (
    Character,
    ThreadedFleet,
    default_scenario,
    fleet_in_thread,
    uniform_scenario,
)
from fleet.accounts.models import Person
from resets.campaigns.settings import Settings
from resets.tasks import advance_campaigns
from tests.cast import Cast, add_device, cast
from tests.resets.campaigns import ground
from tests.stories.conftest import AtHome
from tests.stories.test_wizard import check, eventually

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LIAR = next(s for s in default_scenario(seed=7, port_base=0) if s.character is Character.LIAR)
SPECS = [LIAR, *uniform_scenario(seed=3, count=6, port_base=0)]
SLOWLY = Settings(canary=1, pace=12, stop_share=0)  # one each five seconds


@pytest.fixture
def who(transactional_db: None) -> Cast:
    return cast()


@pytest.fixture
def ada(who: Cast) -> Person:
    return ground.second(who)


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread(SPECS) as running:
        yield running


@pytest.fixture
def beat(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the real beat asks for, more often. The worker at home finds its jobs by itself."""
    from django.db import connection

    monkeypatch.setattr("resets.tasks.sweep", lambda: None)
    over = threading.Event()

    def run() -> None:
        try:
            while not over.wait(0.3):
                advance_campaigns()
        finally:
            connection.close()

    thread = threading.Thread(target=run, name="beat", daemon=True)
    thread.start()
    yield
    over.set()
    thread.join(30)


@pytest.fixture
def campaign(who: Cast, ada: Person, fleet: ThreadedFleet, at_home: AtHome) -> UUID:
    """A rotation of seven devices, of which one says yes and does nothing."""
    devices = [add_device(who, fleet, spec) for spec in SPECS]
    eventually(lambda: all(device_for_jobs(device).managed for device in devices), 30)
    made = ground.plan(who, settings=SLOWLY, name="Winter rotation")
    eventually(lambda: ground.state(made).planned)
    ground.agree(who, made, ada)
    return made


def figure(page: Page, words: str) -> Locator:
    return page.locator("#where").get_by_role("link", name=words, exact=True)


def test_one_watches_while_another_pauses_goes_on_and_tries_again(
    who: Cast, campaign: UUID, at_home: AtHome, beat: None
) -> None:
    alice, bob = at_home.sign_in(who.alice), at_home.sign_in(who.bob)
    for watched in (alice, bob):
        watched.page.goto(reverse("campaign", args=[campaign]))
        expect(watched.page.get_by_role("heading", name="Winter rotation")).to_be_visible()
        watched.page.evaluate("document.body.dataset.still = 'the same page'")
    expect(bob.page.locator("#controls").get_by_role("button")).to_have_count(0)
    expect(bob.page.get_by_text("It keeps to its pace of 12 devices a minute.")).to_be_visible()
    alice.shots("120-campaign-at-work")
    alice.page.get_by_role("button", name="Pause").click()
    expect(alice.page.get_by_text("Paused by Alice")).to_be_visible()
    expect(bob.page.get_by_text("Paused by Alice")).to_be_visible()
    expect(figure(bob.page, "0 In work")).to_be_visible()
    waiting = list(ground.standings(campaign).values()).count("waiting")
    assert 0 < waiting < len(SPECS)
    advance_campaigns()
    expect(figure(bob.page, f"{waiting} Waiting")).to_be_visible()
    alice.page.reload()
    alice.shots("121-campaign-paused")
    check(alice.page, "A campaign that is paused")
    expect(figure(alice.page, f"{waiting} Waiting")).to_be_visible()

    alice.page.get_by_role("link", name="Set the pace").click()
    expect(alice.page.get_by_label("Devices a minute")).to_have_value("12")
    alice.page.get_by_label("Devices at one time, for each site").fill("9000")
    alice.page.get_by_role("button", name="Set the pace").click()
    expect(alice.page.get_by_role("alert")).to_contain_text("Between 1 and 500")
    check(alice.page, "Set the pace")
    alice.page.get_by_label("Devices a minute").fill("0")
    alice.page.get_by_label("Devices at one time, for each site").fill("3")
    alice.page.get_by_role("button", name="Set the pace").click()
    expect(bob.page.locator("#story").get_by_text("Alice set the pace")).to_be_visible()

    alice.page.get_by_role("link", name="Cancel the campaign").click()
    expect(alice.page.get_by_text("This cannot be undone.")).to_be_visible()
    check(alice.page, "Cancel the campaign?")
    alice.page.get_by_role("link", name="Back").click()

    alice.page.get_by_role("button", name="Resume").click()
    told = bob.page.locator("#story")
    expect(told.get_by_text("Alice let the campaign go on.")).to_be_visible()
    expect(bob.page.get_by_text("It has ended")).to_be_visible()
    expect(figure(bob.page, "6 Proven")).to_be_visible()
    unproven = bob.page.locator("#where").get_by_text("said yes to the new password")
    expect(unproven).to_be_visible()
    assert bob.page.evaluate("document.body.dataset.still") == "the same page"
    bob.shots("124-campaign-ended")
    check(bob.page, "A campaign that has ended")

    alice.page.reload()
    figure(alice.page, "1 Unproven").click()
    line = alice.page.get_by_role("row").filter(has_text=LIAR.name)
    expect(line.get_by_role("link", name="Open the reset of")).to_be_visible()
    expect(line.get_by_role("button", name="Try once more")).to_be_visible()
    alice.page.get_by_role("button", name="Retry failed").click()
    expect(alice.page.get_by_text("1 device waits to be tried once more.")).to_be_visible()
    told = alice.page.locator("#story")
    expect(told.get_by_text("Alice let the campaign go on, for devices")).to_be_visible()
    expect(figure(alice.page, "0 Unproven")).to_be_visible()
    line.get_by_role("link", name=re.compile("the reset of")).click()
    expect(alice.page.get_by_role("link", name="Winter rotation")).to_be_visible()
