"""What can be taken along of a campaign: its report, and, just signed in, its passwords."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from fleet.accounts.state import Role
from tests.cast import person
from tests.resets.handover_ground import SIGN_IN, Scene, scene
from tests.stories.conftest import AtHome
from tests.stories.test_wizard import check

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(name="scene")
def a_scene(transactional_db: None) -> Scene:
    return scene()


def downloaded(page: Page, press: str) -> bytes:
    with page.expect_download() as coming:
        page.get_by_role("link", name=press).or_(page.get_by_role("button", name=press)).click()
    return Path(coming.value.path()).read_bytes()


def test_alice_takes_a_campaigns_report_and_its_passwords_along(
    scene: Scene, at_home: AtHome
) -> None:
    alice = at_home.sign_in(scene.who.alice)
    page = alice.page
    page.goto(reverse("campaign", args=[scene.campaign]))
    panel = page.get_by_role("heading", name="To take along")
    expect(panel).to_be_visible()
    panel.scroll_into_view_if_needed()
    alice.shots("170-campaign-to-take-along")
    report = PdfReader(io.BytesIO(downloaded(page, "Report as PDF")))
    assert any("Vault 4" in each.extract_text() for each in report.pages)
    assert b"Pier 1" in downloaded(page, "Report as CSV")

    page.get_by_role("link", name="Take the passwords along").click()
    page.get_by_label("Password").fill(SIGN_IN)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Take passwords along")).to_be_visible()
    alice.shots("171-take-along")
    check(page, "Taking passwords along")

    page.get_by_label("Why?").fill("The recorder needs them")
    page.get_by_label("Or a passphrase").fill("correct horse battery staple")
    page.get_by_label("The passphrase again").fill("correct horse battery stable")
    page.get_by_role("button", name="Take the passwords of 3 devices").click()
    expect(page.get_by_text("These are not the same").first).to_be_visible()
    alice.shots("172-passphrases-differ")
    check(page, "Passphrases that differ")

    page.get_by_label("Public keys").fill(str(scene.identity.to_public()))
    file = downloaded(page, "Take the passwords of 3 devices").decode()
    assert scene.opened(file) == scene.those(scene.proven)

    page.goto(reverse("device", args=[scene.museum]))
    expect(page.get_by_text("took the password of the account admin along").first).to_be_visible()
    alice.shots("173-device-whose-password-left")


def test_vera_takes_the_report_along_and_no_password(scene: Scene, at_home: AtHome) -> None:
    vera = at_home.sign_in(person("Vera", scene.who.organisation, Role.VIEWER))
    page = vera.page
    page.goto(reverse("campaign", args=[scene.campaign]))
    assert b"Pier 1" in downloaded(page, "Report as CSV")
    expect(page.get_by_role("link", name="Take the passwords along")).to_have_count(0)
    page.goto(reverse("hand-over-campaign", args=[scene.campaign]))
    expect(page.get_by_text("Your role here is viewer").first).to_be_visible()
