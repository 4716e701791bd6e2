from __future__ import annotations

import pytest

from devices.steps.check_device import (
    TROUBLES,
    CheckDevice,
    CheckRequested,
    DeviceCertified,
    DeviceNotCertified,
    DeviceTroubled,
    RecordCheck,
    RecordTrouble,
)
from fleet.eventstore.testing import given
from tests.devices.steps.story import ADDED

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


@pytest.mark.parametrize("trouble", [*TROUBLES, "bad_answer"])
def test_trouble_is_recorded_once_in_words_and_leaves_the_answer_before(trouble: str) -> None:
    words = TROUBLES.get(trouble, "bad answer")
    troubled = DeviceTroubled(trouble, words)
    state = given(ADDED, DeviceCertified()).when(RecordTrouble(trouble)).then(troubled)
    assert (state.trouble, state.certified) == (trouble, True)
    given(ADDED, troubled).when(RecordTrouble(trouble)).then_nothing()
    given(ADDED, troubled).when(RecordTrouble("other")).then(DeviceTroubled("other", "other"))
