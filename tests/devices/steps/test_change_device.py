from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from devices.drivers.base import Service
from devices.state import ONVIF_PATH
from devices.steps.add_device import Reached
from devices.steps.certificates import CertificatePinned
from devices.steps.change_device import ChangeDevice, DeviceChanged
from devices.steps.check_device import CheckRequested
from fleet.eventstore.testing import given
from tests.devices.steps.story import ADDED, PIN, REMOVED

RTSP = Service("rtsp", 554)
SAME: dict[str, Any] = {
    "name": "Gate north",
    "host": "203.0.113.7",
    "port": 80,
    "tls": False,
    "path": ONVIF_PATH,
    "services": (),
}


def known(*events: Any) -> Any:
    return given(ADDED, *events).knowing(Reached())


@pytest.mark.parametrize(
    ("asked", "new", "what"),
    [
        ({"host": " 203.0.113.8 "}, {"host": "203.0.113.8"}, "the address to 203.0.113.8:80"),
        ({"port": 8080}, {"port": 8080}, "the address to 203.0.113.7:8080"),
        ({"tls": True}, {"tls": True}, "the address to 203.0.113.7:80 (HTTPS)"),
        ({"path": "/other"}, {"path": "/other"}, "the address to 203.0.113.7:80"),
        ({"services": "rtsp"}, {"services": (RTSP,)}, "the further services"),
        (
            {"name": "Quay", "port": 81, "services": "rtsp:554"},
            {"name": "Quay", "port": 81, "services": (RTSP,)},
            "the name to Quay and the address to 203.0.113.7:81 and the further services",
        ),
    ],
)
def test_what_is_changed_is_told_and_the_device_is_asked(
    asked: dict[str, Any], new: dict[str, Any], what: str
) -> None:
    changed = DeviceChanged(what=what, **(SAME | new))
    state = known().when(ChangeDevice(**asked)).then(changed, CheckRequested())
    assert {name: getattr(state, name) for name in SAME} == SAME | new


def test_another_name_is_no_reason_to_ask_the_device() -> None:
    known().when(ChangeDevice(name=" Quay ")).then(
        DeviceChanged(what="the name to Quay", **(SAME | {"name": "Quay"}))
    )


@pytest.mark.parametrize("asked", [{}, SAME | {"services": ""}, {"host": "203.0.113.7 "}])
def test_what_is_as_it_was_is_no_news(asked: dict[str, Any]) -> None:
    known().when(ChangeDevice(**asked)).then_nothing()


def test_a_device_at_another_address_has_to_show_the_same_certificate() -> None:
    pinned = given(replace(ADDED, tls=True, port=443), CertificatePinned(443, PIN))
    [changed, _] = pinned.knowing(Reached()).when(ChangeDevice(host="203.0.113.8")).decided()
    assert changed.evolve(pinned.state()).pins == pinned.state().pins


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ({"name": " "}, "name_missing", "name"),
        ({"name": "Gate\rnorth"}, "name_unprintable", "name"),
        ({"host": ""}, "host_wrong", "host"),
        ({"host": "http://203.0.113.7/"}, "host_wrong", "host"),
        ({"port": 0}, "port_wrong", "port"),
        ({"port": 65_536}, "port_wrong", "port"),
        ({"path": "onvif"}, "path_wrong", "path"),
        ({"path": "/a b"}, "path_wrong", "path"),
        ({"services": "telnet:23"}, "services_wrong", "services"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(
    asked: dict[str, Any], code: str, field: str
) -> None:
    assert known().when(ChangeDevice(**asked)).refused(code).field == field


def test_a_removed_device_is_not_changed() -> None:
    known(REMOVED).when(ChangeDevice(name="Quay")).refused("device_removed")
