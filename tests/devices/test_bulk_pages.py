"""Many devices at once: ticked in the list, named again, then done; and the list's columns."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices.columns import COLUMNS
from devices.models import Device, Telemetry
from devices.state import Kind
from devices.steps.open_site import OpenSite
from devices.steps.remove_device import RemoveDevice
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow
from tests.cast import SETUP, Cast
from tests.devices.test_pages import add, names

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

COOKIE = "device_columns"


def post(pages: Client, deed: str, devices: list[UUID], **more: Any) -> Any:
    sent = {"device": [str(pk) for pk in devices], **more}
    return pages.post(reverse(f"bulk-{deed}"), sent)


def done(pages: Client, deed: str, devices: list[UUID], **more: Any) -> Any:
    return post(pages, deed, devices, confirmed="yes", **more)


def events(kind: str) -> int:
    return EventRow.objects.for_jobs().filter(type=f"devices.{kind}").count()


def test_the_list_is_a_form_with_a_box_for_each_device(pages: Client, who: Cast) -> None:
    ids = add(who, "Gate", "Quay")
    body = pages.get(reverse("devices")).content.decode()
    for pk in ids:
        assert f'name="device" value="{pk}"' in body
    for deed in ("check", "move", "remove", "export"):
        assert f'formaction="/devices/bulk/{deed}/"' in body
    assert 'aria-label="Select Gate"' in body


def test_ticking_asks_first_how_many_and_which(pages: Client, who: Cast) -> None:
    ids = add(who, *(f"Camera {n:02}" for n in range(12)))
    for deed in ("check", "move", "remove", "export"):
        answer = post(pages, deed, ids)
        body = answer.content.decode()
        assert answer.status_code == 200
        assert "12 devices" in body
        assert names(answer) == [f"Camera {n:02}" for n in range(10)]
        assert "And 2 more." in body
    assert events("check_requested") == events("device_removed") == 0


def test_all_that_were_ticked_are_checked(pages: Client, who: Cast) -> None:
    one, two, _ = add(who, "A", "B", "C")
    answer = done(pages, "check", [one, two, one], back="/devices/?kind=camera")
    assert (answer.status_code, answer["Location"]) == (302, "/devices/?kind=camera")
    assert events("check_requested") == 2
    assert "2 devices will be asked" in pages.get("/devices/").content.decode()


def test_two_are_moved_or_none(pages: Client, who: Cast) -> None:
    one, two, museum = *add(who, "A", "B"), new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), museum, who.by(who.alice))
    asked = post(pages, "move", [one, two]).content.decode()
    assert "Museum" in asked and "Island" not in asked and ">Harbour</option>" not in asked
    theirs = done(pages, "move", [one, two], site=str(new_id()))
    assert theirs.status_code == 422
    assert done(pages, "move", [one, two], site=str(museum)).status_code == 302
    assert set(Device.objects.for_jobs().values_list("site", flat=True)) == {museum}


def test_removing_many_needs_a_reason_and_stands_in_each_history(pages: Client, who: Cast) -> None:
    ids = add(who, "A", "B")
    refused = done(pages, "remove", ids, reason=" ")
    assert refused.status_code == 422
    assert 'id="id_reason_error"' in refused.content.decode()
    assert events("device_removed") == 0
    assert done(pages, "remove", ids, reason="Scrapped").status_code == 302
    rows = EventRow.objects.for_jobs().filter(type="devices.device_removed")
    assert [row.reason for row in rows] == ["Scrapped", "Scrapped"]
    assert names(pages.get("/devices/")) == []


def test_what_stands_against_one_stops_all(pages: Client, who: Cast) -> None:
    [nvr] = add(who, "Recorder", kind=Kind.NVR)
    add(who, "On it", nvr=nvr, channel=1)
    [alone] = add(who, "Alone")
    refused = done(pages, "remove", [alone, nvr], reason="Scrapped")
    assert refused.status_code == 422
    assert "Take them off it first" in refused.content.decode()
    assert not Device.objects.for_jobs().filter(removed=True).exists()


def test_those_that_were_ticked_are_exported_alone(pages: Client, who: Cast) -> None:
    one, two, _ = add(who, "A", "B", "C")
    asked = post(pages, "export", [one, two]).content.decode()
    [address] = re.findall(r'href="(/devices/export/\?[^"]+)"[^>]*>(?:(?!</a>).)*CSV', asked, re.S)
    listed = b"".join(pages.get(address.replace("&amp;", "&"))).decode()
    assert "A," in listed and "B," in listed
    assert len(listed.strip().splitlines()) == 3


def test_nothing_ticked_leads_back_with_a_word(pages: Client, who: Cast) -> None:
    add(who, "A")
    for deed in ("check", "move", "remove", "export"):
        answer = pages.post(reverse(f"bulk-{deed}"), {"device": "nonsense"}, follow=True)
        assert "Tick the devices first" in answer.content.decode()
        assert pages.get(reverse(f"bulk-{deed}")).status_code == 302


def test_nobody_is_led_away(pages: Client, who: Cast) -> None:
    ids = add(who, "A")
    for back in ("https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"):
        answer = done(pages, "check", ids, back=back)
        assert answer["Location"] == "/devices/"
        answer = pages.post(reverse("device-columns"), {"back": back, "usual": "yes"})
        assert answer["Location"] == "/devices/"


def test_who_may_not_sees_no_button_and_gets_403(client: Client, who: Cast) -> None:
    ids = add(who, "A")
    rights = {"bob": {"export"}, "tess": {"export", "check"}}
    for name, may in rights.items():
        client.force_login(getattr(who, name))
        body = client.get("/devices/").content.decode()
        for deed in ("check", "move", "remove", "export"):
            assert (f"/devices/bulk/{deed}/" in body) is (deed in may)
            expected = 200 if deed in may else 403
            assert post(client, deed, ids).status_code == expected
            if deed not in may:
                assert done(client, deed, ids, reason="x", site=who.site).status_code == 403
    client.force_login(who.charlie)
    for deed in ("check", "move", "remove", "export"):
        assert post(client, deed, ids).status_code == 404
    assert events("device_removed") == 0


# --- columns --------------------------------------------------------------------------------------


def heads(body: str) -> list[str]:
    [head] = re.findall(r"<thead>(.*?)</thead>", body, re.S)
    texts = [
        re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<th.*?</th>", head, re.S)
    ]
    return [text for text in texts if text]


def test_columns_are_chosen_and_remembered(pages: Client, who: Cast) -> None:
    [device] = add(who, "Gate", mac="AA:BB:CC:00:00:01", serial="S-77")
    now = timezone.now()
    Telemetry.objects.create(
        device=device, online=False, seen_at=now - timedelta(hours=2), asked_at=now, next_at=now
    )
    body = pages.get("/devices/").content.decode()
    assert heads(body) == ["Name", "Status", "Site", "NVR, channel", "Address", "Model"]
    assert "S-77" not in body
    answer = pages.post(
        reverse("device-columns"),
        {"column": ["mac", "seen", "serial", "nothing"], "back": "/devices/?q=gate"},
    )
    assert answer["Location"] == "/devices/?q=gate"
    cookie = answer.cookies[COOKIE]
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["max-age"]
    body = pages.get("/devices/").content.decode()
    assert heads(body) == ["Name", "Serial number", "MAC address", "Last seen"]
    for told in ("AA:BB:CC:00:00:01", "S-77", "Offline", "2 h ago"):
        assert told in body
    assert "Serial number" in pages.get(reverse("site", args=[who.site])).content.decode()
    pages.post(reverse("device-columns"), {"usual": "yes"})
    assert len(heads(pages.get("/devices/").content.decode())) == 6


def test_every_column_has_its_order_and_its_cell(pages: Client, who: Cast) -> None:
    _, two = add(who, "A", "B")
    pages.cookies[COOKIE] = ".".join(column.name for column in COLUMNS)
    Telemetry.objects.create(
        device=two, online=True, seen_at=timezone.now(), next_at=timezone.now()
    )
    for column in COLUMNS:
        assert sorted(names(pages.get("/devices/", {"sort": column.name}))) == ["A", "B"]
    assert names(pages.get("/devices/?sort=seen")) == ["B", "A"]
    assert names(pages.get("/devices/?sort=-seen")) == ["A", "B"]


def test_as_many_queries_for_100_devices_with_all_columns_as_for_5(
    pages: Client, who: Cast
) -> None:
    from tests.devices.test_pages import _queries

    pages.cookies[COOKIE] = ".".join(column.name for column in COLUMNS)
    add(who, *(f"Camera {n:03}" for n in range(5)))
    few = _queries(pages, "/devices/?per=500")
    add(who, *(f"Further {n:03}" for n in range(95)))
    assert _queries(pages, "/devices/?per=500") == few


# --- filters --------------------------------------------------------------------------------------


def test_removed_devices_are_found_when_they_are_asked_for(pages: Client, who: Cast) -> None:
    gone, _ = add(who, "Gone", "There")
    handle(RemoveDevice("Scrapped"), gone, SETUP)
    assert names(pages.get("/devices/")) == ["There"]
    answer = pages.get("/devices/?status=removed")
    assert names(answer) == ["Gone"]
    assert 'name="device"' not in answer.content.decode(), "nothing can be done with it"


def test_online_and_offline_are_filters(pages: Client, who: Cast) -> None:
    up, down, _ = add(who, "Up", "Down", "Never")
    for device, online in ((up, True), (down, False)):
        Telemetry.objects.create(device=device, online=online, next_at=timezone.now())
    assert names(pages.get("/devices/?online=yes")) == ["Up"]
    assert names(pages.get("/devices/?online=no")) == ["Down"]


def test_the_search_finds_serial_mac_and_firmware(pages: Client, who: Cast) -> None:
    add(who, "Gate", serial="SN-4711", mac="AA:BB:CC:00:00:01")
    add(who, "Quay")
    for text in ("4711", "aa:bb:cc"):
        assert names(pages.get("/devices/", {"q": text})) == ["Gate"]
