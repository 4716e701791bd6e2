"""What one person may propose, what a second one has to agree to, and what comes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from fleet.accounts.state import Human
from fleet.eventstore.testing import NOW, Given, given
from resets.mailboxes.state import Domain, Stage
from resets.mailboxes.steps import (
    VALID,
    ApproveMailbox,
    DeclineMailbox,
    DeviceNow,
    ExpireProposal,
    MailboxApproved,
    MailboxChanged,
    MailboxDeclined,
    MailboxProposed,
    MailboxWithdrawn,
    ProposalExpired,
    ProposalVoided,
    ProposeMailbox,
    RecordMailbox,
    VoidProposal,
    WithdrawMailbox,
)

DEVICE, ORGANISATION, SITE = (UUID(int=n) for n in (1, 2, 3))
OLD, NEW, REASON = "owner@example.com", "keeper@example.net", "The owner has left"
TESS, ALICE, NOBODY = Human(str(UUID(int=9)), "Tess"), Human(str(UUID(int=8)), "Alice"), Human()
GATE = DeviceNow(DEVICE, ORGANISATION, SITE, "Gate north", "192.0.2.7:80", OLD)
DIGEST = GATE.digest(NEW, REASON)
PROPOSED = MailboxProposed(
    device=DEVICE,
    organisation=ORGANISATION,
    site=SITE,
    device_name="Gate north",
    address="192.0.2.7:80",
    old_email=OLD,
    reset_email=NEW,
    domain=Domain.TAKES_MAIL,
    reason=REASON,
    proposer="Tess",
    proposer_id=TESS.id,
    digest=DIGEST,
    expires_at=NOW + VALID,
)
APPROVED = MailboxApproved("Alice", ALICE.id)
PROPOSE = ProposeMailbox(DEVICE, NEW, REASON, Domain.TAKES_MAIL)
EMPTY = Given([], NOW, {DeviceNow: GATE, Human: TESS})
OPEN = given(PROPOSED).knowing(GATE, ALICE)
ENDED = {
    Stage.APPROVED: (APPROVED,),
    Stage.CHANGED: (APPROVED, MailboxChanged()),
    Stage.DECLINED: (MailboxDeclined("No"),),
    Stage.WITHDRAWN: (MailboxWithdrawn(),),
    Stage.EXPIRED: (ProposalExpired(),),
    Stage.VOID: (ProposalVoided(),),
}

# --- proposing ------------------------------------------------------------------------------------


def test_a_mailbox_is_proposed_with_all_that_will_be_done() -> None:
    state = EMPTY.when(PROPOSE).then(PROPOSED)
    assert (state.stage, state.subject, state.site) == (Stage.PROPOSED, DEVICE, SITE)


def test_a_mailbox_may_be_named_where_there_is_none() -> None:
    blank = replace(GATE, reset_email="")
    [event] = EMPTY.knowing(blank).when(PROPOSE).decided()
    assert isinstance(event, MailboxProposed)
    assert event.old_email == ""
    assert "which has none" in event.told("Tess")


def test_it_is_kept_in_one_form() -> None:
    [event] = EMPTY.when(replace(PROPOSE, reset_email=" keeper@EXAMPLE.net ")).decided()
    assert isinstance(event, MailboxProposed)
    assert event.reset_email == NEW


@pytest.mark.parametrize(
    ("code", "field", "typed"),
    [
        ("mailbox_missing", "reset_email", {"reset_email": ""}),
        ("mailbox_malformed", "reset_email", {"reset_email": "keeper"}),
        ("mailbox_several", "reset_email", {"reset_email": f"{NEW}, {OLD}"}),
        ("mailbox_unprintable", "reset_email", {"reset_email": f"{NEW}\r\nBcc: {OLD}"}),
        ("mailbox_unprintable", "reset_email", {"reset_email": f"keeper\x07{NEW}"}),
        ("mailbox_too_long", "reset_email", {"reset_email": f"{'k' * 65}@example.net"}),
        ("mailbox_unreachable", "reset_email", {"reset_email": "keeper@gone.invalid"}),
        ("mailbox_unchanged", "reset_email", {"reset_email": "owner@EXAMPLE.com"}),
        ("reason_missing", "reason", {"reason": "  "}),
    ],
)
def test_what_is_wrong_with_a_proposal_has_its_sentence(
    code: str, field: str, typed: dict[str, str]
) -> None:
    assert EMPTY.when(replace(PROPOSE, **typed)).refused(code).field == field


def test_nothing_is_proposed_for_a_device_that_has_left_the_fleet() -> None:
    EMPTY.knowing(replace(GATE, removed=True)).when(PROPOSE).refused("device_removed")


def test_behind_a_proposal_stands_a_person() -> None:
    EMPTY.knowing(NOBODY).when(PROPOSE).refused("nobody_behind")


def test_no_sentence_tells_a_mailbox_in_full() -> None:
    for event in (PROPOSED, APPROVED, MailboxChanged()):
        told = event.told("Tess")
        assert OLD not in told
        assert NEW not in told
    assert "k•••r@e•••e.net" in PROPOSED.told("Tess")


# --- agreeing -------------------------------------------------------------------------------------


def test_a_second_person_agrees_to_what_is_shown() -> None:
    state = OPEN.when(ApproveMailbox(DIGEST)).then(APPROVED)
    assert (state.stage, state.approver, state.approver_id) == (Stage.APPROVED, "Alice", ALICE.id)


def test_nobody_agrees_to_their_own() -> None:
    own = OPEN.knowing(TESS)
    own.when(ApproveMailbox(DIGEST)).refused("own_request")
    own.when(DeclineMailbox("No")).refused("own_request")
    assert not ApproveMailbox.offered_to(own.state(), TESS.id)
    assert ApproveMailbox.offered_to(own.state(), ALICE.id)


def test_a_job_is_no_second_person() -> None:
    OPEN.knowing(NOBODY).when(ApproveMailbox(DIGEST)).refused("nobody_behind")
    OPEN.knowing(NOBODY).when(DeclineMailbox("No")).refused("nobody_behind")
    assert not ApproveMailbox.offered_to(OPEN.state(), "")


def test_whoever_was_shown_something_else_does_not_agree_to_this() -> None:
    other = GATE.digest("mallory@example.net", REASON)
    for digest in (other, "", DIGEST[:-1]):
        OPEN.when(ApproveMailbox(digest)).refused("digest_differs")


@pytest.mark.parametrize(
    "changed",
    [
        {"site": UUID(int=4)},
        {"name": "Gate south"},
        {"address": "192.0.2.8:80"},
        {"reset_email": "another@example.com"},
        {"removed": True},
    ],
)
def test_an_approval_is_void_if_anything_of_it_has_changed(changed: dict[str, object]) -> None:
    by_now = OPEN.knowing(replace(GATE, **changed))  # type: ignore[arg-type]
    state = by_now.when(ApproveMailbox(DIGEST)).then(ProposalVoided())
    assert state.stage is Stage.VOID
    refusal = ProposalVoided().refusal()
    assert refusal.code == "approval_void"
    by_now.when(VoidProposal()).then(ProposalVoided())


def test_what_is_as_it_was_is_not_void() -> None:
    OPEN.when(VoidProposal()).then_nothing()


def test_everything_that_is_done_stands_in_the_digest() -> None:
    digests = {
        GATE.digest(NEW, REASON),
        GATE.digest("keeper2@example.net", REASON),
        GATE.digest(NEW, "Another"),
        replace(GATE, id=SITE).digest(NEW, REASON),
        replace(GATE, name="x").digest(NEW, REASON),
        replace(GATE, address="x").digest(NEW, REASON),
        replace(GATE, reset_email="").digest(NEW, REASON),
    }
    assert len(digests) == 7


def test_it_is_declined_with_a_reason() -> None:
    OPEN.when(DeclineMailbox(" ")).refused("reason_missing")
    state = OPEN.when(DeclineMailbox(" Who is that? ")).then(MailboxDeclined("Who is that?"))
    assert (state.stage, state.answer) == (Stage.DECLINED, "Who is that?")


def test_only_who_proposed_it_takes_it_back() -> None:
    OPEN.when(WithdrawMailbox()).refused("not_your_proposal")
    OPEN.knowing(NOBODY).when(WithdrawMailbox()).refused("not_your_proposal")
    assert OPEN.knowing(TESS).when(WithdrawMailbox()).then(MailboxWithdrawn())


@pytest.mark.parametrize("stage", ENDED)
def test_what_was_answered_is_not_answered_again(stage: Stage) -> None:
    over = given(PROPOSED, *ENDED[stage]).knowing(GATE, ALICE)
    assert over.state().stage is stage
    for command in (ApproveMailbox(DIGEST), DeclineMailbox("No")):
        error = over.when(command).refused("nothing_to_approve")
        assert error.message
        assert not command.offered(over.state(), NOW)
    over.knowing(TESS).when(WithdrawMailbox()).refused("nothing_to_approve")
    assert not WithdrawMailbox.offered(over.state(), NOW)


def test_after_a_day_nobody_agrees_any_more_even_if_no_worker_ended_it() -> None:
    late = OPEN.at(NOW + VALID)
    late.when(ApproveMailbox(DIGEST)).refused("approval_expired")
    late.when(DeclineMailbox("No")).refused("approval_expired")
    assert not ApproveMailbox.offered(late.state(), late.now)
    OPEN.at(NOW + VALID - timedelta(seconds=1)).when(ApproveMailbox(DIGEST)).then(APPROVED)


# --- jobs -----------------------------------------------------------------------------------------


def test_a_proposal_ends_when_its_time_is_over_and_not_before() -> None:
    OPEN.when(ExpireProposal()).then_nothing()
    assert OPEN.at(NOW + VALID).when(ExpireProposal()).then(ProposalExpired())
    given(PROPOSED, APPROVED).at(NOW + VALID).when(ExpireProposal()).then_nothing()


def test_what_the_device_has_in_the_end_is_recorded_once() -> None:
    agreed = given(PROPOSED, APPROVED)
    assert agreed.when(RecordMailbox(NEW)).then(MailboxChanged()).stage is Stage.CHANGED
    assert agreed.when(RecordMailbox("another@example.com")).then(ProposalVoided())
    given(PROPOSED, APPROVED, MailboxChanged()).when(RecordMailbox(NEW)).then_nothing()
    given(PROPOSED).when(RecordMailbox(NEW)).then_nothing()
