from __future__ import annotations

import pytest

from fleet.errors import Conflict
from fleet.eventstore.testing import NOW, given
from resets.state import Phase
from resets.steps.choose_password import ChoosePassword, Kept, PasswordGenerated, PasswordTyped
from tests.resets.steps.story import (
    ASKED,
    ENDED,
    PROVED_MAILBOX,
    SECRET,
    SENT,
    WITH_THE_DEVICE,
)

KNOWN = given(*PROVED_MAILBOX).knowing(Kept(SECRET))


def test_left_empty_a_generated_password_is_taken() -> None:
    state = KNOWN.when(ChoosePassword()).then(PasswordGenerated(SECRET))
    assert (state.phase, state.secret, state.generated) == (Phase.APPLYING, SECRET, True)


def test_a_typed_one_is_taken_and_said_to_be_typed() -> None:
    state = KNOWN.when(ChoosePassword("typed-and-Fine-1")).then(PasswordTyped(SECRET))
    assert (state.phase, state.secret, state.generated) == (Phase.APPLYING, SECRET, False)


def test_what_the_device_would_object_to_is_said_and_nothing_happens() -> None:
    weak = KNOWN.knowing(Kept(None, "Use 8 to 32 characters; this has 3."))
    error = weak.when(ChoosePassword("abc")).refused("password_too_weak")
    assert (error.message, error.field) == ("Use 8 to 32 characters; this has 3.", "password")


@pytest.mark.parametrize("events", [ASKED, SENT])
def test_the_code_comes_first(events: tuple) -> None:
    before = given(*events).knowing(Kept(SECRET))
    assert isinstance(before.when(ChoosePassword()).refused("code_not_verified"), Conflict)
    assert not ChoosePassword.offered(before.state(), NOW)


@pytest.mark.parametrize("events", [*WITH_THE_DEVICE, *ENDED])
def test_a_password_is_chosen_once(events: tuple) -> None:
    after = given(*events).knowing(Kept(SECRET))
    assert isinstance(after.when(ChoosePassword()).refused("password_chosen"), Conflict)
    assert not ChoosePassword.offered(after.state(), NOW)


def test_a_password_shows_nowhere() -> None:
    assert "typed-and-Fine-1" not in repr(ChoosePassword("typed-and-Fine-1"))
