"""A second person declines, or agrees; and one acts alone, which somebody else looks into."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from devices.queries import device_for_jobs
from devices.virtual import Character, ThreadedFleet, default_scenario, fleet_in_thread
from fleet.accounts.models import Person
from tests.cast import Cast, add_device, cast
from tests.resets.approvals.asking import ask_always, dora
from tests.stories.conftest import AtHome
from tests.stories.test_wizard import check, eventually

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SPECS = default_scenario(seed=7, port_base=0)
HONEST = next(s for s in SPECS if s.kind == "camera" and s.character is Character.HONEST)
REASON = "The guard who knew it has left"


@pytest.fixture
def who(transactional_db: None) -> Cast:
    return cast()


@pytest.fixture
def other(who: Cast) -> Person:
    """Dora, an administrator of the site."""
    return dora(who)


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread([HONEST]) as running:
        yield running


@pytest.fixture
def camera(who: Cast, fleet: ThreadedFleet, at_home: AtHome) -> UUID:
    device = add_device(who, fleet, HONEST)
    eventually(lambda: device_for_jobs(device).managed)
    return device


def ask_for(page: Page, camera: UUID) -> None:
    page.goto(reverse("request-reset", args=[camera]))
    page.get_by_label("Why is the password being reset?").fill(REASON)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("Waits for a second person").first).to_be_visible()


def notice(mail_sink: Any, to: str, words: str) -> Any:
    """The notice that somebody got."""

    def found() -> list[Any]:
        return [m for m in mail_sink.mails(to) if words in m.subject]

    eventually(found)
    [mail] = found()
    return mail


def test_a_site_asks_for_a_second_person_who_declines(
    who: Cast, other: Person, camera: UUID, at_home: AtHome, mail_sink: Any
) -> None:
    alice = at_home.sign_in(who.alice)
    page = alice.page
    page.goto(reverse("site", args=[who.site]))
    page.get_by_role("link", name="Rules").click()
    expect(page.get_by_label("Digits")).to_have_value("8")
    alice.shots("100-rules-codes")
    check(page, "Rules for codes")
    page.get_by_label("Digits").fill("4")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("alert")).to_contain_text("Between 6 and 8")
    page.get_by_role("link", name="Approval", exact=True).click()
    page.get_by_label("Always").check()
    alice.shots("101-rules-approval")
    check(page, "Rules of approval")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_text("These rules hold for resets that begin from now on.")).to_be_visible()

    tess = at_home.sign_in(who.tess)
    ask_for(tess.page, camera)
    expect(tess.page.get_by_text("Alice or Dora can agree until")).to_be_visible()
    tess.shots("102-waits-for-a-second-person")
    check(tess.page, "Waits for a second person")
    tess.page.evaluate("document.body.dataset.still = 'the same page'")

    asked = notice(mail_sink, other.email, "Your approval is asked")
    assert REASON in asked.text
    doras = at_home.sign_in(other)
    page = doras.page
    page.goto("/")
    expect(page.get_by_role("link", name="Approvals 1 waiting")).to_be_visible()
    page.get_by_role("link", name="Approvals 1 waiting").click()
    expect(page.get_by_role("link", name=HONEST.name)).to_be_visible()
    doras.shots("103-approvals")
    check(page, "Approvals")
    page.get_by_role("link", name=HONEST.name).click()
    expect(page.get_by_role("heading", name="Agree to this reset?")).to_be_visible()
    doras.shots("104-agree-to-this-reset")
    check(page, "Agree to this reset?")

    page.get_by_role("link", name="Decline").click()
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why not")
    page.get_by_label("Why not?").fill("Ring me first")
    check(page, "Decline")
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_text("declined the reset: Ring me first").first).to_be_visible()
    page.goto(reverse("approvals"))
    expect(page.get_by_text("Nothing waits for your answer.")).to_be_visible()
    doras.shots("105-nothing-waits")
    check(page, "Nothing waits")

    expect(tess.page.get_by_text("declined the reset: Ring me first").first).to_be_visible()
    assert tess.page.evaluate("document.body.dataset.still") == "the same page"
    tess.shots("106-declined")
    check(tess.page, "Declined")
    told = notice(mail_sink, who.tess.email, "Declined").text
    assert "Ring me first" in " ".join(told.split())


def test_a_second_person_agrees_and_the_reset_goes_on_to_its_proof(
    who: Cast, other: Person, camera: UUID, at_home: AtHome, mail_sink: Any
) -> None:
    ask_always(who)
    tess = at_home.sign_in(who.tess)
    ask_for(tess.page, camera)
    doras = at_home.sign_in(other)
    doras.page.goto("/")
    doras.page.get_by_role("region", name="What needs me").get_by_role(
        "link", name=HONEST.name
    ).click()
    for told in (HONEST.name, REASON, "Tess from 127.0.0.1", "o•••r@e•••e.com"):
        expect(doras.page.locator("main").get_by_text(told).first).to_be_visible()
    doras.page.get_by_role("button", name="Agree").click()
    expect(doras.page.get_by_text("Dora agreed to the reset.")).to_be_visible()

    page = tess.page
    page.get_by_role("button", name="Send Code").click()
    code = page.get_by_label("Code from the email")
    expect(code).to_be_visible()
    expect(doras.page.get_by_text("Somebody else asked for the code")).to_be_visible()
    mail = notice(mail_sink, "owner@example.com", "Verification code")
    code.fill(re.findall(r"^ {4}(\d{4} \d{4})\r?$", mail.text, re.M)[0])
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Use a generated password").click()
    expect(page.get_by_text("Done and proven")).to_be_visible()

    for reader in (who.alice.email, other.email, "owner@example.com"):
        told = notice(mail_sink, reader, f"The password of {HONEST.name} was reset")
        assert "Agreed to by: Dora" in " ".join(told.text.split())
    page.reload()
    expect(page.get_by_role("heading", name="Told by mail")).to_be_visible()
    tess.shots("107-done-and-told")
    check(page, "Done, and who was told")


def test_one_breaks_the_glass_and_another_looks_into_it(
    who: Cast, other: Person, camera: UUID, at_home: AtHome, mail_sink: Any
) -> None:
    ask_always(who)
    ask_for(at_home.sign_in(who.tess).page, camera)
    alice = at_home.sign_in(who.alice)
    page = alice.page
    page.goto("/")
    page.get_by_role("region", name="What needs me").get_by_role("link", name=HONEST.name).click()
    page.get_by_role("link", name="Break glass").click()
    expect(page.get_by_text("Break the glass?")).to_be_visible()
    alice.shots("108-break-the-glass")
    check(page, "Break the glass?")
    page.get_by_role("button", name="Break the glass").click()
    expect(page.get_by_role("alert")).to_contain_text("at least 10 characters")
    page.get_by_label("Why can it not wait?").fill("The gate stands open and nobody answers")
    page.get_by_role("button", name="Break the glass").click()
    expect(page.get_by_text("The glass was broken").first).to_be_visible()
    alice.shots("109-the-glass-was-broken")
    check(page, "The glass was broken")
    for reader in (who.alice, other, who.tess):
        assert "nobody answers" in notice(mail_sink, reader.email, "The glass was broken").text
    assert "nobody answers" in notice(mail_sink, "owner@example.com", "The glass was broken").text
    page.get_by_role("button", name="Use a generated password").click()
    expect(page.get_by_text("Done and proven")).to_be_visible()
    expect(page.get_by_text("Another administrator has to look into it.")).to_be_visible()

    doras = at_home.sign_in(other)
    page = doras.page
    page.goto("/")
    panel = page.get_by_role("region", name="Broken glass to be reviewed")
    expect(panel).to_be_visible()
    doras.shots("110-dashboard-broken-glass")
    check(page, "Dashboard with broken glass")
    panel.get_by_role("link", name=HONEST.name).click()
    page.get_by_role("link", name="Look into it").click()
    doras.shots("111-look-into-it")
    check(page, "Look into the broken glass")
    page.get_by_label("What did you find?").fill("There was a fire; the gate is shut again")
    page.get_by_role("button", name="I have looked into it").click()
    expect(page.get_by_text("the gate is shut again").first).to_be_visible()
    page.goto("/")
    expect(panel).to_have_count(0)
