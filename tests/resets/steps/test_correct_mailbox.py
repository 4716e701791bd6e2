"""The mailbox is corrected while a reset is under way: the reset goes on with the new one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fleet.eventstore.testing import NOW, given
from resets.state import Delivery, Phase
from resets.steps.approve_reset import ApprovalAsked
from resets.steps.correct_mailbox import CorrectMailbox, MailboxCorrected
from resets.steps.deliver_code import CodeBounced, RecordDelivery
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode
from tests.resets.steps.story import (
    APPLYING,
    ASKED,
    ENDED,
    KEY,
    PROVED_MAILBOX,
    REQUESTED,
    RULES,
    SENT,
    TESS,
    TESS_HERSELF,
    WITH_PEOPLE,
    code,
    issued,
)

NEW = "keeper@example.net"
OPEN_FOR = timedelta(seconds=RULES.open_for)
LATER = NOW + timedelta(minutes=30)


def corrected(at: Any = LATER) -> MailboxCorrected:
    return MailboxCorrected(NEW, "k•••r@e•••e.net", at + OPEN_FOR)


@pytest.mark.parametrize("story", WITH_PEOPLE)
def test_whoever_reads_the_new_mailbox_has_time_anew(story: tuple[Any, ...]) -> None:
    state = given(*story).at(LATER).when(CorrectMailbox(NEW)).then(corrected())
    assert (state.reset_email, state.expires_at) == (NEW, LATER + OPEN_FOR)
    assert (state.delivery, state.answer) == (Delivery.NONE, "")


def test_a_code_that_went_to_the_old_mailbox_counts_for_nothing() -> None:
    story = given(*SENT, corrected(NOW)).knowing(KEY, TESS, TESS_HERSELF)
    assert story.state().phase is Phase.REQUESTED
    story.when(VerifyCode(code())).refused("no_code_sent")


def test_the_next_code_goes_to_the_new_one_at_once_and_those_before_still_count_as_sent() -> None:
    story = given(*SENT, corrected(NOW)).knowing(KEY, TESS, TESS_HERSELF)
    [event] = story.when(SendCode()).decided()
    assert (event.send, event.mailbox) == (2, "k•••r@e•••e.net")  # type: ignore[attr-defined]
    given(*SENT, issued(2, 60), issued(3, 120), corrected(NOW)).knowing(TESS, TESS_HERSELF).at(
        NOW + timedelta(minutes=10)
    ).when(SendCode()).refused("no_sends_left")


def test_what_is_heard_of_the_old_mailbox_later_does_not_count_for_the_new_one() -> None:
    story = given(*SENT, corrected(NOW), CodeBounced(1, "550 no such user"))
    assert story.state().delivery is Delivery.NONE
    assert given(*SENT, corrected(NOW), issued(2, 60)).state().delivery is Delivery.QUEUED
    given(*SENT, corrected(NOW)).when(RecordDelivery(1, Delivery.BOUNCED, "550")).decided()


def test_a_verified_code_stays_verified() -> None:
    assert given(*PROVED_MAILBOX, corrected()).state().phase is Phase.VERIFIED


def test_an_approval_that_is_waited_for_is_not_cut_short() -> None:
    tomorrow = NOW + timedelta(days=1)
    asked = ApprovalAsked("always", "abc", tomorrow)
    state = given(REQUESTED, asked).at(LATER).when(CorrectMailbox(NEW)).decided()[0]
    assert state.expires_at == tomorrow  # type: ignore[attr-defined]


def test_a_password_that_is_being_put_on_the_device_is_not_disturbed() -> None:
    before = given(*APPLYING).state()
    state = given(*APPLYING).at(LATER).when(CorrectMailbox(NEW)).then(corrected())
    assert (state.phase, state.expires_at) == (before.phase, before.expires_at)


@pytest.mark.parametrize("story", ENDED)
def test_what_has_ended_stays_as_it_was(story: tuple[Any, ...]) -> None:
    given(*story).when(CorrectMailbox(NEW)).then_nothing()


def test_what_is_over_is_not_brought_back_to_life() -> None:
    assert REQUESTED.expires_at
    given(*ASKED).at(REQUESTED.expires_at).when(CorrectMailbox(NEW)).then_nothing()


def test_done_twice_it_is_done_once() -> None:
    given(*ASKED, corrected()).when(CorrectMailbox(NEW)).then_nothing()
