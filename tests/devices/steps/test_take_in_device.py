from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from devices.drivers.base import Service
from devices.state import ChannelFacts
from devices.steps.change_device import DeviceChanged
from devices.steps.take_in_device import (
    ChannelsRead,
    DeviceIdentified,
    LongestPasswordFound,
    ManagementAccountMade,
    RecordChannels,
    RecordIdentity,
    RecordLongest,
    RecordManagementAccount,
    RecordServices,
    ServicesFound,
)
from fleet.eventstore.messages import decode
from fleet.eventstore.testing import given
from tests.devices.steps.story import ADDED

FOUND = DeviceIdentified("Acme", "Eye 3", "1.2.3", "A-0001", 32, "00:FF:00:00:00:01")


def test_what_the_device_says_it_is_is_recorded() -> None:
    state = given(ADDED).when(RecordIdentity(FOUND)).then(FOUND)
    assert (state.manufacturer, state.model, state.firmware, state.serial, state.max_password) == (
        "Acme",
        "Eye 3",
        "1.2.3",
        "A-0001",
        32,
    )


def test_what_it_said_before_is_no_news() -> None:
    given(ADDED, FOUND).when(RecordIdentity(FOUND)).then_nothing()


@pytest.mark.parametrize(
    "changed",
    [
        {"manufacturer": "B"},
        {"model": "B"},
        {"firmware": "1.2.4"},
        {"serial": "B"},
        {"max_password": None},
        {"mac": "00:FF:00:00:00:02"},
    ],
)
def test_anything_else_than_before_is_news(changed: dict) -> None:
    now = replace(FOUND, **changed)
    given(ADDED, FOUND).when(RecordIdentity(now)).then(now)


def test_rekeys_own_account_is_recorded_once() -> None:
    made = ManagementAccountMade("rekey")
    assert given(ADDED).when(RecordManagementAccount("rekey")).then(made).managed
    given(ADDED, made).when(RecordManagementAccount("rekey")).then_nothing()


def test_a_device_that_tells_no_mac_this_time_has_the_one_that_is_known() -> None:
    given(ADDED, FOUND).when(RecordIdentity(replace(FOUND, mac=""))).then_nothing()
    known = replace(ADDED, mac="00:FF:00:00:00:09")
    silent = replace(FOUND, mac="")
    assert given(known).when(RecordIdentity(silent)).then(silent).mac == "00:FF:00:00:00:09"


def test_what_was_stored_before_mac_addresses_were_known_is_read_without_one() -> None:
    golden = Path(__file__).parents[2] / "golden" / "events.json"
    stored = json.loads(golden.read_text())[DeviceIdentified.tag]["samples"]["1"]
    read = decode(DeviceIdentified.tag, 1, json.dumps(stored))
    assert read == DeviceIdentified(**stored, mac="")


# --- what else it talks ---------------------------------------------------------------------------

RTSP, NVR_API = Service("rtsp", 554), Service("vigi_nvr", 20443, tls=True)


def test_services_that_a_device_names_are_recorded_once() -> None:
    found = ServicesFound((RTSP,), "rtsp at port 554")
    assert given(ADDED).when(RecordServices((RTSP,))).then(found).services == (RTSP,)
    given(ADDED, found).when(RecordServices((RTSP,))).then_nothing()
    given(ADDED).when(RecordServices(())).then_nothing()


def test_what_people_have_said_of_a_service_stays() -> None:
    said = DeviceChanged("the further services", "Gate north", "203.0.113.7", 80, False, "/",
                         (Service("vigi_nvr", 30443, tls=True),))  # fmt: skip
    found = ServicesFound((RTSP, *said.services), "rtsp at port 554")
    given(ADDED, said).when(RecordServices((NVR_API, RTSP))).then(found)
    given(ADDED, said).when(RecordServices((NVR_API,))).then_nothing()


def test_the_channels_of_an_nvr_are_told_when_they_change() -> None:
    gate = ChannelFacts(1, "Gate", "203.0.113.8", "00:FF:00:00:00:02")
    read = ChannelsRead(1, (gate,))
    assert given(ADDED).when(RecordChannels((gate,))).then(read).channels == (gate,)
    given(ADDED, read).when(RecordChannels((gate,))).then_nothing()
    other = (replace(gate, name="Quay"),)
    given(ADDED, read).when(RecordChannels(other)).then(ChannelsRead(1, other))
    given(ADDED, read).when(RecordChannels(())).then(ChannelsRead(0, ()))


# --- how much of a password it keeps --------------------------------------------------------------


def test_what_a_device_keeps_of_a_password_counts_for_more_than_what_it_says() -> None:
    ten = LongestPasswordFound(10)
    state = given(ADDED, FOUND).when(RecordLongest(10)).then(ten)
    assert (state.max_password, state.keeps) == (10, 10)
    given(ADDED, FOUND, ten).when(RecordLongest(10)).then_nothing()
    given(ADDED, FOUND, ten).when(RecordIdentity(FOUND)).then_nothing()
    less = replace(FOUND, max_password=8)
    assert given(ADDED, ten).when(RecordIdentity(less)).then(less).max_password == 8
    silent = replace(FOUND, max_password=None, firmware="2")
    assert given(ADDED, ten).when(RecordIdentity(silent)).then(silent).max_password == 10
