from __future__ import annotations

import pytest

from fleet.errors import Conflict
from fleet.eventstore.testing import NOW, given
from resets.state import Phase
from resets.steps.cancel_reset import CancelReset, ResetCancelled
from tests.resets.steps.story import ENDED, WITH_PEOPLE, WITH_THE_DEVICE


@pytest.mark.parametrize("events", WITH_PEOPLE)
def test_a_person_may_call_it_off_for_as_long_as_it_waits_for_one(events: tuple) -> None:
    before = given(*events)
    assert CancelReset.offered(before.state(), NOW)
    state = before.when(CancelReset()).then(ResetCancelled())
    assert (state.phase, state.outcome, state.tries_left) == (Phase.CANCELLED, "cancelled", 0)
    assert not state.phase.open


@pytest.mark.parametrize("events", WITH_THE_DEVICE)
def test_what_is_being_put_on_a_device_is_not_stopped_half_way(events: tuple) -> None:
    under_way = given(*events)
    assert isinstance(under_way.when(CancelReset()).refused("too_late_to_cancel"), Conflict)
    assert not CancelReset.offered(under_way.state(), NOW)


@pytest.mark.parametrize("events", ENDED)
def test_what_has_ended_is_not_cancelled(events: tuple) -> None:
    after = given(*events)
    assert isinstance(after.when(CancelReset()).refused("ended_already"), Conflict)
    assert not CancelReset.offered(after.state(), NOW)
