from __future__ import annotations

from datetime import timedelta

import pytest

from fleet.errors import Conflict, Refused
from fleet.eventstore.testing import NOW, given
from resets.state import Delivery, Phase
from resets.steps.deliver_code import CodeHandedOver
from resets.steps.send_code import SendCode
from resets.steps.verify_code import CodeRejected
from tests.resets.steps.story import (
    ASKED,
    ENDED,
    PROVED_MAILBOX,
    REQUESTED,
    SENT,
    TESS,
    TESS_HERSELF,
    WITH_THE_DEVICE,
    issued,
)


def after(seconds: float):
    return NOW + timedelta(seconds=seconds)


def test_a_code_is_asked_for_at_once() -> None:
    state = given(*ASKED).knowing(TESS, TESS_HERSELF).when(SendCode()).then(issued())
    assert (state.phase, state.sends, state.tries_left) == (Phase.CODE_SENT, 1, 5)
    assert state.delivery is Delivery.QUEUED
    assert state.code_is_live


def test_the_mailbox_stands_in_the_event_so_that_only_its_owner_knows_it() -> None:
    [event] = given(*ASKED).knowing(TESS, TESS_HERSELF).when(SendCode()).decided()
    assert REQUESTED.reset_email not in str(event)


def test_another_code_replaces_the_first_with_new_tries_and_an_unknown_delivery() -> None:
    before = given(*SENT, CodeRejected(1), CodeHandedOver(1, "250 ok")).knowing(TESS, TESS_HERSELF)
    state = before.at(after(60)).when(SendCode()).then(issued(2, 60))
    assert (state.sends, state.tries_left, state.delivery) == (2, 5, Delivery.QUEUED)
    assert state.answer == ""


@pytest.mark.parametrize(("seconds", "wait"), [(0, 61), (0.5, 60), (1, 60), (59, 2), (59.9, 1)])
def test_within_a_minute_no_other_code_is_sent(seconds: float, wait: int) -> None:
    error = (
        given(*SENT)
        .knowing(TESS, TESS_HERSELF)
        .at(after(seconds))
        .when(SendCode())
        .refused("too_soon")
    )
    assert error.facts == {"retry_after": wait}
    assert f"{wait} s" in error.message
    assert isinstance(error, Refused)


def test_three_codes_are_sent_and_no_more() -> None:
    three = (*ASKED, issued(1), issued(2, 60), issued(3, 120))
    given(*three[:3]).knowing(TESS, TESS_HERSELF).at(after(120)).when(SendCode()).then(
        issued(3, 120)
    )
    late = given(*three).knowing(TESS, TESS_HERSELF).at(after(3000))
    assert isinstance(late.when(SendCode()).refused("no_sends_left"), Refused)


@pytest.mark.parametrize("events", [PROVED_MAILBOX, *WITH_THE_DEVICE, *ENDED])
def test_no_code_is_sent_where_none_is_needed(events: tuple) -> None:
    late = given(*events).knowing(TESS, TESS_HERSELF).at(after(3000))
    assert isinstance(late.when(SendCode()).refused("no_code_needed"), Conflict)
    assert not SendCode.offered(late.state(), late.now)


def test_it_is_offered_for_as_long_as_one_may_be_sent() -> None:
    assert SendCode.offered(given(*ASKED).state(), NOW)
    assert SendCode.offered(given(*SENT).state(), NOW)
    assert not SendCode.offered(
        given(*ASKED, issued(1), issued(2, 60), issued(3, 120)).state(), after(3000)
    )
