from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fleet.errors import Conflict, Refused
from fleet.eventstore.testing import NOW, given
from resets.codes import CodeKey
from resets.state import Phase
from resets.steps.verify_code import CodeRejected, CodeTurnedAway, CodeVerified, VerifyCode
from tests.resets.steps.story import (
    ALICE_HERSELF,
    ASKED,
    ENDED,
    KEY,
    PROVED_MAILBOX,
    SENT,
    SPENT,
    TESS_HERSELF,
    WITH_THE_DEVICE,
    code,
    issued,
    wrong,
)

KNOWN = given(*SENT).knowing(KEY, TESS_HERSELF)
BURNED = tuple(CodeRejected(n) for n in (4, 3, 2, 1, 0))


def test_the_right_code_opens_the_way() -> None:
    state = KNOWN.when(VerifyCode(code())).then(CodeVerified())
    assert (state.phase, state.tries_left) == (Phase.VERIFIED, 0)
    assert not state.code_is_live


@pytest.mark.parametrize(
    "pasted",
    [
        lambda c: f"{c[:4]} {c[4:]}",
        lambda c: f"{c[:4]}-{c[4:]}",
        lambda c: f"{c[:4]}–{c[4:]}",
        lambda c: f"  {c}\r\n",
        lambda c: "\u00a0".join(c),
        lambda c: "".join(chr(ord(d) + 0xFEE0) for d in c),
        lambda c: "".join(chr(ord(d) - ord("0") + 0x0660) for d in c),
    ],
)
def test_a_code_is_taken_as_people_paste_it(pasted) -> None:
    KNOWN.when(VerifyCode(pasted(code()))).then(CodeVerified())


def test_a_wrong_code_costs_a_try() -> None:
    state = KNOWN.when(VerifyCode(wrong())).then(CodeRejected(tries_left=4))
    assert (state.phase, state.tries_left) == (Phase.CODE_SENT, 4)


@pytest.mark.parametrize("left", [4, 3, 2, 1])
def test_a_wrong_code_is_answered_with_the_tries_left(left: int) -> None:
    refusal = CodeRejected(left).refusal()
    assert isinstance(refusal, Refused)
    assert (refusal.code, refusal.field, refusal.facts) == (
        "wrong_code",
        "code",
        {"tries_left": left},
    )
    assert ("1 try left" in refusal.message) is (left == 1)
    assert "trys" not in refusal.message


def test_the_last_wrong_code_burns_it() -> None:
    given(*SENT, *BURNED[:4]).knowing(KEY, TESS_HERSELF).when(VerifyCode(wrong())).then(
        CodeRejected(0)
    )
    assert CodeRejected(0).refusal().code == "code_burned"


def test_a_burned_code_is_not_taken_even_when_it_is_right() -> None:
    burned = given(*SENT, *BURNED).knowing(KEY, TESS_HERSELF)
    error = burned.when(VerifyCode(code())).refused("code_burned")
    assert error.facts == {"tries_left": 0}
    assert "Send a new one" in error.message
    assert not VerifyCode.offered(burned.state(), NOW)


def test_after_a_burned_code_a_new_one_has_new_tries() -> None:
    again = (
        given(*SENT, *BURNED, issued(2, 60))
        .knowing(KEY, TESS_HERSELF)
        .at(NOW + timedelta(minutes=2))
    )
    again.when(VerifyCode(code(2))).then(CodeVerified())


def test_a_new_code_replaces_the_one_before() -> None:
    again = given(*SENT, issued(2, 60)).knowing(KEY, TESS_HERSELF).at(NOW + timedelta(minutes=2))
    again.when(VerifyCode(code(1))).then(CodeRejected(4))
    again.when(VerifyCode(code(2))).then(CodeVerified())


@pytest.mark.parametrize(("seconds", "taken"), [(599.9, True), (600, False), (3599, False)])
def test_a_code_is_taken_for_ten_minutes(seconds: float, taken: bool) -> None:
    when = KNOWN.at(NOW + timedelta(seconds=seconds)).when(VerifyCode(code()))
    if taken:
        when.then(CodeVerified())
    else:
        assert when.refused("code_expired").field == "code"


@pytest.mark.parametrize(
    "typed", ["", " ", "1234567", "123456789", "1234567a", "½2345678", "²2345678", "-", "12.45678"]
)
def test_what_no_code_looks_like_costs_no_try(typed: str) -> None:
    error = KNOWN.when(VerifyCode(typed)).refused("code_malformed")
    assert "8 digits" in error.message


def test_a_code_of_another_key_or_another_reset_is_wrong() -> None:
    other = CodeKey(b"another, for 32 bytes of it.....")
    KNOWN.knowing(other).when(VerifyCode(code())).then(CodeRejected(4))


def test_before_a_code_was_sent_none_is_taken() -> None:
    error = (
        given(*ASKED).knowing(KEY, TESS_HERSELF).when(VerifyCode(code())).refused("no_code_sent")
    )
    assert isinstance(error, Conflict)


@pytest.mark.parametrize("events", [PROVED_MAILBOX, *WITH_THE_DEVICE, *ENDED])
def test_a_code_is_taken_once(events: tuple) -> None:
    after = given(*events).knowing(KEY, TESS_HERSELF)
    assert isinstance(after.when(VerifyCode(code())).refused("no_code_needed"), Conflict)
    assert not VerifyCode.offered(after.state(), NOW)


def test_neither_code_nor_key_shows() -> None:
    shown = repr(VerifyCode(code(), key=KEY)) + repr(KEY)
    assert code() not in shown
    assert "32 bytes" not in shown


def test_a_code_is_typed_by_whom_it_was_sent_for_and_by_nobody_else() -> None:
    others = given(*SENT).knowing(KEY, ALICE_HERSELF)
    state = others.when(VerifyCode(code())).then(CodeTurnedAway())
    assert (state.phase, state.tries_left) == (Phase.CODE_SENT, 5)
    assert CodeTurnedAway().refusal().code == "not_your_code"


def test_a_code_from_before_codes_had_owners_is_anybodys() -> None:
    old = replace(issued(), owner="")
    given(*ASKED, old).knowing(KEY, ALICE_HERSELF).when(VerifyCode(code())).then(CodeVerified())


def test_when_the_limit_of_guesses_is_reached_a_right_code_is_not_looked_at() -> None:
    KNOWN.knowing(SPENT).when(VerifyCode(code())).refused("limit_reached")
