from __future__ import annotations

import pytest

from devices.steps.check_device import DeviceCertified, DeviceNotCertified
from devices.steps.try_history import (
    HistoryRequested,
    HistoryTried,
    RecordHistoryTried,
    TryHistory,
)
from fleet.eventstore.testing import NOW, given
from tests.devices.steps.story import ADDED, REMOVED

LOST = (ADDED, DeviceCertified(), DeviceNotCertified())


@pytest.mark.parametrize("events", [LOST, (ADDED,)])
def test_the_earlier_passwords_are_tried_where_the_stored_one_is_not_known_to_open(
    events: tuple,
) -> None:
    before = given(*events).state()
    assert given(*events).when(TryHistory()).then(HistoryRequested()) == before


def test_it_is_offered_where_the_stored_password_does_not_open() -> None:
    assert TryHistory.offered(given(*LOST).state(), NOW)
    for events in ((ADDED,), (ADDED, DeviceCertified()), (*LOST, REMOVED)):
        assert not TryHistory.offered(given(*events).state(), NOW)


def test_no_try_is_spent_on_a_device_that_opens() -> None:
    given(ADDED, DeviceCertified()).when(TryHistory()).refused("certified_already")


def test_a_removed_device_is_not_tried() -> None:
    given(*LOST, REMOVED).when(TryHistory()).refused("device_removed")


def test_that_none_was_found_is_recorded() -> None:
    tried = HistoryTried(4)
    assert given(*LOST).when(RecordHistoryTried(4)).then(tried) == given(*LOST).state()


@pytest.mark.parametrize(
    ("tried", "said"),
    [
        (0, "There are no earlier passwords to try."),
        (1, "The one earlier password does not open the device."),
        (4, "None of the 4 earlier passwords opens the device."),
    ],
)
def test_what_was_tried_is_told_as_many_as_it_was(tried: int, said: str) -> None:
    assert HistoryTried(tried).told("Alice") == said
