"""An NVR's page: what is on its channels, and the cameras of the fleet beside it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices import queries
from devices.device_page import DevicePage
from devices.models import Telemetry
from devices.state import ChannelFacts, Kind
from devices.steps.check_device import RecordCheck, RecordNvrOpens
from devices.steps.open_site import OpenSite
from devices.steps.remove_device import RemoveDevice
from devices.steps.take_in_device import RecordChannels
from fleet.eventstore import subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import Job
from tests.cast import SETUP, Cast
from tests.devices.page_ground import add, body_of, keep, words

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


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


def test_of_an_nvr_that_has_told_nothing_yet_no_camera_is_said_to_be_gone(
    pages: Client, who: Cast
) -> None:
    nvr = add(who, "Recorder", 81, kind=Kind.NVR)
    add(who, "Gate", 82, nvr=nvr, channel=1)
    line = row_of(body_of(pages, nvr), "Gate")
    assert "any more" not in line and "Place it" not in line
    Telemetry.objects.create(device=nvr, channels_at=timezone.now(), next_at=timezone.now())
    assert "any more" in row_of(body_of(pages, nvr), "Gate"), "it told that there is none"


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
