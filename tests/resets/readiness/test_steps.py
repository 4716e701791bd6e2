"""The steps of a drill, without a database: what each comes to, and every "no" that they say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from fleet.accounts.state import Human
from fleet.eventstore.messages import Actor
from fleet.eventstore.testing import NOW, STREAM, given
from resets.codes import grouped
from resets.readiness.events import (
    DrillBegun,
    DrillCancelled,
    DrillCodeIssued,
    DrillCodeRejected,
    DrillCodeVerified,
    DrillExpired,
    DrillFailed,
    DrillMailTold,
    DrillPassed,
    DrillWaited,
)
from resets.readiness.state import DrillPhase
from resets.readiness.steps import (
    BETWEEN_DRILLS,
    MOST_TO_ONE,
    WINDOW,
    BeginDrill,
    CancelDrill,
    DrillFacts,
    DrillKey,
    EarlierDrills,
    EnterDrillCode,
    ExpireDrill,
    FailDrill,
    PassDrill,
    RecordDrillMail,
    RecordDrillWait,
    SendDrillCode,
)
from resets.rules import CodeRules
from resets.state import Delivery, RecoveryMethod

DEVICE, ORGANISATION, SITE = (UUID(int=n) for n in (5, 6, 7))
TO, SHOWN = "owner@example.com", "o•••r@e•••e.com"
WAY = RecoveryMethod.MANAGEMENT_ACCOUNT
FACTS = DrillFacts(DEVICE, ORGANISATION, SITE, "Gate", TO, WAY, CodeRules())
TESS, OTHER = Human("tess", "Tess"), Human("olga", "Olga")
KEY = DrillKey(b"k" * 32)
BY = (Actor("person", "tess", "Tess"), TESS)
BEGUN = DrillBegun(
    ORGANISATION, SITE, DEVICE, "Gate", TO, WAY, "Tess", CodeRules(), NOW, NOW + timedelta(hours=1)
)


def issued(send: int = 1, at: Any = NOW, owner: str = "tess") -> DrillCodeIssued:
    return DrillCodeIssued(send, SHOWN, 5, at, at + timedelta(minutes=10), "Tess", owner)


SENT = (BEGUN, issued())
CHECKING = (*SENT, DrillCodeVerified())


def code(send: int = 1) -> str:
    return grouped(KEY.code(STREAM, send, 8))


def beginning(**changes: Any) -> Any:
    return given().knowing(*BY, replace(FACTS, **changes), EarlierDrills())


# --- to begin -------------------------------------------------------------------------------------


def test_a_drill_begins_with_its_first_code() -> None:
    state = beginning().when(BeginDrill(DEVICE)).then(*SENT)
    assert (state.phase, state.subject, state.delivery) == (
        DrillPhase.CODE_SENT,
        DEVICE,
        Delivery.QUEUED,
    )


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"removed": True}, "device_removed"),
        ({"reset_email": ""}, "no_reset_email"),
        ({"way": None}, "no_way_to_try"),
        ({"being_reset": True}, "device_being_reset"),
    ],
)
def test_a_device_of_which_nothing_can_be_tried_has_no_drill(
    change: dict[str, Any], refusal: str
) -> None:
    beginning(**change).when(BeginDrill(DEVICE)).refused(refusal)


def test_one_drill_of_a_device_at_a_time_and_a_while_between_them() -> None:
    lately = EarlierDrills(last=NOW)
    again = given().knowing(*BY, FACTS, lately)
    soon = NOW + BETWEEN_DRILLS - timedelta(seconds=1)
    refused = again.at(soon).when(BeginDrill(DEVICE)).refused("drill_too_soon")
    assert refused.facts["retry_after"] == 1
    assert again.at(NOW + BETWEEN_DRILLS).when(BeginDrill(DEVICE)).decided()


def test_so_many_codes_in_a_day_to_one_mailbox_and_no_more() -> None:
    full = EarlierDrills(to_one=(NOW,) * MOST_TO_ONE)
    later = NOW + timedelta(hours=2)
    begin = given().knowing(*BY, FACTS, full).at(later).when(BeginDrill(DEVICE))
    refused = begin.refused("too_many_drill_codes")
    assert refused.facts["retry_after"] == int((WINDOW - timedelta(hours=2)).total_seconds())
    again = given(*SENT).knowing(*BY, full).at(NOW + timedelta(seconds=61))
    again.when(SendDrillCode()).refused("too_many_drill_codes")


# --- the code -------------------------------------------------------------------------------------


def typing(typed: str, human: Human = TESS, *events: Any) -> Any:
    return given(*(events or SENT)).knowing(KEY, human).when(EnterDrillCode(typed))


def test_the_right_code_opens_the_way_and_a_wrong_one_costs_a_try() -> None:
    assert typing(code()).then(DrillCodeVerified()).phase is DrillPhase.CHECKING
    wrong = "00000000" if code() != "0000 0000" else "11111111"
    assert typing(wrong).then(DrillCodeRejected(4)).tries_left == 4
    assert DrillCodeRejected(4).refusal().code == "wrong_code"
    assert DrillCodeRejected(0).refusal().code == "code_burned"


def test_only_the_newest_code_counts() -> None:
    at = NOW + timedelta(seconds=61)
    newer = (*SENT, issued(2, at))
    assert given(*newer).knowing(KEY, TESS).at(at).when(EnterDrillCode(code(1))).decided() == [
        DrillCodeRejected(4)
    ]
    given(*newer).knowing(KEY, TESS).at(at).when(EnterDrillCode(code(2))).then(DrillCodeVerified())


def test_nobody_but_who_asked_for_it_types_it() -> None:
    typing(code(), OTHER).refused("not_your_code")


@pytest.mark.parametrize("typed", ["", "1234", "abcdefgh", "123456789"])
def test_what_looks_like_no_code_costs_no_try(typed: str) -> None:
    typing(typed).refused("code_malformed")


def test_a_code_that_was_tried_too_often_or_came_too_late_does_not_count() -> None:
    typing(code(), TESS, *SENT, DrillCodeRejected(0)).refused("code_burned")
    late = given(*SENT).knowing(KEY, TESS).at(NOW + timedelta(minutes=10))
    late.when(EnterDrillCode(code())).refused("code_expired")


def test_a_code_that_was_entered_is_not_entered_again() -> None:
    typing(code(), TESS, *CHECKING).refused("no_code_needed")
    given(*CHECKING).knowing(*BY).when(SendDrillCode()).refused("no_code_needed")


def test_another_code_comes_after_a_minute_and_three_at_most() -> None:
    begun = given(*SENT).knowing(*BY)
    refused = begun.at(NOW + timedelta(seconds=59)).when(SendDrillCode()).refused("too_soon")
    assert refused.facts["retry_after"] == 1
    at = NOW + timedelta(seconds=60)
    begun.at(at).when(SendDrillCode()).then(issued(2, at))
    third = given(*SENT, issued(2), issued(3)).knowing(*BY).at(NOW + timedelta(minutes=5))
    third.when(SendDrillCode()).refused("no_sends_left")


def test_a_drill_that_is_over_is_over() -> None:
    for ended in (
        DrillPassed("x", NOW),
        DrillFailed("x", "x", NOW),
        DrillExpired(NOW),
        DrillCancelled(NOW),
    ):
        over = given(*SENT, ended).knowing(KEY, *BY)
        for command in (EnterDrillCode(code()), SendDrillCode(), CancelDrill()):
            over.when(command).refused("drill_over")
        for job in (PassDrill(), FailDrill("y", "y"), ExpireDrill(), RecordDrillWait("y")):
            over.at(NOW + timedelta(days=1)).when(job).then_nothing()
    late = given(*SENT).knowing(KEY, *BY).at(NOW + timedelta(hours=1))
    late.when(EnterDrillCode(code())).refused("drill_over")


def test_a_drill_is_cancelled_until_its_way_is_tried() -> None:
    given(*SENT).when(CancelDrill()).then(DrillCancelled(NOW))
    given(*CHECKING).when(CancelDrill()).refused("drill_over")


# --- what jobs record -----------------------------------------------------------------------------


def test_of_each_mail_only_news_is_recorded() -> None:
    told = RecordDrillMail(1, Delivery.HANDED_OVER, "250 OK")
    state = given(*SENT).when(told).then(DrillMailTold(1, Delivery.HANDED_OVER, "250 OK"))
    assert state.delivery is Delivery.HANDED_OVER
    known = (*SENT, DrillMailTold(1, Delivery.DELIVERED, ""))
    given(*known).when(told).then_nothing()
    state = given(*SENT, issued(2)).when(told).then(DrillMailTold(1, told.delivery, told.answer))
    assert state.delivery is Delivery.QUEUED, "of the newest nothing is known yet"
    given(*SENT).when(replace(told, send=2)).then_nothing()


def test_how_a_drill_ends() -> None:
    way = "by Rekey's own account on the device"
    state = given(*CHECKING).when(PassDrill()).then(DrillPassed(way, NOW))
    assert (state.phase, state.ended_at) == (DrillPhase.PASSED, NOW)
    given(*CHECKING).when(RecordDrillWait("busy")).then(DrillWaited("busy"))
    given(*CHECKING, DrillWaited("busy")).when(RecordDrillWait("busy")).then_nothing()
    failed = given(*CHECKING, DrillWaited("busy")).when(FailDrill("busy", "It is busy."))
    state = failed.then(DrillFailed("busy", "It is busy.", NOW))
    assert (state.phase, state.outcome, state.waiting_for) == (DrillPhase.FAILED, "busy", "")
    given(*SENT).when(PassDrill()).then_nothing()
    given(*SENT).when(ExpireDrill()).then_nothing()
    at = NOW + timedelta(hours=1)
    given(*SENT).at(at).when(ExpireDrill()).then(DrillExpired(at))
    given(*CHECKING).at(at).when(ExpireDrill()).then_nothing()


def test_what_is_offered_is_what_may_be_done() -> None:
    state = given(*SENT).state()
    for command, offered in ((EnterDrillCode, True), (SendDrillCode, True), (CancelDrill, True)):
        assert command.offered(state, NOW) is offered
    assert EnterDrillCode.offered_to(state, "tess")
    assert not EnterDrillCode.offered_to(state, "olga")
    state = given(*CHECKING).state()
    for command in (EnterDrillCode, SendDrillCode, CancelDrill):
        assert not command.offered(state, NOW)


def test_the_codes_of_drills_are_their_own_and_never_stored() -> None:
    other = UUID(int=99)
    assert KEY.code(STREAM, 1, 8) != KEY.code(other, 1, 8)
    assert "k" * 32 not in repr(KEY)
    assert "12345678" not in repr(EnterDrillCode("12345678"))
