from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fleet.accounts.state import Human
from fleet.errors import Conflict, Forbidden, Refused
from fleet.eventstore.testing import NOW, given
from resets.rules import APPROVAL_WORDS
from resets.state import Phase
from resets.steps.approve_reset import (
    Agreement,
    ApprovalAsked,
    ApprovalVoided,
    ApproveReset,
    DeclineReset,
    ResetApproved,
    ResetDeclined,
)
from resets.steps.choose_password import ChoosePassword, Kept
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode
from tests.resets.steps.story import (
    AGREED,
    AGREEMENT,
    ALICE_HERSELF,
    ASKED,
    AWAITING,
    CANCELLED,
    DEVICE,
    DIGEST,
    EVERY_PHASE,
    FACTS,
    KEY,
    REQUESTED,
    RULES,
    TESS,
    TESS_HERSELF,
    WAITS,
    code,
)

NOBODY = Human()
KNOWN = given(*AWAITING).knowing(ALICE_HERSELF, AGREEMENT)
AGREE, DECLINE = ApproveReset(DIGEST), DeclineReset("Nobody told me of it")
APPROVED = ResetApproved("Alice", NOW + timedelta(seconds=RULES.open_for))


# --- asked for ------------------------------------------------------------------------------------


def test_where_a_second_person_has_to_agree_it_waits_and_nothing_may_be_done() -> None:
    known = given().knowing(FACTS, TESS, TESS_HERSELF, RULES, AGREEMENT)
    state = known.when(RequestReset(DEVICE, "The installer left")).then(REQUESTED, WAITS)
    assert state.phase is Phase.AWAITING_APPROVAL
    assert state.expires_at == NOW + timedelta(seconds=AGREEMENT.valid)
    for command in (SendCode(), VerifyCode(code()), ChoosePassword()):
        assert isinstance(
            KNOWN.knowing(TESS, KEY, Kept(None)).when(command).refused("not_approved"), Conflict
        )


def test_where_nobody_has_to_agree_it_begins_at_once() -> None:
    known = given().knowing(FACTS, TESS, TESS_HERSELF, RULES, replace(AGREEMENT, why=""))
    state = known.when(RequestReset(DEVICE, "The installer left")).then(REQUESTED)
    assert state.phase is Phase.REQUESTED


@pytest.mark.parametrize("why", APPROVAL_WORDS)
def test_it_is_told_why_somebody_has_to_agree(why: str) -> None:
    assert APPROVAL_WORDS[why] in replace(WAITS, why=why).told("Tess")


# --- agreed ---------------------------------------------------------------------------------------


def test_another_administrator_agrees_and_its_time_begins_anew() -> None:
    later = NOW + timedelta(hours=20)
    state = (
        KNOWN.at(later)
        .when(AGREE)
        .then(ResetApproved("Alice", later + timedelta(seconds=RULES.open_for)))
    )
    assert (state.phase, state.approver) == (Phase.REQUESTED, "Alice")


def test_a_digest_may_be_pasted_with_spaces() -> None:
    KNOWN.when(ApproveReset(f" {DIGEST}\n")).then(APPROVED)


@pytest.mark.parametrize("command", [AGREE, DECLINE])
def test_nobody_answers_their_own_request(command: ApproveReset | DeclineReset) -> None:
    error = KNOWN.knowing(TESS_HERSELF).when(command).refused("own_request")
    assert isinstance(error, Forbidden)
    assert "Another administrator" in error.message


@pytest.mark.parametrize("command", [AGREE, DECLINE])
def test_only_a_person_answers(command: ApproveReset | DeclineReset) -> None:
    error = KNOWN.knowing(NOBODY).when(command).refused("nobody_behind")
    assert isinstance(error, Forbidden)


@pytest.mark.parametrize("command", [AGREE, DECLINE])
def test_after_its_time_nobody_answers_any_more(command: ApproveReset | DeclineReset) -> None:
    error = KNOWN.at(WAITS.expires_at).when(command).refused("approval_expired")
    assert isinstance(error, Conflict)
    KNOWN.at(WAITS.expires_at - timedelta(seconds=1)).when(command).decided()


@pytest.mark.parametrize("story", EVERY_PHASE)
@pytest.mark.parametrize("command", [AGREE, DECLINE])
def test_where_nothing_waits_nothing_is_answered(command, story) -> None:
    given(*story).knowing(ALICE_HERSELF, AGREEMENT).when(command).refused("nothing_to_approve")


def test_the_second_of_two_who_agree_is_told_who_was_the_first() -> None:
    second = given(*AGREED).knowing(ALICE_HERSELF, AGREEMENT)
    assert "Alice has agreed" in second.when(AGREE).refused("nothing_to_approve").message


@pytest.mark.parametrize("digest", ["", "0" * 64, DIGEST[:12], DIGEST.upper()])
def test_what_was_not_shown_is_not_agreed_to(digest: str) -> None:
    KNOWN.when(ApproveReset(digest)).refused("digest_differs")


# --- void -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(len(AGREEMENT.facts)))
def test_it_is_void_when_any_fact_has_changed(n: int) -> None:
    facts = [*AGREEMENT.facts]
    facts[n] += " and more"
    changed = KNOWN.knowing(replace(AGREEMENT, facts=tuple(facts)))
    state = changed.when(AGREE).then(ApprovalVoided())
    assert (state.phase, state.outcome) == (Phase.CANCELLED, "approval_void")
    refusal = ApprovalVoided().refusal()
    assert (refusal.code, isinstance(refusal, Conflict)) == ("approval_void", True)


def test_a_digest_stands_for_the_way_and_the_reason_as_well() -> None:
    ways = [
        AGREEMENT.digest("management_account", "The installer left"),
        AGREEMENT.digest("factory_restore", "The installer left"),
        AGREEMENT.digest("management_account", "The installer stayed"),
        replace(AGREEMENT, facts=("ab", "c")).digest("m", "r"),
        replace(AGREEMENT, facts=("a", "bc")).digest("m", "r"),
    ]
    assert len(set(ways)) == len(ways)
    assert ways[0] == DIGEST


def test_why_somebody_has_to_agree_does_not_change_to_what() -> None:
    assert replace(AGREEMENT, why="night").digest("m", "r") == AGREEMENT.digest("m", "r")
    assert Agreement().digest("m", "r") != AGREEMENT.digest("m", "r")


# --- declined -------------------------------------------------------------------------------------


def test_a_declined_reset_has_ended() -> None:
    state = KNOWN.when(DECLINE).then(ResetDeclined("Nobody told me of it"))
    assert (state.phase, state.outcome) == (Phase.CANCELLED, "declined")


@pytest.mark.parametrize("reason", ["", " ", "\n"])
def test_whoever_declines_says_why(reason: str) -> None:
    error = KNOWN.when(DeclineReset(reason)).refused("reason_missing")
    assert (error.field, isinstance(error, Refused)) == ("reason", True)


# --- to whom it is shown --------------------------------------------------------------------------


@pytest.mark.parametrize("command", [ApproveReset, DeclineReset])
def test_it_is_shown_to_others_while_it_waits(command) -> None:
    waiting = given(*AWAITING).state()
    assert command.offered(waiting, NOW)
    assert command.offered_to(waiting, ALICE_HERSELF.id)
    assert not command.offered_to(waiting, TESS_HERSELF.id)
    assert not command.offered_to(waiting, "")
    for story in (ASKED, CANCELLED):
        assert not command.offered(given(*story).state(), NOW)


def test_the_mailbox_that_was_agreed_to_is_kept() -> None:
    asked = ApprovalAsked("always", DIGEST, WAITS.expires_at)
    assert given(REQUESTED, asked).state().agreed_mailbox == REQUESTED.reset_email
