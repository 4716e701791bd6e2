from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from devices.state import Kind
from devices.steps.check_device import NvrLetIn
from devices.steps.place_on_channel import (
    PlacedOnChannel,
    PlaceOnChannel,
    Recorder,
    TakenOffChannel,
)
from fleet.eventstore.testing import given
from tests.devices.steps.story import ADDED, NVR, REMOVED

RECORDER = Recorder("Harbour NVR")
ON_THREE = PlacedOnChannel("Gate north", NVR, 3, "Harbour NVR")
OFF = TakenOffChannel("Gate north")


def test_a_camera_is_put_on_a_channel_and_nobody_knows_yet_whether_the_nvr_opens_it() -> None:
    moved = replace(ON_THREE, channel=4)
    for before, event in (((), ON_THREE), ((ON_THREE, NvrLetIn()), moved)):
        ask = PlaceOnChannel(event.nvr, event.channel)
        state = given(ADDED, *before).knowing(RECORDER).when(ask).then(event)
        assert (state.nvr, state.channel, state.nvr_opens) == (NVR, event.channel, None)


def test_a_camera_is_taken_off_its_channel() -> None:
    known = given(ADDED, ON_THREE, NvrLetIn()).knowing(Recorder(""))
    state = known.when(PlaceOnChannel()).then(OFF)
    assert (state.nvr, state.channel, state.nvr_opens) == (None, None, None)


def test_a_camera_that_is_there_already_stays_as_it_is() -> None:
    given(ADDED, ON_THREE, NvrLetIn()).knowing(RECORDER).when(PlaceOnChannel(NVR, 3)).then_nothing()
    given(ADDED).knowing(Recorder("")).when(PlaceOnChannel()).then_nothing()


@pytest.mark.parametrize(("nvr", "channel"), [(NVR, None), (None, 3), (NVR, 0), (NVR, 257)])
def test_half_a_place_or_one_that_there_is_not_is_refused(
    nvr: UUID | None, channel: int | None
) -> None:
    ask = PlaceOnChannel(nvr, channel)
    assert given(ADDED).knowing(RECORDER).when(ask).refused("channel_wrong").field == "channel"


def test_an_nvr_is_on_no_channel() -> None:
    nvr = given(replace(ADDED, kind=Kind.NVR)).knowing(RECORDER)
    assert nvr.when(PlaceOnChannel(NVR, 3)).refused("nvr_on_nvr").field == "nvr"


def test_a_removed_camera_is_put_nowhere() -> None:
    given(ADDED, REMOVED).knowing(RECORDER).when(PlaceOnChannel(NVR, 3)).refused("device_removed")
