"""The main job as a new user does it: everything real, started by the one command."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.stories.conftest import ROOT, Rekey, Watched

pytestmark = pytest.mark.browser

LOST = "Harbour gate north"
REASON = "The guard who knew the password has left (ticket 4711)."


def test_alice_resets_a_lost_password(rekey: Rekey, window: Callable[..., Watched]) -> None:
    alice = window(base_url=rekey.url)
    page = alice.page

    page.goto("/")
    page.get_by_label("Email").fill("alice@example.com")
    page.get_by_label("Password", exact=True).fill(rekey.passwords["alice@example.com"])
    alice.shots("01-sign-in")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    alice.shots("02-dashboard")

    go(page, "Sites")
    for site in ("Harbour", "Museum"):
        expect(page.get_by_role("link", name=site, exact=True)).to_be_visible()
    alice.shots("03-sites")
    go(page, "Devices")
    lost = page.get_by_role("row", name=re.compile(LOST))
    expect(lost.get_by_text("Not certified")).to_be_visible()
    alice.shots("04-devices")
    lost.get_by_role("link", name=LOST).click()
    expect(page.get_by_role("heading", name=LOST, level=1)).to_be_visible()
    alice.shots("05-device")

    page.locator("summary", has_text="Modify").click()
    page.get_by_role("link", name="Forget Password", exact=True).click()
    page.get_by_label("Why is the password being reset?").fill(REASON)
    alice.shots("06-forget-password")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("button", name="Send Code")).to_be_visible()
    alice.shots("07-send-code")

    page.get_by_role("button", name="Send Code").click()
    expect(page.get_by_label("Code from the email")).to_be_visible()
    page.evaluate("document.body.dataset.still = 'the same page'")
    expect(page.get_by_text("Handed to the mail server", exact=True)).to_be_visible()
    expect(page.locator("#where").get_by_text("250")).to_be_visible()
    assert page.evaluate("document.body.dataset.still") == "the same page"
    alice.shots("08-code-sent")

    code = the_code(alice, rekey)
    page.get_by_label("Code from the email").fill(wrong(code))
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("alert")).to_contain_text("That is not the code. 4 tries left.")
    expect(page.get_by_label("Code from the email")).to_have_value("")
    alice.shots("09-wrong-code")

    page.get_by_label("Code from the email").fill(code)  # pasted as it stands in the mail
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("button", name="Use a generated password")).to_be_visible()
    alice.shots("10-new-password")
    page.get_by_role("button", name="Use a generated password").click()
    expect(page.get_by_text("Done and proven")).to_be_visible()
    doors = page.get_by_role("table", name="Each door that was tried")
    for answer in ("Opens", "Refused"):
        expect(doors.get_by_text(answer).first).to_be_visible()
    alice.shots("11-done")

    story = page.get_by_role("region", name="What happened")
    for sentence in (
        f"Alice began a reset of {LOST}",
        "was handed to the mail server",
        "Alice typed a wrong code; 4 tries left.",
        "Alice typed the right code.",
        "Alice took a generated password; it is in the vault.",
        "The device took the new password; now it is proven.",
        "The new password opens the device, the old and a wrong one do not: done.",
    ):
        expect(story.get_by_text(sentence)).to_be_visible()

    page.get_by_role("link", name="All that came of it").click()
    expect(page.get_by_role("heading", name="This request")).to_be_visible()
    expect(page.get_by_text(REASON).first).to_be_visible()
    alice.shots("12-history-of-the-reset")
    page.go_back()

    page.get_by_role("link", name="Show the password").click()
    page.get_by_label("Password", exact=True).fill(rekey.passwords["alice@example.com"])
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Why do you need to see it?").fill("To put it on the wall display.")
    alice.shots("13-show-the-password")
    page.get_by_role("button", name="Show the password").click()
    shown = page.locator("#revealed").inner_text()
    assert len(shown) == 16

    page.get_by_role("link", name="Done").click()
    # The recorder still has the old password, and says so as soon as it is asked again.
    well = page.get_by_text("Certified", exact=True)
    expect(well.or_(page.get_by_text("Its NVR does not open it")).first).to_be_visible()
    past = page.get_by_role("region", name="History", exact=True)
    for sentence in (
        "Alice was shown the password of the account admin.",
        "The new password opens the device, the old and a wrong one do not: done.",
        f"Alice began a reset of {LOST}",
    ):
        expect(past.get_by_text(sentence).first).to_be_visible()
    alice.shots("14-history-of-the-camera")

    go(page, "Resets")
    expect(page.get_by_role("row", name=re.compile(LOST)).get_by_text("Done")).to_be_visible()
    alice.shots("15-resets")
    go(page, "Dashboard")
    alice.shots("16-dashboard-afterwards")

    # What the demo and Alice have made of the pages is what the log says.
    checked = subprocess.run(
        [sys.executable, "manage.py", "rebuild", "--check"],
        cwd=ROOT, env=rekey.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


def go(page: Page, name: str) -> None:
    menu = page.get_by_role("navigation", name="Main")
    menu.get_by_role("link", name=name, exact=True).click()


def the_code(alice: Watched, rekey: Rekey) -> str:
    """Read in the inbox, in another tab, as it is written there."""
    inbox = alice.context.new_page()
    inbox.goto(rekey.inbox)
    inbox.get_by_role("link", name=re.compile(f"Verification code for {LOST}")).click()
    letter = inbox.frame_locator("iframe").locator("body")
    expect(letter).to_contain_text(f"is resetting the password of {LOST}")
    found = re.search(r"\b\d{4} \d{4}\b", letter.inner_text())
    assert found
    inbox.close()
    return found[0]


def wrong(code: str) -> str:
    return "".join(str(9 - int(digit)) if digit.isdigit() else digit for digit in code)
