"""Lists: filters, order, pages, and no more queries for more rows."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.state import Kind
from devices.steps.add_device import AddDevice
from devices.steps.check_device import RecordCheck, RecordTrouble
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.ids import new_id
from resets.steps.cancel_reset import CancelReset
from resets.steps.request_reset import RequestReset
from tests.api.client import Api
from tests.cast import SETUP, Cast

pytestmark = pytest.mark.django_db


def add(who: Cast, number: int, name: str = "", **more: Any) -> UUID:
    device = uuid4()
    command = AddDevice(
        site=who.site,
        kind=more.pop("kind", Kind.CAMERA),
        name=name or f"Camera {number:03}",
        host=f"203.0.113.{number}",
        port=80,
        username="admin",
        password="correct-horse-1",
        reset_email="owner@example.com",
        **more,
    )
    handle(command, device, who.by(who.alice))
    return device


def names(rows: list[dict[str, Any]]) -> list[str]:
    return [row["name"] for row in rows]


def test_pages_hold_every_row_once_whatever_the_order(who: Cast, alice: Api) -> None:
    for number in range(7):
        add(who, number, name="Same" if number % 2 else f"Gate {number}")
    by_name = [row["id"] for row in alice.all("devices/", limit=500)]
    assert len(set(by_name)) == 7
    for sort in ("name", "kind", "site", "address", "model"):
        for limit in (1, 2, 3, 7):
            up = [row["id"] for row in alice.all("devices/", limit=limit, sort=sort)]
            down = [row["id"] for row in alice.all("devices/", limit=limit, sort=f"-{sort}")]
            assert set(up) == set(by_name)
            assert down == up[::-1]


def test_the_next_page_keeps_filters_and_follows_changes(who: Cast, alice: Api) -> None:
    devices = [add(who, number, name=f"Gate {number}") for number in range(4)]
    handle_all([Order(RecordCheck(opened=False), device) for device in devices], SETUP)
    first = alice.get("devices/", certified="no", limit=2).json()
    assert names(first["results"]) == ["Gate 0", "Gate 1"]
    assert "certified=no" in first["next"]
    # The row that the page ended with is filtered out by now; its place is still known.
    handle(RecordCheck(opened=True), devices[1], SETUP)
    assert names(alice.get(first["next"]).json()["results"]) == ["Gate 2", "Gate 3"]


def test_devices_are_found_by_what_is_known_of_them(who: Cast, alice: Api) -> None:
    nvr = add(who, 1, name="Recorder", kind=Kind.NVR)
    on_it = add(who, 2, name="Gate north", nvr=nvr, channel=1)
    alone = add(who, 3, name="Gate south")
    handle(RecordCheck(opened=True), on_it, SETUP)
    handle(RecordTrouble("unreachable"), alone, SETUP)

    def found(**query: Any) -> list[str]:
        return names(alice.all("devices/", **query))

    assert found(kind="nvr") == ["Recorder"]
    assert found(nvr=str(nvr)) == ["Gate north"]
    assert found(certified="yes") == ["Gate north"]
    assert found(certified="unknown") == ["Gate south", "Recorder"]
    assert found(status="trouble") == ["Gate south"]
    assert found(q="gate") == ["Gate north", "Gate south"]
    assert found(q="203.0.113.3") == ["Gate south"]
    assert found(q="%") == []
    assert found(site=str(who.site), sort="-name") == ["Recorder", "Gate south", "Gate north"]
    assert found(site=str(uuid4())) == []


def test_resets_are_found_by_device_phase_and_whether_they_are_open(who: Cast, alice: Api) -> None:
    from devices.steps.take_in_device import RecordManagementAccount

    first, second = add(who, 1), add(who, 2)
    resets = []
    for device in (first, second):
        handle(RecordManagementAccount("rekey"), device, SETUP)
        resets.append(new_id())
        handle(RequestReset(device, "Lost"), resets[-1], who.by(who.tess))
    handle(CancelReset(), resets[0], who.by(who.tess))

    def found(**query: Any) -> list[str]:
        return [row["id"] for row in alice.all("resets/", **query)]

    newest_first = [str(resets[1]), str(resets[0])]
    assert found() == found(limit=1) == newest_first
    assert found(device=str(first)) == [str(resets[0])]
    assert found(phase="cancelled") == [str(resets[0])]
    assert found(open="true") == [str(resets[1])]
    assert found(open="false", device=str(second)) == []
    assert found(site=str(who.site)) == newest_first
    assert found(q="tess") == found(q="LOST") == newest_first
    assert found(q="camera 002") == [str(resets[1])]
    assert found(q="nobody") == []


def test_the_history_is_newest_first_and_can_be_narrowed_down(who: Cast, alice: Api) -> None:
    device, other = add(who, 1), add(who, 2)
    handle(RecordCheck(opened=False), device, SETUP)
    told = alice.all("events/", device=str(device), limit=1)
    assert [event["type"] for event in told] == [
        "devices.device_not_certified",
        "devices.device_added",
    ]
    newest, oldest = told
    assert newest["previous"] == oldest["hash"]
    assert newest["actor"] == {"kind": "job", "id": "set up", "name": "Rekey"}
    assert oldest["actor"]["id"] == str(who.alice.id)
    assert oldest["data"]["name"] == "Camera 001"
    assert "correct-horse" not in str(told)

    everything = alice.all("events/", limit=3)
    assert len({event["id"] for event in everything}) == len(everything)
    at = newest["at"]
    assert alice.all("events/", stream=str(device), since=at) == [newest]
    assert alice.all("events/", stream=str(device), until=at) == [oldest]
    assert alice.all("events/", type="devices.device_not_certified") == [newest]
    assert alice.all("events/", stream=str(device), who="alice") == [oldest]
    assert str(other) not in str(alice.all("events/", correlation=str(device)))
    assert alice.all("events/", site=str(uuid4())) == []
    assert not any("position" in event for event in everything)


def test_more_rows_take_no_more_queries(who: Cast, alice: Api) -> None:
    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert alice.get(address).status_code == 200
        return len(captured)

    add(who, 1)
    addresses = ("devices/", "sites/", "resets/", "events/", "tokens/", "jobs/")
    few = {address: queries(address) for address in addresses}
    for number in range(2, 12):
        add(who, number)
    assert {address: queries(address) for address in addresses} == few
