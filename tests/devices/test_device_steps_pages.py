"""The pages of what can be done with one device, and what its page says of its safety."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices import deeds, queries, security, vault
from devices.device_page import DevicePage
from devices.drivers.base import Ability
from devices.models import Credential, Device, LoginTries, Telemetry
from devices.state import ChannelFacts, Kind, Purpose, credential_id
from devices.steps.add_device import AddDevice
from devices.steps.certificates import PinCertificate, RecordCertificateChange
from devices.steps.check_device import RecordCheck, RecordNvrOpens, RecordTrouble
from devices.steps.credential import BeginCredential, PromoteCandidate, StoreCandidate
from devices.steps.open_site import OpenSite
from devices.steps.remove_device import RemoveDevice
from devices.steps.take_in_device import RecordChannels, RecordManagementAccount
from fleet.eventstore import subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow, Job
from tests.cast import SETUP, Cast, cast

pytestmark = pytest.mark.django_db

INVENTED = "invented-for-this-test-1"
PINNED, STRANGE = "ab" * 32, "cd" * 32


@pytest.fixture
def who() -> Cast:
    return cast()


@pytest.fixture
def pages(client: Client, who: Cast) -> Client:
    """Alice's browser."""
    client.force_login(who.alice)
    return client


def add(who: Cast, name: str = "Gate", port: int = 80, **more: Any) -> UUID:
    device = new_id()
    asked: dict[str, Any] = {
        "site": who.site,
        "kind": Kind.CAMERA,
        "host": "203.0.113.9",
        "username": "admin",
        "password": INVENTED,
        "reset_email": "owner@example.com",
    }
    handle(AddDevice(name=name, port=port, **asked | more), device, who.by(who.alice))
    return device


def keep(who: Cast, device: UUID, passwords: int = 1) -> None:
    """As a worker does: the newest password current, the others superseded."""
    account = credential_id(device, "admin")
    for number in range(passwords):
        secret = vault.put(device, f"{INVENTED}-{number}")
        if number == 0:
            begin = BeginCredential(
                who.organisation, who.site, device, "admin", Purpose.DEVICE, secret
            )
            handle(begin, account, SETUP)
        else:
            handle(StoreCandidate(secret), account, SETUP)
        handle(PromoteCandidate(secret), account, SETUP)


def row(device: UUID) -> Device:
    return Device.objects.for_jobs().get(pk=device)


def body_of(pages: Client, device: UUID, name: str = "device") -> str:
    response = pages.get(reverse(name, args=[device]))
    assert response.status_code == 200, response
    return unescape(response.content.decode())


def words(body: str) -> str:
    return " ".join(body.split())


# --- changing it ----------------------------------------------------------------------------------


def test_the_form_of_a_change_stands_as_it_is_and_changes_what_is_typed(
    pages: Client, who: Cast
) -> None:
    device = add(who, services="rtsp:554 vigi_nvr:20443")
    body = body_of(pages, device, "change-device")
    for value in ("Gate", "203.0.113.9", "/onvif/device_service", "rtsp:554 vigi_nvr:20443"):
        assert f'value="{value}"' in body
    sent = {
        "name": "Gate",
        "host": "203.0.113.10",
        "port": "8443",
        "tls": "on",
        "path": "/onvif/device_service",
        "services": "rtsp:554 vigi_nvr:20443",
    }
    answer = pages.post(reverse("change-device", args=[device]), sent)
    assert (answer.status_code, answer["Location"]) == (302, reverse("device", args=[device]))
    changed = row(device)
    assert (changed.host, changed.port, changed.tls) == ("203.0.113.10", 8443, True)
    assert len(changed.services) == 2
    body = body_of(pages, device)
    assert "203.0.113.10:8443" in body
    assert "VIGI NVR OpenAPI" in body


def test_what_was_filled_in_and_is_emptied_is_meant_to_be_empty(pages: Client, who: Cast) -> None:
    device = add(who, services="rtsp:554")
    as_it_is = {"host": "203.0.113.9", "port": "80", "path": "/onvif/device_service"}
    address = reverse("change-device", args=[device])
    refused = pages.post(address, {"name": "", "services": "rtsp:554", **as_it_is})
    assert refused.status_code == 422
    assert 'id="id_name_error"' in refused.content.decode()
    assert pages.post(address, {"name": "Gate", "services": "", **as_it_is}).status_code == 302
    assert row(device).services == []


def test_a_camera_is_put_on_a_channel_and_taken_off_again(pages: Client, who: Cast) -> None:
    nvr, device = add(who, "Recorder", 81, kind=Kind.NVR), add(who)
    address = reverse("place-on-channel", args=[device])
    suggested = pages.get(address, {"nvr": str(nvr), "channel": "3"}).content.decode()
    assert f'value="{nvr}" selected' in suggested
    assert 'name="channel" value="3"' in suggested
    assert pages.post(address, {"nvr": str(nvr), "channel": "3"}).status_code == 302
    assert (row(device).nvr_id, row(device).channel) == (nvr, 3)
    # The channel was filled in, and goes with its NVR.
    assert pages.post(address, {"nvr": "", "channel": "3"}).status_code == 302
    assert (row(device).nvr_id, row(device).channel) == (None, None)
    refused = pages.post(address, {"nvr": "", "channel": "4"})
    assert refused.status_code == 422


def test_an_nvr_has_no_page_for_a_channel_of_its_own(pages: Client, who: Cast) -> None:
    nvr = add(who, "Recorder", kind=Kind.NVR)
    assert reverse("place-on-channel", args=[nvr]) not in body_of(pages, nvr)
    assert pages.get(reverse("place-on-channel", args=[nvr])).status_code == 302


def test_a_device_is_moved_to_another_site_of_the_organisation(pages: Client, who: Cast) -> None:
    device, museum = add(who), new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), museum, who.by(who.alice))
    body = body_of(pages, device, "move-device")
    assert "Museum" in body and "Island" not in body
    assert "passwords and its history go with it" in words(body)
    assert pages.post(reverse("move-device", args=[device]), {"site": museum}).status_code == 302
    assert row(device).site == museum


def test_replacing_says_what_becomes_of_the_history_and_the_passwords(
    pages: Client, who: Cast
) -> None:
    device = add(who)
    body = words(body_of(pages, device, "replace-device"))
    assert "the history of the place goes on" in body
    assert "kept in the vault as an earlier one" in body
    sent = {
        "host": "203.0.113.20",
        "port": "80",
        "username": "admin",
        "password": INVENTED,
        "path": "/onvif/device_service",
        "reason": "Struck by lightning",
    }
    answer = pages.post(reverse("replace-device", args=[device]), sent, follow=True)
    assert INVENTED not in answer.content.decode()
    assert row(device).host == "203.0.113.20"
    assert "Rekey is asking the device" in answer.content.decode()


def test_a_removed_device_keeps_its_history_and_its_passwords_and_nothing_else(
    pages: Client, who: Cast
) -> None:
    device = add(who)
    keep(who, device)
    handle(RecordTrouble("unreachable"), device, SETUP)
    body = words(body_of(pages, device, "remove-device"))
    assert "Its history and its passwords are kept" in body
    address = reverse("remove-device", args=[device])
    assert pages.post(address, {"reason": " "}).status_code == 422
    assert not row(device).removed
    assert pages.post(address, {"reason": "Scrapped"}).status_code == 302
    body = words(body_of(pages, device))
    assert "This device was removed from the fleet" in body
    assert "Reason: Scrapped" in body
    assert "Does not answer" not in body
    for gone in ("Check now", "Forget Password</a>", "Modify</summary>", "How this device can be"):
        assert gone not in body
    for slug in deeds.steps():
        assert reverse(slug, args=[device]) not in body
        assert pages.get(reverse(slug, args=[device])).status_code == 302
    assert "Show password" in body
    assert "Alice removed Gate from the fleet" in body
    assert pages.post(address, {"reason": "Again"}).status_code == 422


def test_who_may_not_sees_no_button_and_gets_403(client: Client, who: Cast) -> None:
    device = add(who)
    handle(RecordCheck(False), device, SETUP)
    keep(who, device, 2)
    for person, may in ((who.bob, set()), (who.tess, {"try-history"})):
        client.force_login(person)
        body = body_of(client, device)
        for slug in deeds.steps():
            shown = reverse(slug, args=[device]) in body
            status = client.get(reverse(slug, args=[device])).status_code
            assert shown is (slug in may), (person, slug)
            assert status == (200 if slug in may else 403), (person, slug)
            if slug not in may:
                assert client.post(reverse(slug, args=[device])).status_code == 403
    client.force_login(who.charlie)
    for slug in deeds.steps():
        assert client.get(reverse(slug, args=[device])).status_code == 404
    assert not row(device).removed


# --- its safety -----------------------------------------------------------------------------------


def test_earlier_passwords_are_tried_after_it_is_said_what_that_costs(
    pages: Client, who: Cast
) -> None:
    device = add(who)
    keep(who, device, 4)
    assert reverse("try-history", args=[device]) not in body_of(pages, device)
    handle(RecordCheck(False), device, SETUP)
    LoginTries.objects.create(device=device, username="admin", failed=2, failed_at=timezone.now())
    assert "try earlier passwords" in body_of(pages, device)
    body = words(body_of(pages, device, "try-history"))
    assert "keeps 3 earlier passwords" in body
    assert "1 of 3 are left before Rekey stops" in body
    assert "They do not last for all" in body
    answer = pages.post(reverse("try-history", args=[device]), follow=True)
    assert "Rekey is asking the device" in answer.content.decode()
    assert EventRow.objects.for_jobs().filter(type="devices.history_requested").exists()


def test_the_login_tries_that_are_left_are_told_and_not_touched(pages: Client, who: Cast) -> None:
    device = add(who)
    assert "3 of 3 left before Rekey stops" in words(body_of(pages, device))
    assert not LoginTries.objects.exists()
    tries = LoginTries.objects.create(
        device=device, username="admin", failed=4, failed_at=timezone.now()
    )
    subscriptions.pump()
    Job.objects.all().delete()  # no look is owed
    handle(RecordTrouble("tries_spent"), device, SETUP)
    body = words(body_of(pages, device))
    assert "0 of 3 left before Rekey stops; all of them again" in body
    assert "Rekey may try again" in body
    assert "(in 29 min)" in body
    LoginTries.objects.update(failed_at=timezone.now() - timedelta(hours=1))
    assert "3 of 3 left" in words(body_of(pages, device))
    LoginTries.objects.update(locked_until=timezone.now() + timedelta(seconds=90))
    assert "Locked" in words(body_of(pages, device))
    tries.refresh_from_db()
    assert tries.failed == 4


def test_a_strange_certificate_is_shown_in_groups_and_accepted(pages: Client, who: Cast) -> None:
    device = add(who, tls=True, port=443)
    handle(PinCertificate(443, PINNED), device, SETUP)
    assert " ".join(["abab"] * 16) in body_of(pages, device)
    handle(RecordCertificateChange(443, STRANGE), device, SETUP)
    handle(RecordTrouble("certificate_changed"), device, SETUP)
    body = body_of(pages, device)
    assert " ".join(["cdcd"] * 16) in body
    assert reverse("accept-certificate", args=[device]) in body
    asked = body_of(pages, device, "accept-certificate")
    assert " ".join(["abab"] * 16) in asked and " ".join(["cdcd"] * 16) in asked
    address = reverse("accept-certificate", args=[device])
    assert pages.post(address, {"certificate": STRANGE, "reason": ""}).status_code == 422
    sent = {"certificate": "ef" * 32, "reason": "Reset"}
    assert pages.post(address, sent).status_code == 422
    assert pages.post(address, {"certificate": STRANGE, "reason": "Reset"}).status_code == 302
    assert row(device).strange == []
    assert [pin["certificate"] for pin in row(device).pins] == [STRANGE]


def test_it_says_when_it_was_seen_and_how_quick_it_was(pages: Client, who: Cast) -> None:
    device, now = add(who), timezone.now()
    assert "not known before the next sweep" in body_of(pages, device)
    heard = Telemetry.objects.create(
        device=device,
        online=True,
        seen_at=now - timedelta(minutes=5),
        asked_at=now + timedelta(minutes=1),
        milliseconds=52,
        next_at=now,
    )
    body = words(body_of(pages, device))
    assert "answered in 52 ms" in body
    assert "(5 min ago)" in body
    heard.online = False
    heard.save()
    assert "Offline" in body_of(pages, device)


def test_a_proof_is_also_when_it_was_asked_last(who: Cast) -> None:
    from fleet.accounts.access import actor_of

    device, actor = add(who), actor_of(who.alice)
    added = security.last_asked(actor, row(device), None)
    keep(who, device)
    proven = security.last_asked(actor, row(device), None)
    assert added and proven and proven > added
    heard = Telemetry(device=device, asked_at=timezone.now() + timedelta(hours=1))
    assert security.last_asked(actor, row(device), heard) == heard.asked_at


def test_the_ways_to_recover_it_follow_from_its_drivers_and_the_vault(who: Cast) -> None:
    device = add(who, services="recovery:8480 rtsp:554")
    stands = {way.name: way.stands for way in security.ways(row(device), [])}
    assert stands == {
        "Management account": "Not there",
        "Device recovery": "No key",
        "Factory restore": "Always",
    }
    handle(RecordManagementAccount("rekey"), device, SETUP)
    secret = vault.put(device, INVENTED)
    handle(
        BeginCredential(
            who.organisation, who.site, device, "recovery key", Purpose.RECOVERY, secret
        ),
        credential_id(device, "recovery key"),
        SETUP,
    )
    kept = Credential.objects.for_jobs().filter(device=device)
    stands = {way.name: way.stands for way in security.ways(row(device), kept)}
    assert stands["Management account"] == "Ready"
    assert stands["Device recovery"] == "Key is kept"
    other = add(who, "Other", 81)
    assert {w.name: w.stands for w in security.ways(row(other), [])}["Device recovery"] == (
        "Not offered"
    )


def test_each_driver_of_the_device_says_what_it_can_do(pages: Client, who: Cast) -> None:
    device = add(who, services="vigi_local:443 recovery:8480")
    body = words(body_of(pages, device))
    assert "How this device can be recovered" in body
    for told in ("makes accounts", "tells how many login tries are left", "checks a verification"):
        assert told in body
    known = {Ability.IS_THERE, Ability.ACCOUNTS, Ability.DELETE_ACCOUNT, Ability.RULES}
    known |= {Ability.SERVICES, Ability.COMPLETE, Ability.MOVE_CAMERA}
    assert known | set(security._CAN) == set(Ability), "a new ability is told or left out"


# --- an NVR's channels ----------------------------------------------------------------------------


MAC = "AA:BB:CC:00:00:0"


def told(nvr: UUID, *channels: tuple[int, str, str, str]) -> None:
    facts = tuple(ChannelFacts(n, name, host, mac) for n, name, host, mac in channels)
    handle(RecordChannels(facts), nvr, SETUP)


def row_of(body: str, name: str) -> str:
    [found] = [part for part in body.split("<tr>") if f">{name}" in part and "<td" in part]
    return words(found.split("</tr>")[0])


def test_an_nvrs_channels_are_matched_with_the_fleets_cameras(pages: Client, who: Cast) -> None:
    nvr = add(who, "Recorder", 81, kind=Kind.NVR, services="vigi_nvr:20443")
    on = {"nvr": nvr, "channel": 1}
    gate = add(who, "Gate", 82, mac=MAC + "1", **on)
    add(who, "Quay", 83, mac=MAC + "2", nvr=nvr, channel=2)
    add(who, "Crane", 84, host="203.0.113.84")
    add(who, "Shed", 85, mac=MAC + "8", nvr=nvr, channel=9)
    handle(RecordCheck(True), gate, SETUP)
    handle(RecordNvrOpens(False), gate, SETUP)
    told(
        nvr,
        (1, "CH1", "203.0.113.9", MAC + "1"),
        (3, "CH3", "203.0.113.9", MAC + "2"),
        (4, "CH4", "203.0.113.84", MAC + "4"),
        (5, "Roof", "203.0.113.85", MAC + "5"),
        (6, "Twin", "203.0.113.86", MAC + "5"),
        (9, "Stranger", "203.0.113.9", MAC + "9"),
    )
    Telemetry.objects.create(device=nvr, channels_online=[3, 4], next_at=timezone.now())
    body = body_of(pages, nvr)
    lines = {name: row_of(body, name) for name in ("Gate", "Quay", "Crane", "Roof", "Shed")}
    assert "Not in the fleet" in row_of(body, "Stranger")
    assert "Not certified" in lines["Gate"] and "Its NVR does not open it" in lines["Gate"]
    assert "Offline" in lines["Gate"]
    assert "In Rekey it is on channel 2." in lines["Quay"] and "Online" in lines["Quay"]
    assert "standing alone" in lines["Crane"]
    assert "Not in the fleet" in lines["Roof"]
    assert "The same MAC address is on channel 6 too." in lines["Roof"]
    assert "does not have it on this channel any more" in lines["Shed"]


def test_a_camera_that_is_not_in_the_fleet_is_offered_filled_in(pages: Client, who: Cast) -> None:
    nvr = add(who, "Recorder", 81, kind=Kind.NVR, services="vigi_nvr:20443")
    told(nvr, (5, "Roof", "203.0.113.85", MAC + "5"))
    body = body_of(pages, nvr)
    [address] = {p.split('"')[0] for p in body.split('href="') if p.startswith("/devices/add/?")}
    form = pages.get(address).content.decode()
    for value in ("Roof", "203.0.113.85", MAC + "5", "5"):
        assert f'value="{value}"' in form
    assert f'value="{nvr}" selected' in form
    assert f'value="{who.site}" selected' in form


def test_bob_is_offered_no_camera_to_add(client: Client, who: Cast) -> None:
    nvr = add(who, "Recorder", 81, kind=Kind.NVR, services="vigi_nvr:20443")
    told(nvr, (5, "Roof", "203.0.113.85", MAC + "5"))
    client.force_login(who.bob)
    body = body_of(client, nvr)
    assert "Not in the fleet" in body
    assert "/devices/add/" not in body


def test_forget_password_is_offered_on_each_channel_with_a_camera_of_the_fleet(
    client: Client, who: Cast
) -> None:
    nvr = add(who, "Recorder", 81, kind=Kind.NVR, services="vigi_nvr:20443")
    gate = add(who, "Gate", 82, mac=MAC + "1", nvr=nvr, channel=1)
    told(nvr, (1, "CH1", "203.0.113.9", MAC + "1"), (5, "Roof", "203.0.113.85", MAC + "5"))
    address = reverse("request-reset", args=[gate])
    for person, offered in ((who.alice, 1), (who.tess, 1), (who.bob, 0)):
        client.force_login(person)
        body = body_of(client, nvr)
        assert body.count(f'href="{address}"') == offered
        assert body.count("Forget Password<span") == offered
    client.force_login(who.tess)
    assert client.get(address).status_code == 200


def test_an_nvr_that_does_not_tell_its_channels_says_what_to_do(pages: Client, who: Cast) -> None:
    nvr = add(who, "Recorder", 81, kind=Kind.NVR)
    assert "does not tell what is on its channels" in body_of(pages, nvr)
    assert "vigi_nvr:20443" in body_of(pages, nvr)
    camera = add(who, "Gate", 82, nvr=nvr, channel=1)
    body = body_of(pages, nvr)
    assert f'href="/devices/{camera}/"' in body
    assert "vigi_nvr:20443" in body


def test_a_camera_of_another_site_is_not_told_of(pages: Client, who: Cast) -> None:
    nvr, museum = add(who, "Recorder", 81, kind=Kind.NVR, services="vigi_nvr:20443"), new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), museum, who.by(who.alice))
    add(who, "Hall", 82, site=museum, mac=MAC + "5")
    told(nvr, (5, "Roof", "203.0.113.85", MAC + "5"))
    body = body_of(pages, nvr)
    assert "Hall" not in body and "Not in the fleet" in body


def test_the_refresh_brings_the_vault_and_the_facts_along(pages: Client, who: Cast) -> None:
    device = add(who)
    keep(who, device)
    body = pages.get(reverse("device-live", args=[device])).content.decode()
    for part in ("vault", "facts", "security", "modify", "ways", "history", "badge"):
        assert f'id="device-{part}" hx-swap-oob="true"' in body
    handle(RemoveDevice("Scrapped"), device, SETUP)
    assert pages.get(reverse("device-live", args=[device])).status_code == 200


def test_a_page_that_asks_no_more_shows_the_answer(
    who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer may come between the looks at the job and at the device."""
    from fleet.accounts.access import actor_of

    device = add(who)
    subscriptions.pump()
    Job.objects.all().delete()
    real = queries.newest_look

    def answered(*asked: Any) -> Any:
        look = real(*asked)
        handle(RecordCheck(True), device, SETUP)
        return look

    monkeypatch.setattr(queries, "newest_look", answered)
    page = DevicePage.of(actor_of(who.alice), device)
    assert page.at_rest and page.device.certified
