"""No code comes: what is known is said, a test mail tells more, and the code is sent again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from fleet.eventstore.handling import handle
from resets.rules import rules_id
from resets.state import Delivery
from resets.steps.deliver_code import RecordDelivery
from resets.steps.send_code import SendCode
from resets.steps.site_rules import SetCodeRules
from tests.cast import SETUP, Cast, cast
from tests.fleet.eventstore.ground import device, reset
from tests.resets.delivery.ground import mailed
from tests.stories.conftest import AtHome
from tests.stories.test_wizard import check, code_in, eventually

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def who(transactional_db: None) -> Cast:
    return cast()


@pytest.fixture
def camera(who: Cast) -> UUID:
    # Sent again as soon as the rules allow: nobody in a test waits for a minute.
    rules = SetCodeRules(who.site, 8, 600, 5, 30, 3, 3600)
    handle(rules, rules_id(who.site), who.by(who.alice))
    return device(who, name="Quay crane", reset_email="owner.one@example.com")


def test_a_code_that_was_refused_is_looked_into_and_sent_again(
    who: Cast, camera: UUID, at_home: AtHome, mail_sink: Any
) -> None:
    mail_sink.refuse()
    with time_machine.travel(timezone.now() - timedelta(seconds=22), tick=True):
        walk = reset(who, camera)
        handle(SendCode(), walk, who.by(who.tess))
    tess = at_home.sign_in(who.tess)
    page = tess.page
    page.goto(reverse("reset", args=[walk]))
    expect(page.get_by_text("Refused", exact=True)).to_be_visible()
    page.get_by_role("link", name="I got no code").click()
    expect(page.get_by_text("was refused for good")).to_be_visible()
    expect(page.get_by_text("550").first).to_be_visible()
    for words in ("Check the junk or spam folder", "white list", "Create a new filter"):
        expect(page.get_by_text(words)).to_be_visible()
    expect(page.get_by_role("button", name="Send the code again in")).to_be_disabled()
    tess.shots("90-i-got-no-code")
    check(page, "I got no code")

    page.get_by_role("button", name="Send a test mail").click()
    expect(page.get_by_text("It was refused for good: 550")).to_be_visible()
    tess.shots("91-test-mail-refused")
    check(page, "A test mail that was refused")

    mail_sink.behave()  # somebody has put the mailbox right
    page.goto(reverse("device", args=[camera]))
    page.get_by_role("button", name="Send a test mail").click()
    expect(page.get_by_text("Handed to the mail server", exact=True)).to_be_visible()
    assert "There is no code in it" in mail_sink.mails()[0].text

    page.goto(reverse("no-code", args=[walk]))
    page.evaluate("document.body.dataset.still = 'the same page'")
    again = page.get_by_role("button", name="Send the code again", exact=True)
    expect(again).to_be_enabled(timeout=40_000)
    assert page.evaluate("document.body.dataset.still") == "the same page"
    again.click()
    expect(page.get_by_text("Handed to the mail server", exact=True)).to_be_visible()
    page.get_by_label("Code from the email").fill(code_in(mail_sink))
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("button", name="Use a generated password")).to_be_visible()


def test_what_a_mail_service_tells_later_moves_the_page(
    who: Cast, camera: UUID, at_home: AtHome, mail_sink: Any
) -> None:
    walk = reset(who, camera)
    handle(SendCode(), walk, who.by(who.tess))
    eventually(mail_sink.mails)
    tess = at_home.sign_in(who.tess)
    page = tess.page
    page.goto(reverse("no-code", args=[walk]))
    for delivery, words in (
        (Delivery.HELD_UP, "The mailbox’s server puts it off"),
        (Delivery.DELIVERED, "Delivered"),
        (Delivery.BOUNCED, "Came back"),
    ):
        handle(RecordDelivery(1, delivery, "5.2.2 the mailbox is full"), walk, SETUP)
        expect(page.get_by_text(words, exact=True)).to_be_visible()
    tess.shots("92-a-code-that-came-back")
    check(page, "A code that came back")


def test_an_administrator_sees_where_mails_fail(
    who: Cast, camera: UUID, at_home: AtHome, mail_sink: Any
) -> None:
    now = timezone.now()
    for days in range(12):
        at = now - timedelta(days=days, minutes=1)
        mailed(who, at, f"a{days}@harbour.example", Delivery.HANDED_OVER, Delivery.DELIVERED)
        if days % 3 == 0:
            said = "550 5.1.1 <k•••r@m•••m.example>: Recipient address rejected: user unknown"
            mailed(who, at, f"k{days}@museum.example", Delivery.REFUSED, answer=said)
    mailed(who, now, "b@harbour.example", Delivery.HANDED_OVER, Delivery.BOUNCED)
    mailed(who, now, "c@harbour.example", Delivery.HANDED_OVER, Delivery.SPAM)
    alice = at_home.sign_in(who.alice)
    page = alice.page
    page.goto(reverse("dashboard"))
    page.get_by_role("link", name="Mail delivery", exact=True).first.click()
    expect(page.get_by_role("row", name="museum.example").first).to_contain_text("user unknown")
    page.get_by_role("link", name="Send a test mail").click()
    page.get_by_label("Mailbox").fill("somebody@example.com")
    page.get_by_role("button", name="Send a test mail").click()
    expect(page.get_by_text("Handed to the mail server", exact=True)).to_be_visible()
    page.get_by_role("link", name="Mail delivery", exact=True).first.click()
    expect(page.get_by_role("region", name="Test mails", exact=True)).to_contain_text(
        "s•••y@e•••e.com"
    )
    alice.shots("93-mail-delivery")
    check(page, "Mail delivery")
    page.get_by_label("Mail domain").fill("museum")
    expect(page.get_by_text("harbour.example")).to_have_count(0)

    charlie = at_home.sign_in(who.charlie)
    charlie.page.goto(reverse("deliveries"))
    expect(charlie.page.get_by_text("No code was mailed in this period.")).to_be_visible()
    expect(charlie.page.get_by_text("museum.example")).to_have_count(0)
    check(charlie.page, "Mail delivery, with nothing in it")
