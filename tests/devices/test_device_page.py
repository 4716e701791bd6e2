"""The page of one device: what it says, to whom, and how a stored password is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from devices.models import Device
from devices.state import Kind
from devices.steps.add_device import AddDevice
from devices.virtual import Character, ThreadedFleet, default_scenario, fleet_in_thread
from fleet.eventstore import subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow, Job
from tests.cast import Cast, add_device, work

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

SPECS = default_scenario(seed=7, port_base=0)
HONEST = next(s for s in SPECS if s.kind == "camera" and s.character is Character.HONEST)
SIGN_IN = "correct-horse-7"
ANOTHER = "Changed-behind-1"


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread([HONEST]) as running:
        yield running


@pytest.fixture
def camera(who: Cast, fleet: ThreadedFleet) -> UUID:
    device = add_device(who, fleet, HONEST)
    work()
    return device


@pytest.fixture
def pages(client: Client, who: Cast) -> Client:
    """Alice's browser."""
    who.alice.set_password(SIGN_IN)
    who.alice.save()
    client.force_login(who.alice)
    return client


def body_of(pages: Client, device: UUID) -> str:
    response = pages.get(reverse("device", args=[device]))
    assert response.status_code == 200
    return response.content.decode()


# --- what it says ---------------------------------------------------------------------------------


def test_the_seeds_way_to_forget_password_is_true_in_the_pages_structure(
    pages: Client, camera: UUID
) -> None:
    """Basic Information › Device Security › Modify › Forget Password."""
    body = body_of(pages, camera)
    way = [
        body.index(">Basic Information</h2>"),
        body.index(">Device Security</h3>"),
        body.index("Modify</summary>"),
        body.index("Forget Password</a>"),
        body.index("</details>", body.index("Modify</summary>")),
    ]
    assert way == sorted(way)
    assert f'href="/devices/{camera}/reset/"' in body


def test_what_the_device_says_of_itself_stands_there(pages: Client, camera: UUID) -> None:
    body = body_of(pages, camera)
    for told in (HONEST.serial, HONEST.model, HONEST.firmware, "owner@example.com"):
        assert told in body


def test_a_camera_that_is_not_certified_says_so_and_what_to_do(
    pages: Client, who: Cast, camera: UUID, fleet: ThreadedFleet
) -> None:
    assert "Not certified" not in body_of(pages, camera)
    fleet.change_password(HONEST.serial, "admin", ANOTHER)
    pages.post(reverse("check-device", args=[camera]))
    work()
    body = body_of(pages, camera)
    assert "Not certified" in body
    banner = body[: body.index('id="device-security"')]
    assert reverse("request-reset", args=[camera]) in banner, "the way back in is in sight"


def test_a_password_that_never_opened_the_device_is_to_be_typed_again(
    pages: Client, who: Cast, fleet: ThreadedFleet
) -> None:
    device = add_device(who, fleet, replace(HONEST, password=ANOTHER))
    work()
    body = body_of(pages, device)
    banner = body[: body.index('id="device-security"')]
    assert "The password that was typed does not open it." in banner
    assert "any more" not in banner
    assert reverse("request-reset", args=[device]) not in banner, "no account could carry it out"
    assert reverse("give-password", args=[device]) in banner


def test_an_nvr_lists_its_channels_and_their_state(
    pages: Client, who: Cast, camera: UUID, fleet: ThreadedFleet
) -> None:
    nvr, other = new_id(), new_id()
    add = {"site": who.site, "host": "203.0.113.7", "username": "admin", "password": ANOTHER}
    handle(AddDevice(kind=Kind.NVR, name="Recorder", port=80, **add), nvr, who.by(who.alice))
    handle(
        AddDevice(kind=Kind.CAMERA, name="Quay", port=81, nvr=nvr, channel=4, **add),
        other,
        who.by(who.alice),
    )
    body = body_of(pages, nvr)
    assert ">Channels</h2>" in body
    assert f'href="/devices/{other}/"' in body
    assert "on channel 4 of" in body_of(pages, other)


def test_without_a_mailbox_it_says_why_no_code_can_be_sent(
    pages: Client, who: Cast, fleet: ThreadedFleet
) -> None:
    device = add_device(who, fleet, HONEST, email="")
    work()
    body = body_of(pages, device)
    assert "No Reset Password Email is set" in body
    assert "Forget Password</a>" in body, "there are ways without a code"


def test_the_history_is_paged_and_in_the_sites_time(pages: Client, who: Cast, camera: UUID) -> None:
    for _ in range(20):
        pages.post(reverse("check-device", args=[camera]))
    body = body_of(pages, camera)
    assert re.search(r'title="\d+ \w+ \d{4}, [\d:]+ CES?T"', body)
    first = f"Alice added {HONEST.name} to the fleet"
    assert first not in body
    while older := re.search(r'href="(/devices/[^"]+\?cursor=[^"]+)" rel="next"', body):
        body = pages.get(older[1]).content.decode()
    assert first in body


def test_the_history_tells_whose_password_it_was(pages: Client, camera: UUID) -> None:
    body = body_of(pages, camera)
    for account in ("admin", "rekey"):
        assert body.count(f"<p>Account {account}</p>") == 2, "one was kept, then proven"


def test_a_cursor_that_makes_no_sense_shows_the_newest(pages: Client, camera: UUID) -> None:
    answer = pages.get(reverse("device", args=[camera]), {"cursor": "x"})
    assert "Rekey has an administrator account" in answer.content.decode()


# --- checking -------------------------------------------------------------------------------------


def test_the_answer_to_a_check_appears_by_itself(
    pages: Client, camera: UUID, fleet: ThreadedFleet
) -> None:
    fleet.change_password(HONEST.serial, "admin", ANOTHER)
    page = pages.post(reverse("check-device", args=[camera]), follow=True).content.decode()
    assert "Rekey is asking the device" in page
    [poll] = re.findall(r'hx-get="([^"]+)"', page)
    assert pages.get(poll).status_code == 204, "nothing is known yet"
    subscriptions.pump()
    assert pages.get(poll).status_code == 204, "a job that waits is no news"
    work()
    news = pages.get(poll)
    assert news.status_code == 200
    body = news.content.decode()
    assert "Not certified" in body
    assert 'id="device-badge" hx-swap-oob="true"' in body
    assert 'id="device-history" hx-swap-oob="true"' in body
    assert "hx-get" not in body, "there is nothing more to wait for"


def test_a_device_that_is_gone_is_named_and_tried_again(
    pages: Client, who: Cast, camera: UUID, fleet: ThreadedFleet
) -> None:
    fleet.power(HONEST.serial, False)
    pages.post(reverse("check-device", args=[camera]))
    work()
    assert "The device does not answer." in body_of(pages, camera)


def test_a_job_that_was_given_up_says_where_to_find_it(pages: Client, camera: UUID) -> None:
    pages.post(reverse("check-device", args=[camera]))
    subscriptions.pump()
    Job.objects.update(status=Job.Status.PARKED, error="VaultError")
    assert "Rekey has given up asking" in body_of(pages, camera)


def test_get_changes_nothing(pages: Client, camera: UUID) -> None:
    before = EventRow.objects.for_jobs().count()
    assert pages.get(reverse("check-device", args=[camera])).status_code == 405
    body_of(pages, camera)
    assert EventRow.objects.for_jobs().count() == before


# --- who may do what ------------------------------------------------------------------------------


def test_bob_sees_no_button_and_pressing_one_anyway_is_403(
    client: Client, who: Cast, camera: UUID
) -> None:
    client.force_login(who.bob)
    body = body_of(client, camera)
    for hidden in ("Check now", "Forget Password</a>", "Show password", "owner@example.com"):
        assert hidden not in body
    assert client.post(reverse("check-device", args=[camera])).status_code == 403
    assert client.get(reverse("reveal", args=[camera, "admin"])).status_code == 403
    assert client.post(reverse("reveal", args=[camera, "admin"])).status_code == 403


def test_tess_resets_and_checks_but_sees_no_password(
    client: Client, who: Cast, camera: UUID
) -> None:
    client.force_login(who.tess)
    body = body_of(client, camera)
    assert "Check now" in body
    assert "Forget Password</a>" in body
    assert "Show password" not in body
    assert client.get(reverse("reveal", args=[camera, "admin"])).status_code == 403


def test_to_charlie_there_is_no_such_device(client: Client, who: Cast, camera: UUID) -> None:
    client.force_login(who.charlie)
    for address in ("device", "device-live"):
        assert client.get(reverse(address, args=[camera])).status_code == 404
    assert client.post(reverse("check-device", args=[camera])).status_code == 404
    assert client.get(reverse("reveal", args=[camera, "admin"])).status_code == 404


# --- a stored password ----------------------------------------------------------------------------


def signed_in_anew(pages: Client, address: str) -> Any:
    """Type one's own password again, and go on."""
    asked = pages.get(address)
    assert asked.status_code == 302
    assert asked["Location"].startswith("/account/reauthenticate/")
    return pages.post(asked["Location"], {"password": SIGN_IN}, follow=True)


def test_a_password_is_shown_once_after_a_fresh_sign_in_with_a_reason(
    pages: Client, camera: UUID
) -> None:
    address = reverse("reveal", args=[camera, "admin"])
    form = signed_in_anew(pages, address)
    assert form.status_code == 200
    assert HONEST.password not in form.content.decode()
    sent = {"reason": "The recorder needs it", "once": pages.session["reveal_once"]}
    shown = pages.post(address, sent)
    assert HONEST.password in shown.content.decode()
    assert shown["Cache-Control"] == "no-store"
    event = EventRow.objects.for_jobs().get(type="devices.password_revealed")
    assert (event.actor_name, event.reason) == ("Alice", "The recorder needs it")
    assert HONEST.password not in event.data
    again = pages.post(address, sent)  # the page reloaded
    assert (again.status_code, again["Location"]) == (302, address)
    assert EventRow.objects.for_jobs().filter(type="devices.password_revealed").count() == 1
    assert HONEST.password not in pages.get(address).content.decode()


def test_without_a_reason_nothing_is_shown(pages: Client, camera: UUID) -> None:
    address = reverse("reveal", args=[camera, "admin"])
    signed_in_anew(pages, address)
    answer = pages.post(address, {"reason": "  ", "once": pages.session["reveal_once"]})
    assert answer.status_code == 422
    assert 'id="id_reason_error"' in answer.content.decode()
    assert HONEST.password not in answer.content.decode()


def test_without_a_fresh_sign_in_a_post_leads_to_one(pages: Client, camera: UUID) -> None:
    answer = pages.post(reverse("reveal", args=[camera, "admin"]), {"reason": "Now"})
    assert answer.status_code == 302
    assert not EventRow.objects.for_jobs().filter(type="devices.password_revealed").exists()


def test_an_account_that_the_vault_does_not_know_is_404(pages: Client, camera: UUID) -> None:
    assert pages.get(reverse("reveal", args=[camera, "nobody"])).status_code == 404


def test_no_page_of_the_device_holds_a_password(pages: Client, camera: UUID) -> None:
    assert Device.objects.for_jobs().get(pk=camera).managed
    assert HONEST.password not in body_of(pages, camera)
