from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from fleet.errors import Conflict, Refused
from fleet.eventstore.testing import NOW, STREAM, given
from resets.applying.state import Taken
from resets.phone.tokens import Kind
from resets.queries import steps
from resets.state import Phase, ResetState
from resets.steps.cancel_reset import ResetCancelled
from resets.steps.expire_reset import ResetExpired
from resets.steps.send_by_phone import SendByPhone
from resets.steps.take_challenge import ChallengeTaken
from resets.steps.verify_code import CodeTurnedAway, CodeVerified, VerifyCode
from tests.resets.steps.story import (
    ALICE_HERSELF,
    ASKED,
    DEVICE,
    KEY,
    PHONE,
    PHONE_KEY,
    SENT,
    SPENT,
    TESS_HERSELF,
    VERIFIED,
    code,
    issued,
    shown,
)

CHALLENGE = Taken(1, "eHh4eHh4eHg", "eHh4", "S1", NOW)
CHALLENGED = ChallengeTaken(1, CHALLENGE.challenge, CHALLENGE.value, CHALLENGE.serial, NOW)
SHOWN = given(*ASKED, shown(1)).knowing(PHONE, PHONE_KEY)


def after(seconds: float):
    return NOW + timedelta(seconds=seconds)


def qr(
    number: int = 1,
    reset: UUID = STREAM,
    device: UUID = DEVICE,
    kind: Kind = Kind.QR,
    taken: Taken | None = None,
) -> str:
    return PHONE_KEY.token(kind, ResetState(reset, subject=device, taken=taken), number)


def test_whoever_scans_it_has_the_code_sent_for_the_person_who_showed_it() -> None:
    state = SHOWN.when(SendByPhone(qr())).then(issued(1, by_phone=True))
    assert (state.phase, state.owner, state.qr_used) == (Phase.CODE_SENT, TESS_HERSELF.id, True)


def test_only_that_person_types_the_code() -> None:
    sent = given(*SHOWN.events, issued(1, by_phone=True)).knowing(KEY)
    sent.knowing(TESS_HERSELF).when(VerifyCode(code())).then(CodeVerified())
    sent.knowing(ALICE_HERSELF).when(VerifyCode(code())).then(CodeTurnedAway())


def test_it_is_good_for_one_code() -> None:
    used = given(*SHOWN.events, issued(1, by_phone=True)).knowing(PHONE, PHONE_KEY)
    assert isinstance(used.at(after(120)).when(SendByPhone(qr())).refused("qr_used"), Refused)


def test_a_code_sent_from_the_console_leaves_the_qr_as_it_was() -> None:
    sent = given(*SHOWN.events, issued(1, 5)).knowing(PHONE, PHONE_KEY)
    sent.at(after(65)).when(SendByPhone(qr())).then(issued(2, 65, by_phone=True))


def test_a_newer_one_replaces_it() -> None:
    newer = given(*SHOWN.events, shown(2, 5)).knowing(PHONE, PHONE_KEY)
    newer.when(SendByPhone(qr(1))).refused("qr_replaced")
    newer.when(SendByPhone(qr(2))).then(issued(1, by_phone=True))
    SHOWN.when(SendByPhone(qr(2))).refused("qr_replaced")


@pytest.mark.parametrize(("seconds", "refused"), [(599.9, False), (600, True), (900, True)])
def test_it_expires(seconds: float, refused: bool) -> None:
    late = SHOWN.at(after(seconds)).when(SendByPhone(qr()))
    if refused:
        late.refused("qr_expired")
    else:
        late.then(issued(1, seconds, by_phone=True))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "no token",
        qr()[:-1],
        qr() + "A",
        qr(reset=UUID(int=77)),
        qr(device=UUID(int=77)),
        qr(kind=Kind.NOT_ME),
        qr(taken=CHALLENGE),
    ],
)
def test_what_is_not_authentic_is_refused_in_the_same_words(token: str) -> None:
    error = SHOWN.when(SendByPhone(token)).refused("qr_wrong")
    assert (
        error.message == "This is not a QR that Rekey has shown. Scan the one on the screen again."
    )
    assert (error.field, error.facts) == (None, {})


@pytest.mark.parametrize("end", [ResetExpired(), ResetCancelled()])
def test_the_qr_of_a_reset_that_has_ended_opens_nothing(end) -> None:
    ended = given(*SHOWN.events, end).knowing(PHONE, PHONE_KEY)
    assert isinstance(ended.when(SendByPhone(qr())).refused("qr_of_ended_reset"), Conflict)


def test_it_opens_nothing_in_a_reset_that_goes_on_without_it() -> None:
    verified = given(*SENT, shown(1), VERIFIED).knowing(PHONE, PHONE_KEY)
    assert isinstance(verified.when(SendByPhone(qr())).refused("no_code_needed"), Conflict)


def test_it_waits_as_long_as_whoever_sends_from_the_console() -> None:
    sent = given(*SENT, shown(1)).knowing(PHONE, PHONE_KEY).at(after(10))
    assert sent.when(SendByPhone(qr())).refused("too_soon").facts == {"retry_after": 51}


def test_the_limits_hold_for_it_and_it_is_not_used_up_by_a_refusal() -> None:
    error = SHOWN.knowing(SPENT).when(SendByPhone(qr())).refused("limit_reached")
    assert isinstance(error, Refused)


def test_for_another_challenge_of_the_device_another_qr_is_shown() -> None:
    challenged = given(*ASKED, shown(1), CHALLENGED).knowing(PHONE, PHONE_KEY)
    challenged.when(SendByPhone(qr())).refused("qr_wrong")
    assert challenged.state().taken == CHALLENGE
    challenged.when(SendByPhone(qr(taken=CHALLENGE))).then(issued(1, by_phone=True))


def test_no_page_of_the_console_offers_it() -> None:
    assert not SendByPhone.offered(SHOWN.state(), NOW)
    assert {"show-qr"} == {"show-qr", "send-by-phone", "disown-reset"} & steps().keys()


def test_a_token_shows_nowhere() -> None:
    assert qr() not in repr(SendByPhone(qr()))
