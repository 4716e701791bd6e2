"""Method 2 in a browser: a camera is taken off its NVR, reset, and put back on its channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from fleet.eventstore.models import Checkpoint, Job
from fleet.eventstore.store import last_position
from fleet.eventstore.subscriptions import CHECKPOINT
from tests.cast import Cast, cast
from tests.resets.recorder_ground import CHANNEL, GATE, PUBLISHED, QUAY, RECORDER, Site, site
from tests.stories.conftest import AtHome, Worker
from tests.stories.test_wizard import check, code_in, eventually

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def who(transactional_db: None) -> Cast:
    return cast()


def settled() -> None:
    """Wait for the worker."""

    def done() -> bool:
        read = Checkpoint.objects.filter(name=CHECKPOINT, position__gte=last_position()).exists()
        return read and not Job.objects.filter(due_at__lte=timezone.now()).exists()

    eventually(done)


@pytest.fixture
def there(who: Cast, worker: Worker) -> Iterator[Site]:
    with site(who, work=settled) as made:
        made.shut_out()
        yield made


def walk_on(page: Any, mail_sink: Any) -> None:
    """From Send Code to a proven password."""
    page.get_by_role("button", name="Send Code").click()
    expect(page.get_by_text("Handed to the mail server", exact=True)).to_be_visible()
    page.get_by_label("Code from the email").fill(code_in(mail_sink))
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Use a generated password").click()
    expect(page.get_by_text("Done and proven")).to_be_visible()


def test_a_camera_comes_off_its_nvr_and_back_with_a_new_password(
    there: Site, at_home: AtHome, mail_sink: Any
) -> None:
    tess = at_home.sign_in(there.who.tess)
    page = tess.page
    page.goto(reverse("device", args=[there.nvr]))
    tess.shots("60-channels-of-an-nvr")
    page.get_by_role("link", name="Forget Password of Gate").click()
    expect(page.get_by_text("It has to be removed from its NVR first")).to_be_visible()
    page.get_by_label("Why is the password being reset?").fill("The installer left")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", name="Remove it from its NVR first")).to_be_visible()
    tess.shots("61-remove-it-from-its-nvr")
    check(page, "Remove it from its NVR")
    page.get_by_role("button", name="Remove it from Harbour recorder").click()
    expect(page.get_by_role("button", name="Send Code")).to_be_visible()
    assert there.channels == {5: (QUAY, True)}
    walk_on(page, mail_sink)
    expect(page.get_by_text("Back on its NVR", exact=True)).to_be_visible()
    tess.shots("62-back-on-its-nvr")
    check(page, "Back on its NVR")
    assert there.channels == {CHANNEL: (GATE, True), 5: (QUAY, True)}
    assert there.current_opens


def test_by_hand_where_rekey_cannot_and_looked_at_all_the_same(
    who: Cast, at_home: AtHome, mail_sink: Any
) -> None:
    with site(who, (PUBLISHED,), work=settled) as there:
        there.shut_out()
        tess = at_home.sign_in(who.tess)
        page = tess.page
        page.goto(reverse("request-reset", args=[there.gate]))
        page.get_by_label("Why is the password being reset?").fill("The installer left")
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_text("Rekey cannot do it")).to_be_visible()
        page.get_by_role("button", name="I have removed it").click()
        expect(page.get_by_text("It is still there")).to_be_visible()
        tess.shots("63-still-on-its-nvr")
        check(page, "Still on its NVR")
        there.fleet.remove_camera(RECORDER, CHANNEL)
        page.get_by_role("button", name="I have removed it").click()
        walk_on(page, mail_sink)
        expect(page.get_by_text("It has to be put back on its NVR")).to_be_visible()
        tess.shots("64-to-be-put-back-by-hand")
        check(page, "To be put back by hand")
        page.goto(reverse("dashboard"))
        expect(page.get_by_role("heading", name="To be put right on NVRs")).to_be_visible()
        there.fleet.add_camera(RECORDER, CHANNEL, GATE, "admin", there.current)
        page.get_by_role("link", name="Gate", exact=True).first.click()
        page.get_by_role("button", name="It is back on the NVR").click()
        expect(page.get_by_text("Back on its NVR", exact=True)).to_be_visible()
