"""The pages of what can be done with one device, and what its page says of its safety."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices import deeds, security, vault
from devices.drivers.base import Ability
from devices.models import Credential, LoginTries, Telemetry
from devices.state import Kind, Purpose, credential_id
from devices.steps.certificates import PinCertificate, RecordCertificateChange
from devices.steps.check_device import RecordCheck, RecordTrouble
from devices.steps.credential import BeginCredential
from devices.steps.open_site import OpenSite
from devices.steps.take_in_device import RecordManagementAccount
from fleet.eventstore import subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow, Job
from tests.cast import SETUP, Cast
from tests.devices.page_ground import INVENTED, add, body_of, keep, row, words

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


PINNED, STRANGE = "ab" * 32, "cd" * 32


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
    assert stands["Device recovery"] == "Ready"
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
