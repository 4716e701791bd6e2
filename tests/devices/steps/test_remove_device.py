from __future__ import annotations

import pytest

from devices.steps.check_device import CheckDevice
from devices.steps.place_on_channel import PlacedOnChannel
from devices.steps.remove_device import Holds, RemoveDevice
from fleet.eventstore.testing import given
from tests.devices.steps.story import ADDED, NVR, REMOVED

REMOVE = RemoveDevice("Sold")
FREE = given(ADDED).knowing(Holds())


def test_a_device_leaves_the_fleet_and_its_nvr() -> None:
    on_three = PlacedOnChannel("Gate north", NVR, 3, "Harbour NVR")
    state = given(ADDED, on_three).knowing(Holds()).when(REMOVE).then(REMOVED)
    assert (state.removed, state.nvr, state.channel) == (True, None, None)
    assert state.serial == ADDED.serial


@pytest.mark.parametrize("reason", ["", " \n"])
def test_without_a_reason_none_is_removed(reason: str) -> None:
    assert FREE.when(RemoveDevice(reason)).refused("reason_missing").field == "reason"


def test_a_device_is_not_removed_while_it_is_worked_on() -> None:
    busy = given(ADDED).knowing(Holds(("A reset is under way.",), channels=2))
    assert busy.when(REMOVE).refused("device_busy").message == "A reset is under way."


def test_an_nvr_with_cameras_is_not_removed() -> None:
    error = given(ADDED).knowing(Holds(channels=3)).when(REMOVE).refused("nvr_has_cameras")
    assert "3 cameras" in error.message


def test_a_removed_device_is_neither_removed_again_nor_checked() -> None:
    gone = given(ADDED, REMOVED).knowing(Holds())
    gone.when(REMOVE).refused("device_removed")
    gone.when(CheckDevice()).refused("device_removed")
