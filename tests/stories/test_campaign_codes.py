"""One code for many devices: sent, read, typed; and the mailbox's owner on their own page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.cast import Cast, cast
from tests.resets.campaigns.codes_ground import KEEPER, Shared, shared
from tests.stories.conftest import AtHome
from tests.stories.test_phone import A_TOKEN, a_phone
from tests.stories.test_wizard import check

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def who(transactional_db: None) -> Cast:
    return cast()


@pytest.fixture
def campaign(who: Cast) -> Shared:
    return shared(who, [f"Quay {n:02}" for n in range(1, 9)])


def test_a_code_for_eight_devices_is_sent_taken_out_of_and_typed(
    who: Cast, campaign: Shared, at_home: AtHome, mail_sink: Any, settings: Any
) -> None:
    settings.REKEY_URL = at_home.url
    tess = at_home.sign_in(who.tess)
    page = tess.page
    page.goto(reverse("campaign-codes", args=[campaign.campaign]))
    expect(page.get_by_text("9 devices wait")).to_be_visible()
    tess.shots("codes-1-list")
    check(page, "The mailboxes of a campaign")
    page.get_by_role("button", name=f"Send Code to {KEEPER}").click()
    expect(page.locator("#known").get_by_text("Handed to the mail server")).to_be_visible()
    tess.shots("codes-2-sent")
    check(page, "A code that was sent")

    [mail] = mail_sink.mails(KEEPER)
    found, code_there = A_TOKEN.search(mail.text), re.search(r"\d{4} \d{4}", mail.text)
    assert found and code_there
    owner, asked = a_phone(at_home)
    owner.page.goto(f"{reverse('your-devices')}#{found[0]}")
    expect(owner.page.get_by_role("heading", name="Your devices in a campaign")).to_be_visible()
    expect(owner.page.get_by_text("Quay 08")).to_be_visible()
    owner.shots("codes-3-owner")
    check(owner.page, "The owner's page")
    owner.page.get_by_label("Quay 03, Harbour").check()
    owner.page.get_by_role("button", name="Take the ticked ones out").click()
    expect(owner.page.get_by_text("1 device was taken out")).to_be_visible()
    assert not [line for line in asked if A_TOKEN.search(line)]

    page.get_by_role("link", name="Codes").click()
    page.get_by_role("link", name=f"Enter the code from {KEEPER}").click()
    code = page.get_by_label("Code from the email")
    code.fill("0000 0000")
    code.press("Enter")
    expect(page.get_by_text(re.compile("4 tries left")).first).to_be_visible()
    tess.shots("codes-4-wrong")
    check(page, "A wrong code")
    page.get_by_label("Code from the email").fill(code_there[0])
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_text("7 have not begun yet")).to_be_visible()

    owner.page.get_by_role("button", name="This was not me").click()
    expect(owner.page.get_by_role("heading", name="Thank you")).to_be_visible()
    expect(owner.page.get_by_text("Left out")).to_have_count(8)
    owner.shots("codes-5-not-me")
    check(owner.page, "After not me")
    expect(page.get_by_text("nobody of theirs is resetting").first).to_be_visible()
