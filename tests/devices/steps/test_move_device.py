from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from devices.steps.check_device import NvrLetIn
from devices.steps.move_device import (
    CredentialMoved,
    Destination,
    DeviceMoved,
    MoveCredential,
    MoveDevice,
)
from devices.steps.place_on_channel import PlacedOnChannel
from devices.steps.remove_device import Holds
from fleet.eventstore.testing import given
from tests.devices.steps.story import ADDED, BEGUN, NVR, ORGANISATION, REMOVED, SITE

MUSEUM = UUID(int=7)
TO = Destination(ORGANISATION, "Museum")
MOVED = DeviceMoved("Gate north", MUSEUM, "Museum", None, None)
ON_THREE = PlacedOnChannel("Gate north", NVR, 3, "Harbour NVR")


def test_a_device_moves_to_another_site_of_its_organisation() -> None:
    state = given(ADDED).knowing(TO, Holds()).when(MoveDevice(MUSEUM)).then(MOVED)
    assert (state.site, state.organisation) == (MUSEUM, ORGANISATION)


def test_a_camera_leaves_its_nvr_unless_that_moves_too() -> None:
    known = given(ADDED, ON_THREE, NvrLetIn()).knowing(TO, Holds())
    alone = known.when(MoveDevice(MUSEUM)).then(MOVED)
    assert (alone.nvr, alone.channel, alone.nvr_opens) == (None, None, None)
    both = replace(MOVED, nvr=NVR, channel=3)
    together = known.when(MoveDevice(MUSEUM, with_nvr=True)).then(both)
    assert (together.nvr, together.channel, together.nvr_opens) == (NVR, 3, True)


def test_a_device_that_is_there_already_stays_even_while_it_is_worked_on() -> None:
    busy = Holds(("A reset is under way.",))
    given(ADDED).knowing(TO, busy).when(MoveDevice(SITE)).then_nothing()


def test_a_device_does_not_move_while_it_is_worked_on() -> None:
    busy = Holds(("A reset is under way.", "And more."))
    error = given(ADDED).knowing(TO, busy).when(MoveDevice(MUSEUM)).refused("device_busy")
    assert error.message == "A reset is under way."


def test_a_device_does_not_move_to_another_organisation() -> None:
    elsewhere = Destination(UUID(int=9), "Island")
    ask = given(ADDED).knowing(elsewhere, Holds()).when(MoveDevice(MUSEUM))
    assert ask.refused("other_organisation").field == "site"


def test_a_removed_device_does_not_move() -> None:
    given(ADDED, REMOVED).knowing(TO, Holds()).when(MoveDevice(MUSEUM)).refused("device_removed")


def test_a_password_goes_where_its_device_goes_once() -> None:
    moved = CredentialMoved("admin", MUSEUM)
    before = given(*BEGUN)
    state = before.when(MoveCredential(MUSEUM)).then(moved)
    assert state == before.state().but(site=MUSEUM)
    given(*BEGUN, moved).when(MoveCredential(MUSEUM)).then_nothing()
