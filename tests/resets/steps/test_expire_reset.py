from __future__ import annotations

from datetime import timedelta

import pytest

from fleet.errors import Refused
from fleet.eventstore.messages import Command
from fleet.eventstore.testing import NOW, given
from resets.state import Phase
from resets.steps.choose_password import ChoosePassword, Kept
from resets.steps.expire_reset import ExpireReset, ResetExpired
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode
from tests.resets.steps.story import (
    ENDED,
    KEY,
    SECRET,
    TESS,
    WITH_PEOPLE,
    WITH_THE_DEVICE,
    code,
)

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=30)])
@pytest.mark.parametrize("events", WITH_PEOPLE)
def test_what_nobody_went_on_with_ends_by_itself(events: tuple, late: timedelta) -> None:
    state = given(*events).at(NOW + HOUR + late).when(ExpireReset()).then(ResetExpired())
    assert (state.phase, state.outcome, state.tries_left) == (Phase.EXPIRED, "expired", 0)


@pytest.mark.parametrize("events", WITH_PEOPLE)
def test_before_its_time_is_over_nothing_ends(events: tuple) -> None:
    given(*events).at(NOW + HOUR - timedelta(milliseconds=1)).when(ExpireReset()).then_nothing()


@pytest.mark.parametrize("events", [*WITH_THE_DEVICE, *ENDED])
def test_what_a_device_is_hearing_or_what_has_ended_does_not_expire(events: tuple) -> None:
    given(*events).at(NOW + 2 * HOUR).when(ExpireReset()).then_nothing()


@pytest.mark.parametrize("command", [SendCode(), VerifyCode(code()), ChoosePassword()])
@pytest.mark.parametrize("events", WITH_PEOPLE)
def test_nobody_goes_on_after_its_time_even_while_no_worker_ends_it(
    events: tuple, command: Command
) -> None:
    late = given(*events).at(NOW + HOUR).knowing(TESS, KEY, Kept(SECRET))
    assert isinstance(late.when(command).refused("reset_expired"), Refused)
