"""What becomes of the new password: applied, waited for, proven, unproven, failed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fleet.eventstore.testing import NOW, given
from resets.state import Door, Phase
from resets.steps.apply_password import (
    DeviceWaitedFor,
    PasswordApplied,
    RecordApplied,
    RecordWait,
)
from resets.steps.fail_reset import FailReset, ResetFailed
from resets.steps.prove_password import (
    WORDS,
    RecordProof,
    ResetProven,
    ResetUnproven,
    at_fault,
    told,
)
from resets.words import UNPROVEN_ADVICE, advice
from tests.resets.steps.story import APPLYING, DOORS, ENDED, PROVING, WITH_PEOPLE, WITH_THE_DEVICE

UNTIL = NOW + timedelta(minutes=15)
WAIT = RecordWait("unreachable", UNTIL)
FAIL = FailReset("not_authorised", "The device refused the login.")
OTHERS = [*WITH_PEOPLE, *ENDED]


def test_the_device_says_that_it_has_the_new_password() -> None:
    state = given(*APPLYING).when(RecordApplied()).then(PasswordApplied())
    assert state.phase is Phase.PROVING


@pytest.mark.parametrize("events", [PROVING, *OTHERS])
def test_it_says_so_once(events: tuple) -> None:
    given(*events).when(RecordApplied()).then_nothing()


@pytest.mark.parametrize("events", WITH_THE_DEVICE)
def test_a_device_that_does_not_answer_is_waited_for_and_said_to_be_once(events: tuple) -> None:
    waited = DeviceWaitedFor("unreachable", UNTIL)
    state = given(*events).when(WAIT).then(waited)
    assert (state.waiting_for, state.phase) == ("unreachable", given(*events).state().phase)
    given(*events, waited).when(WAIT).then_nothing()
    locked = RecordWait("locked_out", UNTIL)
    given(*events, waited).when(locked).then(DeviceWaitedFor("locked_out", UNTIL))


@pytest.mark.parametrize("events", OTHERS)
def test_nothing_else_is_waited_for(events: tuple) -> None:
    given(*events).when(WAIT).then_nothing()


def test_the_wait_is_over_when_the_device_has_it() -> None:
    waited = (*APPLYING, DeviceWaitedFor("unreachable", UNTIL))
    assert given(*waited).when(RecordApplied()).then(PasswordApplied()).waiting_for == ""


def test_a_proof_ends_the_reset_as_done() -> None:
    state = given(*PROVING).when(RecordProof(DOORS, "proven")).then(ResetProven(DOORS))
    assert (state.phase, state.outcome, state.doors) == (Phase.DONE, "proven", DOORS)
    assert not state.phase.open


@pytest.mark.parametrize("outcome", [*WORDS, "something else"])
def test_without_a_proof_it_ends_as_unproven_and_never_as_done(outcome: str) -> None:
    words = told(DOORS, outcome)
    state = (
        given(*PROVING).when(RecordProof(DOORS, outcome)).then(ResetUnproven(DOORS, outcome, words))
    )
    assert (state.phase, state.outcome) == (Phase.UNPROVEN, outcome)
    assert not state.phase.open


@pytest.mark.parametrize("outcome", ["proven", "new_refused"])
@pytest.mark.parametrize("events", [APPLYING, *OTHERS])
def test_nothing_is_proven_but_what_was_applied(events: tuple, outcome: str) -> None:
    given(*events).when(RecordProof(DOORS, outcome)).then_nothing()


@pytest.mark.parametrize("events", WITH_THE_DEVICE)
def test_a_device_that_refuses_for_good_fails_the_reset_honestly(events: tuple) -> None:
    waited = (*events, DeviceWaitedFor("unreachable", UNTIL))
    state = given(*waited).when(FAIL).then(ResetFailed(FAIL.outcome, FAIL.words))
    assert (state.phase, state.outcome, state.waiting_for) == (
        Phase.FAILED,
        "not_authorised",
        "",
    )


@pytest.mark.parametrize("events", OTHERS)
def test_nothing_fails_that_no_device_has_heard_of(events: tuple) -> None:
    given(*events).when(FAIL).then_nothing()


TRIED = (
    Door("onvif", "wrong", opened=False),
    Door("onvif", "old", opened=False),
    Door("onvif", "new", opened=True),
    Door("rtsp", "wrong", opened=False),
    Door("rtsp", "old", opened=True),
    Door("rtsp", "new", opened=False),
    Door("vigi_local", "wrong", None, "unreachable"),
)


@pytest.mark.parametrize(
    ("outcome", "doors"),
    [
        ("door_lags", "RTSP"),
        ("old_still_opens", "RTSP"),
        ("unreachable", "the web page"),
        ("busy", "the web page"),
    ],
)
def test_what_is_unproven_names_the_door_and_what_to_do(outcome: str, doors: str) -> None:
    assert at_fault(TRIED, outcome) == doors
    assert doors in told(TRIED, outcome)
    unproven = given(*PROVING).state().but(outcome=outcome, doors=TRIED)
    assert doors.lower() in advice(unproven).lower()
    assert "{" not in advice(unproven) + told(TRIED, outcome)


def test_doors_are_counted_up() -> None:
    locked = tuple(Door(name, "new", None, "locked_out") for name in ("onvif", "rtsp", "vigi_nvr"))
    assert at_fault(locked, "locked_out") == "ONVIF, RTSP and the OpenAPI"
    assert at_fault((), "new_refused") == "the device"


@pytest.mark.parametrize("outcome", WORDS)
def test_for_each_way_of_not_being_proven_there_is_advice(outcome: str) -> None:
    assert outcome in UNPROVEN_ADVICE or outcome == "unreachable"
