"""Two ways that lead to the device: an order that is carried there, and its own button."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from devices.queries import device_for_jobs
from fleet.eventstore import subscriptions
from fleet.eventstore.models import Job
from resets.applying import offline, restore
from tests.cast import Cast, cast
from tests.resets.applying.ground import Able, added, code_in, code_mails, spec
from tests.stories.conftest import AtHome

from devices.virtual import fleet_in_thread  # isort: skip

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
REASON = "The guard who knew it has left"


@pytest.fixture
def camera(transactional_db: None, at_home: AtHome) -> Iterator[Able]:
    who: Cast = cast()
    made = spec()
    with fleet_in_thread([made]) as fleet:
        able = added(who, fleet, made)
        eventually(lambda: device_for_jobs(able.id).managed)
        yield able


def eventually(happens: Callable[[], Any], seconds: float = 15.0) -> Any:
    until = monotonic() + seconds
    while not (found := happens()):
        assert monotonic() < until, "it never happened"
        Event().wait(0.05)
    return found


def try_is_due(at: datetime) -> bool:
    """Put off the next try to reach the device, or bring it on, while nobody is at it."""
    jobs = Job.objects.filter(reaction="resets.ask_for_challenge", lease=None)
    return bool(jobs.update(due_at=at, woken_at=None))


def typed(*words: str) -> int:
    """The command, beside the browser."""
    with ThreadPoolExecutor(1) as beside:
        return beside.submit(offline.main, words).result(30)


def check(page: Page, where: str) -> None:
    """What axe finds fault with, on this page as it stands."""
    found = Axe().run(page)
    assert found.violations_count == 0, f"{where}: {found.generate_report()}"


def begin(page: Page, camera: Able, way: str) -> None:
    page.goto(reverse("request-reset", args=[camera.id]))
    page.get_by_label("Why is the password being reset?").fill(REASON)
    page.get_by_label("How does the new password get onto the device?").select_option(way)
    page.get_by_role("button", name="Next").click()


def test_an_order_is_carried_to_the_device_and_its_result_back(
    camera: Able, at_home: AtHome, mail_sink: Any, tmp_path: Path
) -> None:
    host, port = camera.fleet.address(camera.spec.serial, "recovery")
    tess = at_home.sign_in(camera.who.tess)
    page = tess.page
    camera.fleet.power(camera.spec.serial, False)
    begin(page, camera, "device_recovery")
    page.get_by_role("button", name="Send Code").click()
    expect(page.get_by_text("none can be mailed before it has given a challenge")).to_be_visible()
    tess.shots("70-not-reached")
    page.get_by_role("link", name="Go on without reaching it").click()
    expect(page.locator("#ask-it")).to_be_visible()
    check(page, "Bring the challenge")
    tess.shots("71-bring-the-challenge")

    # It answers whoever stands before it, and still not Rekey.
    eventually(lambda: try_is_due(timezone.now() + timedelta(hours=1)))
    camera.fleet.power(camera.spec.serial, True)
    challenge, result = tmp_path / "challenge.json", tmp_path / "result.json"
    assert typed("challenge", f"{host}:{port}", "--save", str(challenge)) == offline.YES
    page.get_by_label("The file challenge.json").set_input_files(challenge)
    page.get_by_role("button", name="Bring the challenge").click()
    expect(page.get_by_label("Code from the email")).to_be_visible()
    eventually(lambda: try_is_due(timezone.now()))
    [mail] = eventually(lambda: code_mails(mail_sink))
    page.get_by_label("Code from the email").fill(code_in(mail))
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Use a generated password").click()

    expect(page.get_by_role("link", name="Take the order")).to_be_visible()
    check(page, "Carry the order")
    tess.shots("72-carry-the-order")
    with page.expect_download() as taken:
        page.get_by_role("link", name="Take the order").click()
    order = tmp_path / taken.value.suggested_filename
    taken.value.save_as(order)
    assert order.name == "order-1.json"
    command = page.locator("#carry-it").inner_text()
    key = re.search(r"--key=(\S+)", command)
    assert key
    words = ("apply", str(order), f"--key={key[1]}", "--save", str(result))
    assert typed(*words) == offline.YES
    page.get_by_label("The file result.json").set_input_files(result)
    page.get_by_role("button", name="Bring the result").click()
    expect(page.get_by_text("Done and proven")).to_be_visible()
    tess.shots("73-carried-and-proven")


def test_the_walk_to_the_button(
    camera: Able, at_home: AtHome, mail_sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "LOOK_AGAIN", 0.2)
    tess = at_home.sign_in(camera.who.tess)
    page = tess.page
    begin(page, camera, "factory_restore")
    expect(page.get_by_text("will be restored to its factory settings")).to_be_visible()
    check(page, "What will be lost")
    tess.shots("74-what-will-be-lost")
    page.get_by_role("button", name="Send Code").click()
    [mail] = eventually(lambda: code_mails(mail_sink))
    page.get_by_label("Code from the email").fill(code_in(mail))
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Use a generated password").click()

    expect(page.get_by_text("Press its reset button")).to_be_visible()
    expect(page.get_by_text("Rekey looks every few seconds")).to_be_visible()
    check(page, "The button")
    tess.shots("75-the-button")
    camera.fleet.factory_reset(camera.spec.serial)
    expect(page.get_by_text("Done and proven")).to_be_visible()
    page.get_by_role("button", name=re.compile("Tick off.*Time zone")).click()
    expect(page.get_by_role("button", name=re.compile("Tick off"))).to_have_count(7)
    check(page, "What is put back")
    tess.shots("76-put-back")
    assert device_for_jobs(camera.id).managed
    assert subscriptions.due_jobs() == []
