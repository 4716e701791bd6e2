"""The device is offline: a QR on a screen, a phone in somebody's hand, a mailbox elsewhere."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Any
from uuid import UUID

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from fleet.eventstore.handling import handle
from resets.phone import drawing
from resets.steps.show_qr import ShowQr
from tests.cast import Cast, cast
from tests.fleet.eventstore.ground import device, reset
from tests.stories.conftest import AtHome, Watched
from tests.stories.test_wizard import check, code_in, eventually

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 390, "height": 844}
A_TOKEN = re.compile(r"[A-Za-z2-7]{56}")


@pytest.fixture
def who(transactional_db: None) -> Cast:
    return cast()


@pytest.fixture
def walk(who: Cast) -> UUID:
    return reset(who, device(who, name="Quay crane"))


@pytest.fixture(autouse=True)
def under_its_own_address(at_home: AtHome, settings: Any) -> None:
    settings.REKEY_URL = at_home.url


def a_phone(at_home: AtHome, **options: Any) -> tuple[Watched, list[str]]:
    """A browser in which nobody is signed in, and all that it asks any server for."""
    phone = at_home.window(base_url=at_home.url, viewport=PHONE, has_touch=True, **options)
    asked: list[str] = []
    phone.page.on(
        "request", lambda request: asked.append(f"{request.url} {request.headers.get('referer')}")
    )
    return phone, asked


def qr_on(page: Page) -> str:
    """What a phone's camera reads off the screen."""
    picture = page.get_by_role("img", name=re.compile("^QR for"))
    expect(picture).to_be_visible()
    address = page.locator("#qr-address").text_content()
    assert address
    kind, _, drawn = (picture.get_attribute("src") or "").partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert b64decode(drawn).decode() == drawing.svg(address)
    return address


def test_a_phone_sends_the_code_for_a_device_that_is_offline(
    who: Cast, walk: UUID, at_home: AtHome, mail_sink: Any
) -> None:
    tess = at_home.sign_in(who.tess)
    page = tess.page
    page.goto(reverse("reset", args=[walk]))
    page.locator("summary", has_text="The device is offline").click()
    tess.shots("70-offline")
    check(page, "The device is offline")
    page.get_by_role("button", name="Show a QR").click()
    address = qr_on(page)
    tess.shots("71-qr")
    check(page, "A QR")
    with page.expect_download() as kept:
        page.get_by_role("link", name="PNG for a message").click()
    assert kept.value.suggested_filename == "qr-quay-crane.png"

    phone, asked = a_phone(at_home)
    phone.page.goto(address)
    expect(phone.page.get_by_text("Quay crane")).to_be_visible()
    for words in ("Harbour", "o•••r@e•••e.com", "Tess"):
        expect(phone.page.get_by_text(words).first).to_be_visible()
    assert A_TOKEN.search(address)
    assert not A_TOKEN.search(phone.page.url)
    phone.shots("72-phone")
    check(phone.page, "The phone page")
    expect(page.get_by_role("img", name=re.compile("^QR for"))).to_be_visible()

    page.evaluate("document.body.dataset.still = 'the same page'")
    phone.page.get_by_role("button", name="Send the code").click()
    expect(phone.page.get_by_role("heading", name="The code is on its way")).to_be_visible()
    phone.shots("73-phone-sent")
    check(phone.page, "The phone page, sent")
    assert asked
    assert not [line for line in asked if A_TOKEN.search(line)]

    expect(page.get_by_text("The QR was scanned")).to_be_visible()
    expect(page.get_by_text("Handed to the mail server", exact=True)).to_be_visible()
    assert page.evaluate("document.body.dataset.still") == "the same page"
    tess.shots("74-scanned")
    check(page, "Scanned")
    code = page.get_by_label("Code from the email")
    for name, value in (("inputmode", "numeric"), ("autocomplete", "one-time-code")):
        expect(code).to_have_attribute(name, value)
    code.fill(code_in(mail_sink))  # grouped, as it stands in the mail
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("button", name="Use a generated password")).to_be_visible()

    phone.page.goto("about:blank")
    phone.page.goto(address)
    expect(phone.page.get_by_role("alert")).to_contain_text("already")
    phone.shots("75-phone-used")
    check(phone.page, "A QR that was used")


def test_a_second_qr_scanned_into_the_same_window_is_taken(
    who: Cast, walk: UUID, at_home: AtHome
) -> None:
    tess = at_home.sign_in(who.tess).page
    handle(ShowQr(), walk, who.by(who.tess))
    tess.goto(reverse("reset", args=[walk]))
    first = qr_on(tess)
    tess.get_by_role("button", name="Show a new QR").click()
    expect(tess.get_by_text("showed QR number 2")).to_be_visible()
    second = qr_on(tess)
    phone, _ = a_phone(at_home)
    phone.page.goto(first)
    expect(phone.page.get_by_role("alert")).to_contain_text("A newer QR")
    phone.page.evaluate("address => { location.hash = address }", second.partition("#")[2])
    expect(phone.page.get_by_role("button", name="Send the code")).to_be_visible()


def test_without_scripts_the_address_is_pasted(who: Cast, walk: UUID, at_home: AtHome) -> None:
    tess = at_home.sign_in(who.tess, java_script_enabled=False).page
    tess.goto(reverse("reset", args=[walk]))
    tess.locator("summary", has_text="The device is offline").click()
    tess.get_by_role("button", name="Show a QR").click()
    phone, _ = a_phone(at_home, java_script_enabled=False)
    phone.page.goto(reverse("phone"))
    phone.shots("76-phone-by-hand")
    phone.page.get_by_label("Address in the QR").fill(qr_on(tess))
    phone.page.get_by_role("button", name="Open").click()
    phone.page.get_by_role("button", name="Send the code").click()
    expect(phone.page.get_by_role("heading", name="The code is on its way")).to_be_visible()


def test_this_was_not_me(who: Cast, walk: UUID, at_home: AtHome, mail_sink: Any) -> None:
    tess = at_home.sign_in(who.tess)
    tess.page.goto(reverse("reset", args=[walk]))
    tess.page.get_by_role("button", name="Send Code").click()
    eventually(mail_sink.mails)
    [mail] = mail_sink.mails()
    letter = at_home.window()
    letter.page.set_content(mail.html)
    letter.shots("77-mail")
    address = letter.page.get_by_role("link", name="This was not me").get_attribute("href")
    assert address
    assert address in mail.text.replace("\r\n", "\n")

    owner, asked = a_phone(at_home)
    owner.page.goto(address)
    expect(owner.page.get_by_text("Quay crane")).to_be_visible()
    owner.shots("78-not-me")
    check(owner.page, "This was not me")
    expect(tess.page.get_by_label("Code from the email")).to_be_visible()
    owner.page.get_by_role("button", name="This was not me").click()
    expect(owner.page.get_by_text("The reset was stopped")).to_be_visible()
    owner.shots("79-stopped")
    check(owner.page, "Stopped")
    assert not [line for line in asked if A_TOKEN.search(line)]

    expect(tess.page.get_by_text("Cancelled", exact=True).first).to_be_visible()
    expect(tess.page.get_by_text("this was not me").first).to_be_visible()
    tess.shots("80-disowned")
    check(tess.page, "Disowned")


def test_a_sheet_of_qrs_is_printed(who: Cast, walk: UUID, at_home: AtHome) -> None:
    for name in ("Gate north", "Gate south", "Slipway"):
        reset(who, device(who, name=name))
    reset(who, device(who, name="No mailbox", reset_email=""))
    tess = at_home.sign_in(who.tess)
    page = tess.page
    page.goto(reverse("resets"))
    page.get_by_label("Select all on this page").check()
    expect(page.get_by_text("5 ticked")).to_be_visible()
    tess.shots("81-ticked")
    check(page, "Ticked")
    page.locator(".bulk").get_by_role("button", name="QR sheet").click()
    expect(page.get_by_role("heading", name="QR sheet")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^QR for"))).to_have_count(4)
    expect(page.get_by_text("No Reset Password Email is set")).to_be_visible()
    tess.shots("82-sheet")
    check(page, "QR sheet")
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    page.set_viewport_size({"width": 794, "height": 1123})  # A4 at 96 dpi
    page.screenshot(path="tests/output/83-sheet-printed.png")
    page.emulate_media(media="screen")
    page.go_back()
    page.get_by_role("button", name="QR sheet of all").click()
    expect(page.get_by_role("img", name=re.compile("^QR for"))).to_have_count(4)
