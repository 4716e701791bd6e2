from __future__ import annotations

from datetime import timedelta

import pytest

from fleet.errors import Conflict, Refused
from fleet.eventstore.testing import NOW, given
from resets.steps.approve_reset import ApprovalAsked
from resets.steps.show_qr import MOST_QRS, QrShown, ShowQr
from tests.resets.steps.story import (
    ALICE_HERSELF,
    ASKED,
    ENDED,
    PROVED_MAILBOX,
    SENT,
    TESS_HERSELF,
    WITH_THE_DEVICE,
    issued,
    shown,
)


def after(seconds: float):
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize("events", [ASKED, SENT])
def test_a_qr_is_shown_by_a_person_for_ten_minutes(events: tuple) -> None:
    state = given(*events).knowing(TESS_HERSELF).when(ShowQr()).then(shown(1))
    assert (state.qr, state.qr_owner, state.qr_shown_by) == (1, TESS_HERSELF.id, "Tess")
    assert state.qr_is_live(after(599))
    assert not state.qr_is_live(after(600))


def test_a_new_one_replaces_the_one_before_and_may_be_somebody_elses() -> None:
    before = given(*ASKED, shown(1), issued(1, 5, by_phone=True)).knowing(ALICE_HERSELF)
    assert before.state().qr_used
    later = before.at(after(10)).when(ShowQr())
    state = later.then(QrShown(2, after(610), ALICE_HERSELF.id, "Alice"))
    assert (state.qr, state.qr_owner, state.qr_used) == (2, ALICE_HERSELF.id, False)


def test_it_does_not_outlive_its_reset() -> None:
    late = given(*ASKED).knowing(TESS_HERSELF).at(after(3500)).when(ShowQr())
    late.then(QrShown(1, after(3600), TESS_HERSELF.id, "Tess"))


def test_it_may_be_shown_while_another_code_has_to_wait_but_not_when_none_is_left() -> None:
    given(*SENT).knowing(TESS_HERSELF).at(after(1)).when(ShowQr()).then(shown(1, 1))
    three = given(*ASKED, issued(1), issued(2, 60), issued(3, 120)).knowing(TESS_HERSELF)
    assert isinstance(three.when(ShowQr()).refused("no_sends_left"), Refused)
    assert not ShowQr.offered(three.state(), NOW)


def test_no_more_than_so_many_are_shown() -> None:
    many = given(*ASKED, *(shown(n) for n in range(1, MOST_QRS + 1))).knowing(TESS_HERSELF)
    assert isinstance(many.when(ShowQr()).refused("no_qrs_left"), Refused)
    assert not ShowQr.offered(many.state(), NOW)


def test_a_device_without_a_mailbox_has_no_qr() -> None:
    blank = ASKED[0].__class__(**{**ASKED[0].__dict__, "reset_email": ""})
    before = given(blank).knowing(TESS_HERSELF)
    before.when(ShowQr()).refused("no_reset_email")
    assert not ShowQr.offered(before.state(), NOW)


def test_a_second_person_agrees_first() -> None:
    waiting = given(*ASKED, ApprovalAsked("always", "d", after(600))).knowing(TESS_HERSELF)
    assert isinstance(waiting.when(ShowQr()).refused("not_approved"), Conflict)
    assert not ShowQr.offered(waiting.state(), NOW)


@pytest.mark.parametrize("events", [PROVED_MAILBOX, *WITH_THE_DEVICE, *ENDED])
def test_where_no_code_is_needed_no_qr_is(events: tuple) -> None:
    later = given(*events).knowing(TESS_HERSELF)
    assert isinstance(later.when(ShowQr()).refused("no_code_needed"), Conflict)
    assert not ShowQr.offered(later.state(), NOW)


def test_after_the_time_of_the_reset_none_is_shown() -> None:
    given(*ASKED).knowing(TESS_HERSELF).at(after(3600)).when(ShowQr()).refused("reset_expired")
