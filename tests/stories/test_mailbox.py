"""A dead mailbox is corrected by two people, in two browsers, while a reset waits for its code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from threading import Event
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Page, expect

from devices.queries import device_for_jobs
from devices.virtual import Character, ThreadedFleet, default_scenario, fleet_in_thread
from tests.cast import Cast, add_device, cast
from tests.stories.conftest import AtHome

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SPECS = default_scenario(seed=7, port_base=0)
HONEST = next(s for s in SPECS if s.kind == "camera" and s.character is Character.HONEST)
OLD, NEW = "owner@example.com", "keeper.of.the.harbour.cameras@long-name.example.net"
REASON = "The owner has left, and the mailbox with her (ticket 4711)"


@pytest.fixture
def who(transactional_db: None) -> Cast:
    return cast()


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread([HONEST]) as running:
        yield running


@pytest.fixture
def camera(who: Cast, fleet: ThreadedFleet, at_home: AtHome) -> UUID:
    device = add_device(who, fleet, HONEST, email=OLD)
    eventually(lambda: device_for_jobs(device).managed)
    return device


def eventually(happens: Callable[[], Any], seconds: float = 15.0) -> Any:
    until = monotonic() + seconds
    while not (found := happens()):
        assert monotonic() < until, "it never happened"
        Event().wait(0.05)
    return found


def check(page: Page, where: str) -> None:
    """What axe finds fault with, on this page as it stands."""
    found = Axe().run(page)
    assert found.violations_count == 0, f"{where}: {found.generate_report()}"


def test_a_dead_mailbox_is_corrected_by_two(
    who: Cast, camera: UUID, at_home: AtHome, mail_sink: Any
) -> None:
    mail_sink.refuse(OLD)
    tess = at_home.sign_in(who.tess)
    page = tess.page
    page.goto(reverse("request-reset", args=[camera]))
    page.get_by_label("Why is the password being reset?").fill("The installer left")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Send Code").click()
    expect(page.get_by_text("Refused", exact=True)).to_be_visible()
    page.get_by_role("link", name="I got no code").click()
    page.get_by_role("link", name="Correct the mailbox").click()
    expect(page.get_by_text(OLD)).to_be_visible()
    check(page, "Propose a mailbox")

    page.get_by_label("New Reset Password Email").fill("keeper@harbour@example.net")
    page.get_by_role("button", name="Propose it").click()
    expect(page.get_by_role("alert")).to_contain_text("Name one mailbox")
    page.get_by_label("New Reset Password Email").fill(NEW)
    page.get_by_label("Why is it to become this one?").fill(REASON)
    tess.shots("70-mailbox-propose")
    page.get_by_role("button", name="Propose it").click()
    expect(page.get_by_text("Somebody else has to agree")).to_be_visible()
    expect(page.get_by_role("link", name="Take it back")).to_be_visible()
    expect(page.get_by_role("link", name="Agree", exact=True)).to_have_count(0)
    tess.shots("71-mailbox-proposed")

    bob = at_home.sign_in(who.bob)
    bob.page.goto(page.url)
    expect(bob.page.get_by_text("k•••s@l•••e.net").first).to_be_visible()
    expect(bob.page.get_by_text(NEW)).to_have_count(0)

    alice = at_home.sign_in(who.alice)
    hers = alice.page
    hers.goto(reverse("approvals"))
    hers.get_by_role("link", name=HONEST.name).click()
    expect(hers.get_by_text("Waits for a second person")).to_be_visible()
    hers.get_by_role("link", name="Agree", exact=True).click()
    expect(hers.get_by_role("heading", name="Agree to this Reset Password Email?")).to_be_visible()
    for shown in (NEW, OLD, REASON, "A reset of this device is under way"):
        expect(hers.get_by_text(shown).first).to_be_visible()
    check(hers, "Agree to a mailbox")
    alice.shots("73-mailbox-agree")
    hers.get_by_role("button", name="Agree").click()
    expect(hers.get_by_text("In force", exact=True)).to_be_visible()
    by_mail = hers.get_by_role("region", name="Told by mail")
    expect(by_mail.get_by_text("The owner of the mailbox")).to_be_visible()
    expect(by_mail.get_by_text("The owner of the old mailbox")).to_be_visible()
    expect(by_mail.get_by_text("Refused")).to_be_visible()
    check(hers, "A changed mailbox")
    alice.shots("74-mailbox-in-force")

    # It came to Tess's window by itself.
    expect(page.get_by_text("In force", exact=True)).to_be_visible()
    page.goto(reverse("device", args=[camera]))
    expect(page.get_by_text(NEW)).to_be_visible()
    page.goto(reverse("request-reset", args=[camera]))  # leads to the one that is open
    expect(page.get_by_text("k•••s@l•••e.net").first).to_be_visible()
    page.get_by_role("button", name="Send Code").click()
    page.get_by_label("Code from the email").fill(eventually(lambda: the_code(mail_sink)))
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Use a generated password").click()
    expect(page.get_by_text("Done and proven")).to_be_visible()

    hers.goto(reverse("mailboxes"))
    expect(
        hers.get_by_role("row", name=re.compile(HONEST.name)).get_by_text("Changed")
    ).to_be_visible()
    check(hers, "Proposed mailboxes")
    alice.shots("76-mailboxes")
    hers.goto(reverse("mailboxes") + "?stage=declined")
    expect(hers.get_by_text("No proposal fits these filters.")).to_be_visible()


def the_code(mail_sink: Any) -> str:
    for mail in mail_sink.mails(NEW):
        if found := re.search(r"^ {4}(\d{4} \d{4})\r?$", mail.text, re.M):
            return found[1]
    return ""


def test_a_device_without_a_mailbox_leads_to_naming_one_and_a_second_person_may_decline(
    who: Cast, fleet: ThreadedFleet, at_home: AtHome, mail_sink: Any
) -> None:
    camera = add_device(who, fleet, HONEST, email="")
    eventually(lambda: device_for_jobs(camera).managed)
    tess = at_home.sign_in(who.tess)
    page = tess.page
    page.goto(reverse("device", args=[camera]))
    page.get_by_role("link", name="Name one").click()
    page.get_by_label("New Reset Password Email").fill(NEW)
    page.get_by_label("Why is it to become this one?").fill(REASON)
    page.get_by_role("button", name="Propose it").click()
    address = page.url

    alice = at_home.sign_in(who.alice)
    alice.page.goto(address)
    alice.page.get_by_role("link", name="Decline").click()
    alice.page.get_by_role("button", name="Decline").click()
    expect(alice.page.get_by_role("alert")).to_contain_text("Say why not")
    alice.page.get_by_label("Why not?").fill("Nobody here knows this mailbox")
    check(alice.page, "Decline a mailbox")
    alice.shots("75-mailbox-decline")
    alice.page.get_by_role("button", name="Decline").click()
    expect(alice.page.get_by_text("Nobody here knows this mailbox").first).to_be_visible()
    expect(page.get_by_text("Declined because")).to_be_visible()
    page.get_by_role("link", name="Propose another one").click()
    expect(page.get_by_label("New Reset Password Email")).to_be_visible()
