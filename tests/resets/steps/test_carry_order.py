"""An order and its result: made once for each challenge, brought once and in order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from devices.drivers.recovery_crypto import Completion, b64
from fleet.errors import Conflict, RekeyError
from fleet.eventstore.testing import NOW, STREAM, Given, given
from resets.applying.papers import ResultPaper
from resets.state import AWAITS_CHALLENGE, AWAITS_RESULT, Phase
from resets.steps.bring_result import UNSIGNED, BringResult, Judge, ResultBrought
from resets.steps.fail_reset import ResetFailed
from resets.steps.give_order import (
    ANSWER_WITHIN,
    ExpireOrder,
    MakeOrder,
    OrderMade,
    StopWaiting,
)
from resets.steps.prove_password import SIGNED, RecordProof, ResetProven, ResetUnproven, told
from resets.steps.take_challenge import ChallengeBrought
from tests.resets.steps.story import CHOSEN, DOORS, ENDED, PROVING, VERIFIED
from tests.resets.steps.test_take_challenge import (
    BEGUN,
    BROUGHT,
    FACTS,
    OFFLINE,
    ORDER,
    SENT,
    TAKEN,
    VALUE,
    K,
)

NONCE = b"n" * 12
ASKED = Completion(K, FACTS[0], VALUE, FACTS[2], "admin", NONCE)
WAITING = (*OFFLINE, ORDER)
SECOND = ChallengeBrought(0, b64(b"anotherr"), FACTS[1], FACTS[2], ORDER.expires_at)
REPLACED = (*WAITING, SECOND, replace(ORDER, number=2, challenge=SECOND.challenge))


def result(outcome: str = "done", detail: str = "", **other: Any) -> ResultPaper:
    """As the device seals it."""
    paper = ResultPaper(
        rekey="result/1",
        reset=STREAM,
        number=1,
        at=NOW,
        outcome=outcome,
        detail=detail,
        mac=b64(ASKED.answer_mac(outcome, detail)),
    )
    return replace_(paper, **other)


def replace_(paper: ResultPaper, **other: Any) -> ResultPaper:
    return ResultPaper(**{name: getattr(paper, name) for name in paper.__struct_fields__} | other)


def bring(paper: ResultPaper) -> BringResult:
    return BringResult(paper.text())


def knowing(*events: Any) -> Given:
    return given(*events).knowing(Judge(ASKED))


# --- the order ------------------------------------------------------------------------------------


def test_the_order_answers_the_challenge_that_was_brought() -> None:
    state = given(*OFFLINE).when(MakeOrder(ORDER.nonce)).then(ORDER)
    assert (state.phase, state.waiting_for) == (Phase.APPLYING, AWAITS_RESULT)
    assert (state.orders, state.order.challenge, state.order.nonce) == (1, FACTS[0], ORDER.nonce)


@pytest.mark.parametrize(
    "events",
    [
        WAITING,
        (BEGUN,),
        (*SENT, BROUGHT),
        (*SENT, TAKEN, VERIFIED, CHOSEN),
        PROVING,
        *ENDED,
    ],
)
def test_there_is_one_for_each_and_none_for_others(events: tuple) -> None:
    given(*events).when(MakeOrder("other-nonce")).then_nothing()


def test_another_challenge_has_another_order() -> None:
    made = given(*WAITING, SECOND).when(MakeOrder(ORDER.nonce)).decided()
    assert [(e.number, e.challenge) for e in made] == [(2, SECOND.challenge)]


def test_when_nobody_brings_the_result_the_reset_fails_and_the_password_is_kept() -> None:
    late = NOW + ANSWER_WITHIN
    state = given(*WAITING).at(late).when(ExpireOrder())
    [failed] = state.decided()
    assert failed.outcome == "order_unanswered"
    assert "the vault keeps it" in failed.words
    given(*WAITING).at(late - timedelta(seconds=1)).when(ExpireOrder()).then_nothing()
    newer = replace(ORDER, number=2, answer_until=late + timedelta(hours=1))
    given(*WAITING, newer).at(late).when(ExpireOrder()).then_nothing()
    given(*WAITING, ResultBrought(1, "done", "", True)).at(late).when(ExpireOrder()).then_nothing()


def test_a_person_may_wait_no_longer() -> None:
    assert StopWaiting.offered(given(*WAITING).state(), NOW)
    [failed] = given(*WAITING).when(StopWaiting()).decided()
    assert failed.outcome == "order_given_up"
    for events in (OFFLINE, PROVING, *ENDED):
        assert isinstance(given(*events).when(StopWaiting()).refused("no_order"), Conflict)


# --- the result -----------------------------------------------------------------------------------


def test_what_the_device_has_sealed_counts() -> None:
    brought = ResultBrought(1, "done", "", sealed=True)
    state = knowing(*WAITING).when(bring(result())).then(brought)
    assert (state.phase, state.waiting_for, state.order.outcome) == (Phase.PROVING, "", "done")
    assert "the device itself has signed" in brought.told("Tess")


@pytest.mark.parametrize("outcome", ["challenge_void", "replayed", "locked", "something new"])
def test_after_some_answers_another_challenge_helps(outcome: str) -> None:
    brought = ResultBrought(1, outcome, "30", sealed=True)
    state = knowing(*WAITING).when(bring(result(outcome, "30"))).then(brought)
    assert (state.phase, state.waiting_for) == (Phase.APPLYING, AWAITS_CHALLENGE)


@pytest.mark.parametrize(
    "outcome", ["closed", "code_refused", "unknown_account", "password_refused"]
)
def test_after_others_nothing_helps(outcome: str) -> None:
    brought, failed = knowing(*WAITING).when(bring(result(outcome))).decided()
    assert brought == ResultBrought(1, outcome, "", sealed=True)
    assert isinstance(failed, ResetFailed) and failed.outcome == outcome


@pytest.mark.parametrize("outcome", ["", *UNSIGNED])
def test_what_cannot_be_sealed_is_kept_in_mind_and_proves_nothing(outcome: str) -> None:
    said = result(outcome, "anything", mac=None, why="" if outcome else "unreachable")
    brought = ResultBrought(1, outcome or "no_answer", "", sealed=False)
    state = knowing(*WAITING).when(bring(said)).then(brought)
    assert (state.phase, state.waiting_for) == (Phase.APPLYING, AWAITS_RESULT)
    again = knowing(*WAITING, brought).when(bring(said)).refused("result_brought_already")
    assert isinstance(again, Conflict)
    sealed = ResultBrought(1, "done", "", sealed=True)
    assert knowing(*WAITING, brought).when(bring(result())).then(sealed).phase is Phase.PROVING


@pytest.mark.parametrize(
    "altered",
    [
        result(mac=b64(bytes(32))),
        result(mac=None),
        result("done", "x", mac=result().mac),
        result(outcome="closed", mac=result().mac),
        result("", mac=result().mac),
        result("proof_refused", mac=result().mac),
        result("something new", mac=None),
    ],
)
def test_what_was_altered_is_refused(altered: ResultPaper) -> None:
    assert knowing(*WAITING).when(bring(altered)).refused("result_altered").field == "result"


def test_what_another_device_has_sealed_is_refused() -> None:
    other = replace(ASKED, recovery_key=bytes(32))
    foreign = result(mac=b64(other.answer_mac("done", "")))
    knowing(*WAITING).when(bring(foreign)).refused("result_altered")
    given(*WAITING).when(bring(result())).refused("result_altered")


@pytest.mark.parametrize(
    ("events", "paper", "code"),
    [
        (WAITING, result(reset=UUID(int=7)), "result_of_another_reset"),
        (WAITING, result(number=2), "no_order"),
        (OFFLINE, result(), "no_order"),
        (REPLACED, result(), "order_replaced"),
        ((*WAITING, ResultBrought(1, "done", "", True)), result(), "result_brought_already"),
        ((*WAITING, ResultBrought(1, "locked", "9", True)), result(), "result_brought_already"),
        ((*WAITING, ResetFailed("order_unanswered", "so")), result(), "result_too_late"),
    ],
)
def test_each_is_brought_once_and_in_order(events: tuple, paper: ResultPaper, code: str) -> None:
    error = knowing(*events).when(bring(paper)).refused(code)
    assert isinstance(error, RekeyError) and error.message[-1] == "."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "nonsense",
        '{"rekey": "order/1"}',
        "[" * 8000,
        result().text()[:-3],
        result().text().replace('"done"', "1"),
        result().text().replace("{", '{"more": 1,', 1),
        result().text() + " " * 8192,
    ],
)
def test_what_is_no_result_is_refused(text: str) -> None:
    assert knowing(*WAITING).when(BringResult(text)).refused("result_malformed").field == "result"


# --- doors that could not be tried ----------------------------------------------------------------


def test_what_the_device_has_signed_is_proven_when_its_doors_can_be_tried() -> None:
    signed = (*WAITING, ResultBrought(1, "done", "", sealed=True))
    unproven = ResetUnproven(DOORS, SIGNED, told(DOORS, SIGNED))
    state = given(*signed).when(RecordProof(DOORS, SIGNED)).then(unproven)
    assert (state.phase, state.outcome) == (Phase.UNPROVEN, SIGNED)
    assert "its doors were not tried" in unproven.told("Rekey")
    later = given(*signed, unproven)
    later.when(RecordProof(DOORS, SIGNED)).then_nothing()
    assert later.when(RecordProof(DOORS, "proven")).then(ResetProven(DOORS)).phase is Phase.DONE
    lags = ResetUnproven(DOORS, "door_lags", told(DOORS, "door_lags"))
    given(*signed, unproven, lags).when(RecordProof(DOORS, "proven")).then_nothing()


def test_the_key_that_judges_shows_nowhere() -> None:
    assert repr(Judge(ASKED)) == "Judge()"
    assert str(K) not in repr(ASKED)


def test_an_order_says_until_when_the_device_takes_it() -> None:
    assert isinstance(ORDER, OrderMade)
    assert "12:10 UTC" in ORDER.told("Rekey")
