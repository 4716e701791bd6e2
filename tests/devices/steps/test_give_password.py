"""The password that a device has is typed: kept as an id in the vault, and tried."""

from devices.steps.add_device import Reached
from devices.steps.give_password import (
    GivenPasswordRefused,
    GivePassword,
    PasswordGiven,
    RecordGivenRefused,
)
from devices.steps.remove_device import DeviceRemoved, Holds
from fleet.eventstore.testing import given
from tests.devices.steps.story import ADDED, FIRST

KNOWN = (Reached(FIRST), Holds())


def test_it_is_recorded_by_its_id_alone():
    typed = given(ADDED).knowing(*KNOWN).when(GivePassword("A-typed-horse-1"))
    typed.then(PasswordGiven("admin", FIRST))


def test_nothing_typed_is_refused():
    given(ADDED).knowing(*KNOWN).when(GivePassword("")).refused("password_missing")


def test_a_device_that_is_being_reset_or_was_removed_takes_none():
    busy = given(ADDED).knowing(Reached(FIRST), Holds(("A reset is under way.",)))
    busy.when(GivePassword("A-typed-horse-1")).refused("device_busy")
    gone = given(ADDED, DeviceRemoved("Gate north")).knowing(*KNOWN)
    gone.when(GivePassword("A-typed-horse-1")).refused("device_removed")


def test_that_it_was_refused_is_recorded_without_it():
    given(ADDED).when(RecordGivenRefused()).then(GivenPasswordRefused())
