from __future__ import annotations

from dataclasses import replace

import pytest

from devices.steps.take_in_device import (
    DeviceIdentified,
    ManagementAccountMade,
    RecordIdentity,
    RecordManagementAccount,
)
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
    ],
)
def test_anything_else_than_before_is_news(changed: dict) -> None:
    now = replace(FOUND, **changed)
    given(ADDED, FOUND).when(RecordIdentity(now)).then(now)


def test_rekeys_own_account_is_recorded_once() -> None:
    made = ManagementAccountMade("rekey")
    assert given(ADDED).when(RecordManagementAccount("rekey")).then(made).managed
    given(ADDED, made).when(RecordManagementAccount("rekey")).then_nothing()
