"""Method 2 in the console: what the pages offer, where the camera stands with its NVR, and to whom
it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse

from resets.steps.cancel_reset import CancelReset
from resets.steps.remove_from_recorder import ConfirmRemoved, RemoveFromRecorder
from tests.cast import Cast, work
from tests.resets.recorder_ground import CHANNEL, PUBLISHED, RECORDER, Site, site

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def there(who: Cast) -> Iterator[Site]:
    with site(who) as made:
        yield made


@pytest.fixture
def pages(client: Client, who: Cast) -> Client:
    """Tess's browser."""
    client.force_login(who.tess)
    return client


def text(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_the_wizard_offers_to_remove_it_and_puts_it_back(pages: Client, there: Site) -> None:
    there.shut_out()
    ask = reverse("request-reset", args=[there.gate])
    assert "It has to be removed from its NVR first" in text(pages.get(ask))
    assert "Forget Password of Gate" in text(pages.get(reverse("device", args=[there.nvr])))

    begun = pages.post(ask, {"reason": "The installer left"}, follow=True)
    here = begun.request["PATH_INFO"]
    assert "Remove it from its NVR first" in text(begun)
    assert f"channel {CHANNEL} of Harbour recorder" in text(begun)
    assert "Remove it from Harbour recorder" in text(begun)
    assert "I have removed it" in text(begun)
    assert "Send Code</button>" not in begun.content.decode()
    refused = pages.post(f"{here}send-code/")
    assert refused.status_code == 422
    assert "still on its NVR" in text(refused)

    asked = pages.post(f"{here}remove-from-recorder/", follow=True)
    assert "Removing the camera from its NVR" in text(asked)
    work()
    live = pages.get(f"{here}live/", {"on": "requested-nothing"})
    assert live["HX-Retarget"] == "#wizard", "another question is asked by now"
    assert "Reset Password Email of Gate" in text(live)

    reset = there.id_in(here)
    there.choose(reset)
    work()
    done = pages.get(here)
    assert "Done and proven" in text(done)
    assert "Back on its NVR" in text(done)
    assert re.search(r"NVR\s+Opens\s+Not tried\s+Not tried", text(done))
    assert "hx-trigger" not in done.content.decode()


def test_what_is_left_to_do_stands_on_the_dashboard_until_it_is_done(
    pages: Client, who: Cast, client: Client
) -> None:
    with site(who, (PUBLISHED,)) as there:
        there.shut_out()
        reset = there.begin()
        here = reverse("reset", args=[reset])
        page = text(pages.get(here))
        assert "Rekey cannot do it: Rekey has no service of this NVR" in page
        assert "Remove it from Harbour recorder" not in page
        refused = pages.post(f"{here}remove-from-recorder/")
        assert refused.status_code == 422
        pages.post(f"{here}confirm-removed/")
        work()
        assert "the NVR has it on a channel still" in text(pages.get(here))
        there.fleet.remove_camera(RECORDER, CHANNEL)
        pages.post(f"{here}confirm-removed/")
        work()
        there.choose(reset)
        work()
        page = text(pages.get(here))
        assert "It has to be put back on its NVR" in page
        assert "Leave it as it is" not in page, "Tess may not decide that"
        assert "Let Rekey try again" not in page
        assert "To be put right on NVRs" in text(pages.get("/"))
        for person, shown in ((who.alice, True), (who.bob, False), (who.charlie, False)):
            client.force_login(person)
            assert ("To be put right on NVRs" in text(client.get("/"))) is shown
            listed = client.get("/resets/?phase=nvr").content.decode()
            assert (here in listed) is shown
        client.force_login(who.alice)
        assert "Leave it as it is" in text(client.get(here))
        left = client.post(f"{here}leave-off-recorder/", {"reason": "To the attic"}, follow=True)
        assert "Left as it is on its NVR" in text(left)
        assert "To be put right on NVRs" not in text(client.get("/"))
        assert "No reset fits these filters" in text(client.get("/resets/?phase=nvr"))


def test_the_page_asks_again_while_rekey_is_at_the_nvr(pages: Client, there: Site) -> None:
    there.shut_out()
    reset = there.begin()
    there.do(reset, RemoveFromRecorder())
    there.fleet.power(RECORDER, False)
    there.choose(reset)
    work()
    page = pages.get(reverse("reset", args=[reset]))
    assert "Putting the camera back on its NVR" in text(page)
    assert "The NVR does not answer" in text(page)
    assert "hx-trigger" in page.content.decode()


def test_bob_sees_where_it_stands_and_charlie_sees_nothing(client: Client, there: Site) -> None:
    there.shut_out()
    reset = there.begin()
    here = reverse("reset", args=[reset])
    client.force_login(there.who.bob)
    page = client.get(here)
    assert "You may look" in text(page)
    assert "remove-from-recorder" not in page.content.decode()
    for step in ("remove-from-recorder", "confirm-removed"):
        assert client.post(f"{here}{step}/").status_code == 403
    client.force_login(there.who.charlie)
    assert client.get(here).status_code == 404
    assert client.post(f"{here}remove-from-recorder/").status_code == 404


def test_the_api_tells_where_it_stands(client: Client, there: Site) -> None:
    there.shut_out()
    reset = there.begin()
    there.do(reset, ConfirmRemoved())
    client.force_login(there.who.tess)
    facts = client.get(reverse("api-reset", args=[reset])).json()
    assert (facts["recorder"], facts["recorder_detail"]) == ("to_remove", "still_there")
    assert {"remove-from-recorder", "confirm-removed"} <= {step["name"] for step in facts["steps"]}
    there.do(reset, CancelReset())
    facts = client.get(reverse("api-reset", args=[reset])).json()
    assert facts["recorder"] == "to_remove", "nothing was taken off, so nothing is owed"
    assert {step["name"] for step in facts["steps"]} == {"add-note"}
