"""The button, the hand, and what is put back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from fleet.errors import Conflict
from fleet.eventstore.testing import NOW, given
from resets.state import AWAITS_BUTTON, AWAITS_HAND, Phase, RecoveryMethod
from resets.steps.cancel_reset import CancelReset, ResetCancelled
from resets.steps.choose_password import Kept
from resets.steps.restore_device import (
    BUTTON_WITHIN,
    LOST,
    AskForHand,
    AwaitRestore,
    HandNeeded,
    ItemTicked,
    Lost,
    PasswordSetByHand,
    RecordSeen,
    RestoreAwaited,
    RestoreSeen,
    SetByHand,
    TickOff,
)
from tests.resets.steps.story import APPLYING, CHOSEN, ENDED, REQUESTED, SECRET, VERIFIED, issued

TYPED = UUID(int=77)
BEGUN = replace(REQUESTED, method=RecoveryMethod.FACTORY_RESTORE)
CHOSEN_HERE = (BEGUN, issued(), VERIFIED, CHOSEN)
AWAITED = RestoreAwaited(NOW + BUTTON_WITHIN)
WAITING = (*CHOSEN_HERE, AWAITED)
SEEN = (*WAITING, RestoreSeen(NOW))
BY_HAND = (*WAITING, PasswordSetByHand(TYPED))


def test_the_button_is_waited_for_an_hour_and_that_is_said_once() -> None:
    state = given(*CHOSEN_HERE).when(AwaitRestore(NOW)).then(AWAITED)
    assert (state.phase, state.waiting_for) == (Phase.APPLYING, AWAITS_BUTTON)
    assert state.restore.until == NOW + timedelta(hours=1)
    for events in (WAITING, SEEN, BY_HAND, APPLYING, *ENDED):
        given(*events).when(AwaitRestore(NOW)).then_nothing()


def test_from_when_it_was_seen_restored_it_may_have_heard_the_password() -> None:
    state = given(*WAITING).when(RecordSeen()).then(RestoreSeen(NOW))
    assert (state.restore.seen, state.waiting_for) == (NOW, "")
    for events in (SEEN, APPLYING, *ENDED):
        given(*events).when(RecordSeen()).then_nothing()


def test_until_then_it_may_be_called_off() -> None:
    assert given(*WAITING).when(CancelReset()).then(ResetCancelled()).phase is Phase.CANCELLED
    for events in (CHOSEN_HERE, SEEN, BY_HAND, (*SEEN, HandNeeded("not_fresh"))):
        assert not CancelReset.offered(given(*events).state(), NOW)
        given(*events).when(CancelReset()).refused("too_late_to_cancel")


@pytest.mark.parametrize("why", ["not_supported", "not_fresh", "hand_refused"])
def test_what_rekey_cannot_do_is_done_by_hand(why: str) -> None:
    needed = HandNeeded(why)
    state = given(*SEEN).when(AskForHand(why)).then(needed)
    assert (state.waiting_for, state.secret) == (AWAITS_HAND, SECRET)
    assert "_" not in needed.told("Rekey")
    for events in ((*SEEN, needed), APPLYING, *ENDED):
        given(*events).when(AskForHand(why)).then_nothing()


def test_what_was_set_by_hand_takes_the_place_of_what_was_chosen() -> None:
    ask = SetByHand("typed-at-the-Device-1")
    set_ = PasswordSetByHand(TYPED)
    state = given(*WAITING).knowing(Kept(TYPED)).when(ask).then(set_)
    assert (state.secret, state.generated, state.waiting_for) == (TYPED, False, "")
    assert "typed-at" not in repr(ask)
    back = given(*BY_HAND).when(AskForHand("hand_refused")).then(HandNeeded("hand_refused"))
    assert (back.secret, back.restore.by_hand) == (SECRET, False), "as it was before"


def test_it_is_asked_for_only_then() -> None:
    for events in (CHOSEN_HERE, SEEN, BY_HAND, APPLYING, *ENDED):
        assert not SetByHand.offered(given(*events).state(), NOW)
        refused = given(*events).knowing(Kept(TYPED)).when(SetByHand("x")).refused("no_hand_needed")
        assert isinstance(refused, Conflict)
    empty = given(*WAITING).knowing(Kept(None)).when(SetByHand("")).refused("password_missing")
    assert empty.field == "password"


def test_what_was_put_back_is_ticked_off_once() -> None:
    state = given(*SEEN).when(TickOff(Lost.TIME)).then(ItemTicked(Lost.TIME))
    assert state.restore.ticked == ("time",)
    given(*SEEN, ItemTicked(Lost.TIME)).when(TickOff(Lost.TIME)).refused("ticked_already")
    all_of_it = (*SEEN, *map(ItemTicked, Lost))
    assert not TickOff.offered(given(*all_of_it).state(), NOW)
    given(*WAITING).when(TickOff(Lost.TIME)).refused("not_restored_yet")
    given(*APPLYING).when(TickOff(Lost.TIME)).refused("nothing_restored")


def test_everything_that_is_lost_has_its_words() -> None:
    assert set(LOST) == set(Lost)
    assert LOST[Lost.TIME] in ItemTicked(Lost.TIME).told("Tess")
