from __future__ import annotations

import pytest

from devices.steps.check_device import (
    TROUBLES,
    CheckDevice,
    CheckRequested,
    DeviceCertified,
    DeviceNotCertified,
    DeviceTroubled,
    NvrLetIn,
    NvrShutOut,
    RecordCheck,
    RecordNvrOpens,
    RecordTrouble,
)
from devices.steps.place_on_channel import PlacedOnChannel, TakenOffChannel
from fleet.eventstore.testing import given
from tests.devices.steps.story import ADDED, NVR, REMOVED

AWAY = DeviceTroubled("unreachable", TROUBLES["unreachable"])


def test_a_check_is_asked_for() -> None:
    before = given(ADDED).state()
    assert given(ADDED).when(CheckDevice()).then(CheckRequested()) == before


@pytest.mark.parametrize(
    ("opened", "event"), [(True, DeviceCertified()), (False, DeviceNotCertified())]
)
def test_the_first_answer_and_every_other_one_is_news(opened: bool, event) -> None:
    other = DeviceNotCertified() if opened else DeviceCertified()
    for before in ([ADDED], [ADDED, other], [ADDED, event, other]):
        assert given(*before).when(RecordCheck(opened)).then(event).certified is opened
    given(ADDED, event).when(RecordCheck(opened)).then_nothing()


def test_an_answer_after_trouble_is_news_and_ends_it() -> None:
    state = given(ADDED, DeviceCertified(), AWAY).when(RecordCheck(True)).then(DeviceCertified())
    assert state.trouble == ""


@pytest.mark.parametrize("trouble", [*TROUBLES, "action_failed"])
def test_trouble_is_recorded_once_in_words_and_leaves_the_answer_before(trouble: str) -> None:
    words = TROUBLES.get(trouble, "action failed")
    troubled = DeviceTroubled(trouble, words)
    state = given(ADDED, DeviceCertified()).when(RecordTrouble(trouble)).then(troubled)
    assert (state.trouble, state.certified) == (trouble, True)
    given(ADDED, troubled).when(RecordTrouble(trouble)).then_nothing()
    given(ADDED, troubled).when(RecordTrouble("other")).then(DeviceTroubled("other", "other"))


ON_THREE = PlacedOnChannel("Gate north", NVR, 3, "Harbour NVR")


@pytest.mark.parametrize(("opens", "event"), [(True, NvrLetIn()), (False, NvrShutOut())])
def test_whether_the_nvr_opens_a_camera_is_told_when_it_changes(opens: bool, event) -> None:
    other = NvrShutOut() if opens else NvrLetIn()
    for before in ([ON_THREE], [ON_THREE, other], [ON_THREE, event, other]):
        state = given(ADDED, *before).when(RecordNvrOpens(opens)).then(event)
        assert state.nvr_opens is opens
    given(ADDED, ON_THREE, event).when(RecordNvrOpens(opens)).then_nothing()


@pytest.mark.parametrize(
    "before", [[], [ON_THREE, TakenOffChannel("Gate north")], [ON_THREE, REMOVED]]
)
def test_an_answer_of_an_nvr_that_a_camera_is_not_on_is_none(before: list) -> None:
    for opens in (True, False):
        given(ADDED, *before).when(RecordNvrOpens(opens)).then_nothing()


def test_a_removed_device_is_not_asked() -> None:
    given(ADDED, REMOVED).when(CheckDevice()).refused("device_removed")
