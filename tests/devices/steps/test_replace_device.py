from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from devices.drivers.base import Service
from devices.state import ONVIF_PATH, ChannelFacts, DeviceState
from devices.steps.add_device import Reached
from devices.steps.certificates import CertificateChangeSeen, CertificatePinned
from devices.steps.check_device import DeviceCertified, DeviceTroubled, NvrLetIn
from devices.steps.place_on_channel import PlacedOnChannel
from devices.steps.remove_device import Holds
from devices.steps.replace_device import DeviceReplaced, ReplaceDevice
from devices.steps.take_in_device import (
    ChannelsRead,
    DeviceIdentified,
    LongestPasswordFound,
    ManagementAccountMade,
    ServicesFound,
)
from fleet.eventstore.testing import given
from tests.devices.steps.story import ADDED, NVR, OTHER_PIN, PIN, REMOVED, SECOND, THIRD

ASK = ReplaceDevice(
    "203.0.113.8", 8080, " root ", "made-up-and-new-1", reason="Struck by lightning"
)
REPLACED = DeviceReplaced("203.0.113.8", 8080, False, ONVIF_PATH, "root", SECOND, THIRD)
OLD = (
    replace(ADDED, fresh=True, serial="A-0001", mac="00:FF:00:00:00:01"),
    PlacedOnChannel("Gate north", NVR, 3, "Harbour NVR"),
    DeviceIdentified("Acme", "Eye 3", "1.2.3", "A-0001", 32, "00:FF:00:00:00:01"),
    ManagementAccountMade("rekey"),
    LongestPasswordFound(10),
    ServicesFound((Service("rtsp", 554),), "rtsp"),
    ChannelsRead(1, (ChannelFacts(1, "Quay", "203.0.113.9", ""),)),
    CertificatePinned(443, PIN),
    CertificateChangeSeen(443, OTHER_PIN),
    DeviceCertified(),
    NvrLetIn(),
    DeviceTroubled("unreachable", "it does not answer"),
)


def known(*events: Any, holds: Holds = Holds()) -> Any:  # noqa: B008 - it is frozen
    return given(*events).knowing(Reached(SECOND, THIRD), holds)


def test_the_place_stays_and_nothing_of_the_old_device_does() -> None:
    state = known(*OLD).when(ASK).then(REPLACED)
    old = known(*OLD).state()
    place = ("organisation", "site", "subject", "kind", "name", "reset_email", "nvr", "channel")
    assert state == DeviceState(
        state.id,
        **{name: getattr(old, name) for name in place},
        host="203.0.113.8",
        port=8080,
        username="root",
    )
    assert state.channel == 3
    assert "made-up" not in repr(ASK)


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"host": "nobody here"}, "host_wrong", "host"),
        ({"port": 0}, "port_wrong", "port"),
        ({"path": "onvif"}, "path_wrong", "path"),
        ({"username": "\t"}, "username_missing", "username"),
        ({"password": ""}, "password_missing", "password"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(fields: dict, code: str, field: str) -> None:
    assert known(ADDED).when(replace(ASK, **fields)).refused(code).field == field


def test_a_device_is_not_replaced_while_it_is_worked_on() -> None:
    busy = known(ADDED, holds=Holds(("A reset is under way.",)))
    busy.when(ASK).refused("device_busy")


def test_an_nvr_is_replaced_with_its_cameras_where_they_are() -> None:
    known(ADDED, holds=Holds(channels=4)).when(ASK).then(REPLACED)


def test_a_removed_device_is_not_replaced() -> None:
    known(ADDED, REMOVED).when(ASK).refused("device_removed")
