"""The wizard's other ways: by keyboard alone, when things go wrong, and for those who only look."""

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
from playwright.sync_api import Locator, Page, expect

from devices.queries import device_for_jobs
from devices.virtual import Character, DeviceSpec, ThreadedFleet, default_scenario, fleet_in_thread
from devices.virtual.host import Host
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from tests.cast import Cast, add_device, cast
from tests.stories.conftest import AtHome

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SPECS = default_scenario(seed=7, port_base=0)
HONEST = next(s for s in SPECS if s.kind == "camera" and s.character is Character.HONEST)
LIAR = next(s for s in SPECS if s.character is Character.LIAR)
REASON = "The guard who knew it has left"


@pytest.fixture
def who(transactional_db: None) -> Cast:
    return cast()


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread([HONEST, LIAR]) as running:
        yield running


@pytest.fixture
def taken_in(who: Cast, fleet: ThreadedFleet, at_home: AtHome) -> Callable[[DeviceSpec], UUID]:
    """Adds a device and waits until the worker has taken it in."""

    def take_in(spec: DeviceSpec) -> UUID:
        device = add_device(who, fleet, spec)
        eventually(lambda: device_for_jobs(device).managed)
        return device

    return take_in


def eventually(happens: Callable[[], Any], seconds: float = 15.0) -> None:
    until = monotonic() + seconds
    while not happens():
        assert monotonic() < until, "it never happened"
        Event().wait(0.05)


def code_in(mail_sink: Any) -> str:
    eventually(mail_sink.mails)
    found = re.search(r"^ {4}(\d{4} \d{4})\r?$", mail_sink.mails()[0].text, re.M)
    assert found
    return found[1]


def check(page: Page, where: str) -> None:
    """What axe finds fault with, on this page as it stands."""
    found = Axe().run(page)
    assert found.violations_count == 0, f"{where}: {found.generate_report()}"


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus, as somebody without a mouse does."""
    expect(target).to_be_visible()
    for _ in range(60):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never gets to {target}")


def test_the_wizard_by_keyboard_alone(
    who: Cast, taken_in: Callable[..., UUID], at_home: AtHome, mail_sink: Any
) -> None:
    device = taken_in(HONEST)
    tess = at_home.sign_in(who.tess)
    page = tess.page
    page.goto(reverse("request-reset", args=[device]))
    check(page, "Forget Password")

    tab_to(page, page.get_by_role("button", name="Next"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    check(page, "Forget Password without a reason")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the error leads to its input
    expect(page.get_by_label("Why is the password being reset?")).to_be_focused()
    page.keyboard.type(REASON)
    tab_to(page, page.get_by_role("button", name="Next"))
    page.keyboard.press("Enter")

    send = page.get_by_role("button", name="Send Code")
    tab_to(page, send)
    check(page, "Send Code")
    page.keyboard.press("Enter")

    code = page.get_by_label("Code from the email")
    expect(page.get_by_text("Handed to the mail server", exact=True)).to_be_visible()
    tab_to(page, code)
    check(page, "Enter the code")
    page.keyboard.type("12 ab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("A code has 8 digits.")
    check(page, "Enter the code, after a wrong one")
    tab_to(page, code)
    page.keyboard.type(code_in(mail_sink))
    page.keyboard.press("Enter")

    summary = page.get_by_text("Type one myself")
    expect(summary).to_be_visible()
    check(page, "New password")
    tab_to(page, page.locator("summary", has_text="Type one myself"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("textbox", name="New password"))
    page.keyboard.type("admin-7")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Use 8 to 32 characters; this has 7.")
    check(page, "New password, after one that is too short")
    tab_to(page, page.get_by_role("textbox", name="New password"))
    page.keyboard.type("Seven-tall-masts-7")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Done and proven")).to_be_visible()
    check(page, "Done")
    for name in ("resets", "dashboard"):
        page.goto(reverse(name))
        check(page, name)
    assert fleet_opens(device, "Seven-tall-masts-7")


def fleet_opens(device: UUID, password: str) -> bool:
    from devices import vault
    from devices.queries import credential_for_jobs
    from devices.state import Purpose

    credential = credential_for_jobs(device, Purpose.DEVICE)
    return credential is not None and vault.get(credential.current, device) == password


def test_what_is_typed_outlives_what_moves(
    who: Cast, taken_in: Callable[..., UUID], at_home: AtHome, mail_sink: Any
) -> None:
    device, reset = taken_in(HONEST), new_id()
    mail_sink.stop()
    handle(RequestReset(device, REASON), reset, who.by(who.tess))
    handle(SendCode(), reset, who.by(who.tess))
    page = at_home.sign_in(who.tess).page
    page.goto(reverse("reset", args=[reset]))
    expect(page.get_by_text("The mail server will be tried again")).to_be_visible()
    expect(page.get_by_text("refuses connections")).not_to_have_count(0)

    code = page.get_by_label("Code from the email")
    code.fill("1234")
    mail_sink.start()
    expect(page.get_by_text("Handed to the mail server", exact=True)).to_be_visible()
    expect(page.get_by_text("The mail server will be tried again")).to_have_count(0)
    expect(code).to_have_value("1234")
    expect(code).to_be_focused()
    expect(page.get_by_role("button", name="Send the code again in")).to_be_disabled()


def test_a_mailbox_that_is_refused_is_said_at_once(
    who: Cast, taken_in: Callable[..., UUID], at_home: AtHome, mail_sink: Any
) -> None:
    device, reset = taken_in(HONEST), new_id()
    mail_sink.refuse()
    handle(RequestReset(device, REASON), reset, who.by(who.tess))
    page = at_home.sign_in(who.tess).page
    page.goto(reverse("reset", args=[reset]))
    page.get_by_role("button", name="Send Code").click()
    expect(page.get_by_text("Refused", exact=True)).to_be_visible()
    expect(page.get_by_text("550")).not_to_have_count(0)
    page.goto(reverse("dashboard"))
    failed = page.get_by_role("region", name="Failed deliveries")
    expect(failed.get_by_role("link", name=HONEST.name)).to_be_visible()


def test_a_device_that_lies_ends_as_unproven_and_says_what_to_do(
    who: Cast, taken_in: Callable[..., UUID], at_home: AtHome, mail_sink: Any
) -> None:
    device, reset = taken_in(LIAR), new_id()
    handle(RequestReset(device, REASON), reset, who.by(who.tess))
    handle(SendCode(), reset, who.by(who.tess))
    tess = at_home.sign_in(who.tess)
    page = tess.page
    page.goto(reverse("reset", args=[reset]))
    page.get_by_label("Code from the email").fill(code_in(mail_sink))
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Use a generated password").click()
    expect(page.get_by_text("The reset is not proven").first).to_be_visible()
    expect(page.get_by_text("Nothing is lost")).to_be_visible()
    row = page.get_by_role("table", name="Each door that was tried").get_by_role("row").last
    for answer in ("Refused", "Opens", "Refused"):
        expect(row).to_contain_text(answer)
    tess.shots("21-unproven")
    check(page, "Unproven")
    page.get_by_role("link", name="Begin another reset").click()
    expect(page.get_by_label("Why is the password being reset?")).to_be_visible()


def test_applying_and_proving_are_seen_while_they_happen(
    who: Cast,
    taken_in: Callable[..., UUID],
    at_home: AtHome,
    mail_sink: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device, reset = taken_in(HONEST), new_id()
    monkeypatch.setattr(Host, "delay", 0.7)  # seconds before each answer, from here on
    handle(RequestReset(device, REASON), reset, who.by(who.tess))
    handle(SendCode(), reset, who.by(who.tess))
    tess = at_home.sign_in(who.tess)
    page = tess.page
    page.goto(reverse("reset", args=[reset]))
    page.get_by_label("Code from the email").fill(code_in(mail_sink))
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Use a generated password").click()
    page.evaluate("document.body.dataset.still = 'the same page'")
    for words in ("Applying: the new password", "Proving: the new password", "Done and proven"):
        expect(page.locator("#where p", has_text=words).first).to_be_visible(timeout=30_000)
        if words.startswith("Proving"):
            tess.shots("20-proving")
    assert page.evaluate("document.body.dataset.still") == "the same page"


def test_an_unreachable_device_is_waited_for(
    who: Cast, fleet: ThreadedFleet, taken_in: Callable[..., UUID], at_home: AtHome, mail_sink: Any
) -> None:
    device, reset = taken_in(HONEST), new_id()
    handle(RequestReset(device, REASON), reset, who.by(who.tess))
    handle(SendCode(), reset, who.by(who.tess))
    tess = at_home.sign_in(who.tess)
    page = tess.page
    page.goto(reverse("reset", args=[reset]))
    page.get_by_label("Code from the email").fill(code_in(mail_sink))
    page.get_by_role("button", name="Next").click()
    fleet.power(HONEST.serial, False)
    page.get_by_role("button", name="Use a generated password").click()
    expect(page.get_by_text("Rekey keeps trying until")).not_to_have_count(0)
    tess.shots("22-waiting-for-the-device")
    check(page, "Waiting for the device")
    fleet.power(HONEST.serial, True)
    expect(page.get_by_text("Done and proven")).to_be_visible()


def test_a_viewer_follows_it_and_an_outsider_finds_nothing(
    who: Cast, taken_in: Callable[..., UUID], at_home: AtHome, mail_sink: Any
) -> None:
    device, reset = taken_in(HONEST), new_id()
    handle(RequestReset(device, REASON), reset, who.by(who.tess))
    bob = at_home.sign_in(who.bob)
    bob.page.goto(reverse("reset", args=[reset]))
    expect(bob.page.get_by_text("You may look.")).to_be_visible()
    handle(SendCode(), reset, who.by(who.tess))
    expect(bob.page.get_by_text("Handed to the mail server", exact=True)).to_be_visible()
    expect(bob.page.locator("main form")).to_have_count(0)
    bob.shots("23-viewer")
    check(bob.page, "A viewer's")

    charlie = at_home.sign_in(who.charlie)
    found = charlie.page.goto(reverse("reset", args=[reset]))
    assert found is not None
    assert found.status == 404
    expect(charlie.page.get_by_text(HONEST.name)).to_have_count(0)


def test_without_scripts_it_works_as_well(
    who: Cast, taken_in: Callable[..., UUID], at_home: AtHome, mail_sink: Any
) -> None:
    device = taken_in(HONEST)
    page = at_home.sign_in(who.tess, java_script_enabled=False).page
    page.goto(reverse("request-reset", args=[device]))
    page.get_by_label("Why is the password being reset?").fill(REASON)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Send Code").click()
    page.get_by_label("Code from the email").fill("0000 0000")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("alert")).to_contain_text("4 tries left")
    page.get_by_label("Code from the email").fill(code_in(mail_sink))
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Use a generated password").click()
    again = page.get_by_role("link", name="Look again where it stands")

    def done() -> bool:
        again.click()
        return page.get_by_text("Done and proven").is_visible()

    eventually(done)
