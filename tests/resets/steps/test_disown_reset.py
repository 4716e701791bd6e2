from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from fleet.errors import Refused
from fleet.eventstore.testing import NOW, STREAM, given
from resets.phone.tokens import Kind
from resets.state import Phase, ResetState
from resets.steps.disown_reset import DisownReset, ResetDisowned
from tests.resets.steps.story import (
    DEVICE,
    ENDED,
    PHONE_KEY,
    PROVED_MAILBOX,
    SENT,
    WITH_THE_DEVICE,
    issued,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def not_me(send: int = 1, reset: UUID = STREAM, device: UUID = DEVICE) -> str:
    return PHONE_KEY.token(Kind.NOT_ME, ResetState(reset, subject=device), send)


@pytest.mark.parametrize("events", [SENT, PROVED_MAILBOX])
def test_a_reset_that_waits_for_people_is_stopped(events: tuple) -> None:
    before = given(*events).knowing(PHONE_KEY)
    state = before.when(DisownReset(not_me())).then(ResetDisowned(1, stopped=True))
    assert (state.phase, state.outcome, state.tries_left) == (Phase.CANCELLED, "disowned", 0)
    assert state.disowned
    assert not state.phase.open


@pytest.mark.parametrize("events", [*WITH_THE_DEVICE, *ENDED])
def test_what_cannot_be_stopped_any_more_is_a_fact_all_the_same(events: tuple) -> None:
    before = given(*events).knowing(PHONE_KEY)
    state = before.when(DisownReset(not_me())).then(ResetDisowned(1, stopped=False))
    assert state == before.state().but(disowned=True)


def test_every_mail_of_the_reset_will_do_also_an_older_one() -> None:
    two = given(*SENT, issued(2, 60)).knowing(PHONE_KEY)
    two.when(DisownReset(not_me(1))).then(ResetDisowned(1, stopped=True))
    two.when(DisownReset(not_me(2))).then(ResetDisowned(2, stopped=True))


@pytest.mark.parametrize("events", [(*SENT, ResetDisowned(1, True))])
def test_saying_it_twice_changes_nothing(events: tuple) -> None:
    given(*events).knowing(PHONE_KEY).when(DisownReset(not_me())).then_nothing()


def test_it_may_be_said_for_a_week_after_the_time_of_the_reset() -> None:
    late = given(*ENDED[0]).knowing(PHONE_KEY)
    within = late.at(NOW + HOUR + 7 * DAY - timedelta(seconds=1))
    within.when(DisownReset(not_me())).then(ResetDisowned(1, stopped=False))
    error = late.at(NOW + HOUR + 7 * DAY).when(DisownReset(not_me())).refused("not_me_expired")
    assert isinstance(error, Refused)


@pytest.mark.parametrize(
    "token",
    [
        "",
        not_me()[:-1],
        not_me(reset=UUID(int=77)),
        not_me(device=UUID(int=77)),
        PHONE_KEY.token(Kind.QR, ResetState(STREAM, subject=DEVICE), 1),
    ],
)
def test_what_is_not_authentic_is_refused_in_the_same_words(token: str) -> None:
    error = given(*SENT).knowing(PHONE_KEY).when(DisownReset(token)).refused("not_me_wrong")
    assert (error.field, error.facts) == (None, {})


def test_the_story_says_whether_it_was_in_time() -> None:
    assert ResetDisowned(1, True).told("Ann") == (
        "Ann said: this was not me. The reset was stopped."
    )
    assert "too late" in ResetDisowned(1, False).told("Ann")


def test_no_page_of_the_console_offers_it_and_its_token_shows_nowhere() -> None:
    assert not DisownReset.offered(given(*SENT).state(), NOW)
    assert not_me() not in repr(DisownReset(not_me()))
