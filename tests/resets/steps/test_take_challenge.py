"""The device's challenge: taken by Rekey, or brought by somebody who stands at the device."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from devices.drivers.recovery_crypto import b64, code_for
from fleet.errors import Conflict
from fleet.eventstore.testing import NOW, STREAM, Given, given
from resets.applying.papers import MOST_ORDERS, ChallengePaper
from resets.applying.state import Taken
from resets.codes import ChallengeKey
from resets.state import Delivery, Phase, RecoveryMethod
from resets.steps.apply_password import DeviceWaitedFor, RecordWait
from resets.steps.fail_reset import FailReset, ResetFailed
from resets.steps.give_order import OrderMade
from resets.steps.send_code import SendCode
from resets.steps.take_challenge import (
    LIVES,
    BringChallenge,
    ChallengeBrought,
    ChallengeTaken,
    KnownSerial,
    RecordChallenge,
)
from resets.steps.verify_code import CodeRejected, CodeVerified, VerifyCode
from tests.resets.steps.story import (
    CHOSEN,
    ENDED,
    PROVING,
    REQUESTED,
    SPENT,
    TESS,
    TESS_HERSELF,
    VERIFIED,
    issued,
)

K, SERIAL = bytes(range(32)), "2200000000042"
NAME, VALUE = b64(b"challeng"), bytes(range(64, 96))
UNTIL = NOW + timedelta(seconds=400)
FACTS = (NAME, b64(VALUE), SERIAL)
BEGUN = replace(REQUESTED, method=RecoveryMethod.DEVICE_RECOVERY)
KNOWN = given(BEGUN).knowing(TESS, TESS_HERSELF, KnownSerial(SERIAL))
SENT = (BEGUN, issued())
TAKEN = ChallengeTaken(1, *FACTS, UNTIL)
BROUGHT = ChallengeBrought(1, *FACTS, NOW + LIVES)
OFFLINE = (BEGUN, issued(), BROUGHT, VERIFIED, CHOSEN)
ORDER = OrderMade(1, b64(b"n" * 12), *FACTS, NOW + LIVES, NOW + timedelta(hours=24))
BRING = BringChallenge(*FACTS)


def knowing(*events: Any) -> Given:
    return given(*events).knowing(TESS, TESS_HERSELF, KnownSerial(SERIAL))


# --- taken by Rekey -------------------------------------------------------------------------------


def test_the_code_lives_no_longer_than_the_devices_challenge() -> None:
    state = given(*SENT).when(RecordChallenge(1, *FACTS, UNTIL)).then(TAKEN)
    assert state.code_expires_at == UNTIL
    assert state.taken == Taken(1, *FACTS, UNTIL)
    assert not state.awaits_challenge


def test_nor_longer_than_the_rules_say() -> None:
    late = NOW + timedelta(hours=1)
    state = (
        given(*SENT).when(RecordChallenge(1, *FACTS, late)).then(ChallengeTaken(1, *FACTS, late))
    )
    assert state.code_expires_at == issued().expires_at


@pytest.mark.parametrize(
    "events",
    [(BEGUN,), (*SENT, TAKEN), (*SENT, issued(2, 61)), (*SENT, TAKEN, VERIFIED), *ENDED],
)
def test_one_code_has_one_challenge(events: tuple) -> None:
    given(*events).when(RecordChallenge(1, *FACTS, UNTIL)).then_nothing()


def test_once_the_mailbox_is_proven_another_one_may_be_taken() -> None:
    applying = (*SENT, TAKEN, VERIFIED, CHOSEN)
    again = ChallengeTaken(0, b64(b"anotherr"), b64(VALUE), SERIAL, UNTIL)
    ask = RecordChallenge(0, b64(b"anotherr"), b64(VALUE), SERIAL, UNTIL)
    assert given(*applying).when(ask).then(again).phase is Phase.APPLYING
    assert "Rekey answers it" in again.told("Rekey")
    given(*OFFLINE).when(ask).then_nothing()


def test_a_device_that_does_not_answer_is_said_to_keep_the_code_back() -> None:
    wait = RecordWait("unreachable", UNTIL)
    state = given(*SENT).when(wait).then(DeviceWaitedFor("unreachable", UNTIL))
    assert (state.phase, state.delivery) == (Phase.CODE_SENT, Delivery.QUEUED)
    assert state.waiting_for == "unreachable"
    assert TAKEN.evolve(state).waiting_for == ""
    given(*SENT, TAKEN).when(wait).then_nothing()


def test_one_that_refuses_for_good_fails_the_reset_before_any_mail() -> None:
    fail = FailReset("closed", "Too many.")
    assert given(*SENT).when(fail).then(ResetFailed("closed", "Too many.")).phase is Phase.FAILED
    given(*SENT, TAKEN).when(fail).then_nothing()


# --- the code -------------------------------------------------------------------------------------


def test_the_right_code_is_the_devices_own() -> None:
    right = code_for(K, VALUE, SERIAL)
    typed = replace(VerifyCode(right), key=ChallengeKey(K, VALUE, SERIAL))
    knowing(*SENT, TAKEN).when(typed).then(CodeVerified())
    wrong = replace(VerifyCode(f"{(int(right) + 1) % 10**8:08}"), key=typed.key)
    knowing(*SENT, TAKEN).when(wrong).then(CodeRejected(4))


def test_it_has_eight_digits_whatever_the_site_says() -> None:
    short = replace(BEGUN, rules=replace(BEGUN.rules, digits=6))
    typed = replace(VerifyCode("123456"), key=ChallengeKey(K, VALUE, SERIAL))
    error = knowing(short, issued(), TAKEN).when(typed).refused("code_malformed")
    assert "8 digits" in error.message


def test_without_a_challenge_there_is_no_code_and_no_try_is_lost() -> None:
    assert not ChallengeKey(K).matches("00000000", STREAM, 1, 8)
    typed = replace(VerifyCode("12345678"), key=ChallengeKey(b""))
    knowing(*SENT).when(typed).refused("code_not_made")


def test_a_key_shows_nowhere() -> None:
    assert str(K) not in repr(ChallengeKey(K, VALUE, SERIAL))


# --- brought --------------------------------------------------------------------------------------


def test_a_challenge_that_is_brought_takes_the_place_of_one_that_is_taken() -> None:
    state = KNOWN.when(BRING).then(issued(), BROUGHT)
    assert (state.is_offline, state.awaits_challenge) == (True, False)
    assert state.code_expires_at == NOW + LIVES
    assert "2200000000042" in BROUGHT.told("Tess")


def test_all_of_the_file_will_do_as_well() -> None:
    file = ChallengePaper("challenge/1", *FACTS, UNTIL).text()
    state = KNOWN.when(BringChallenge(file)).then(issued(), ChallengeBrought(1, *FACTS, UNTIL))
    assert state.code_expires_at == UNTIL


def test_no_clock_gives_it_more_than_its_ten_minutes() -> None:
    ahead = ChallengePaper("challenge/1", *FACTS, NOW + timedelta(days=2)).text()
    KNOWN.when(BringChallenge(ahead)).then(issued(), BROUGHT)


def test_where_no_mail_went_out_nobody_waits_for_one() -> None:
    """Ten seconds after Send Code, and the device was not reached."""
    now = NOW + timedelta(seconds=10)
    soon = replace(issued(2, 10), at=now)
    brought = ChallengeBrought(2, *FACTS, now + LIVES)
    knowing(*SENT).at(now).when(BRING).then(soon, brought)
    mailed = knowing(*SENT, ChallengeTaken(1, b64(b"anotherr"), b64(VALUE), SERIAL, UNTIL))
    mailed.at(now).when(BRING).refused("too_soon")


def test_while_the_device_is_out_of_reach_another_order_can_be_had() -> None:
    waited = (*SENT, TAKEN, VERIFIED, CHOSEN, DeviceWaitedFor("unreachable", UNTIL))
    other = BringChallenge(b64(b"anotherr"), b64(VALUE), SERIAL)
    brought = ChallengeBrought(0, b64(b"anotherr"), b64(VALUE), SERIAL, NOW + LIVES)
    assert BringChallenge.offered(given(*waited).state(), NOW)
    assert knowing(*waited).when(other).then(brought).is_offline
    knowing(*OFFLINE, ORDER).when(other).then(brought)
    assert not BringChallenge.offered(given(*SENT, TAKEN, VERIFIED, CHOSEN).state(), NOW)


def test_limits_count_it_as_a_code() -> None:
    KNOWN.knowing(SPENT).when(BRING).refused("limit_reached")


@pytest.mark.parametrize(
    ("given_", "code", "field"),
    [
        (("nonsense", "x", SERIAL), "challenge_malformed", "challenge"),
        ((NAME, b64(VALUE)[:-1], SERIAL), "challenge_malformed", "challenge"),
        ((NAME, b64(VALUE)[:-1] + "_", SERIAL), "challenge_malformed", "challenge"),
        ((NAME, b64(VALUE), "with a space"), "challenge_malformed", "challenge"),
        (('{"rekey": "challenge/1"}', "", ""), "challenge_malformed", "challenge"),
        (('{"rekey": "order/1"}', "", ""), "challenge_malformed", "challenge"),
        (("{" * 900, "", ""), "challenge_malformed", "challenge"),
        ((NAME, b64(VALUE), "2200000000043"), "challenge_elsewhere", "serial"),
    ],
)
def test_what_is_no_challenge_of_this_device_is_refused(
    given_: tuple, code: str, field: str
) -> None:
    assert KNOWN.when(BringChallenge(*given_)).refused(code).field == field


def test_one_that_the_device_has_forgotten_is_refused() -> None:
    old = ChallengePaper("challenge/1", *FACTS, NOW - timedelta(seconds=1)).text()
    assert KNOWN.when(BringChallenge(old)).refused("challenge_expired").field == "challenge"


def test_one_is_brought_once() -> None:
    later = NOW + timedelta(seconds=61)
    knowing(*SENT, BROUGHT).at(later).when(BRING).refused("challenge_known")


def test_of_a_device_whose_serial_number_nobody_knows_any_is_taken() -> None:
    KNOWN.knowing(KnownSerial("")).when(BRING).then(issued(), BROUGHT)


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ((REQUESTED,), "no_challenge_needed"),
        ((*SENT, TAKEN, VERIFIED), "no_challenge_wanted"),
        ((*SENT, ResetFailed("closed", "so")), "no_challenge_wanted"),
        (PROVING, "no_challenge_needed"),
    ],
)
def test_when_none_is_wanted_none_is_taken(events: tuple, code: str) -> None:
    assert isinstance(knowing(*events).when(BRING).refused(code), Conflict)
    assert not BringChallenge.offered(given(*events).state(), NOW)


def test_there_is_an_end_to_orders() -> None:
    last = replace(ORDER, number=MOST_ORDERS)
    other = BringChallenge(b64(b"anotherr"), b64(VALUE), SERIAL)
    knowing(*OFFLINE, last).when(other).refused("no_orders_left")


def test_it_is_offered_beside_send_code() -> None:
    for events in ((BEGUN,), SENT):
        state = given(*events).state()
        assert BringChallenge.offered(state, NOW) and SendCode.offered(state, NOW)
    nowhere = given(replace(BEGUN, reset_email="")).state()
    assert not BringChallenge.offered(nowhere, NOW)
