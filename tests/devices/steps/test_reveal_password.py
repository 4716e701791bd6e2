from __future__ import annotations

from dataclasses import replace

import pytest

from devices.state import Purpose
from devices.steps.credential import CandidatePromoted
from devices.steps.reveal_password import PasswordRevealed, RevealPassword
from fleet.eventstore.testing import given
from tests.devices.steps.story import BEGUN

CURRENT = (*BEGUN, CandidatePromoted())


def test_a_password_is_shown_with_a_reason_and_stands_in_the_history() -> None:
    before = given(*CURRENT).state()
    after = given(*CURRENT).when(RevealPassword("to look at it")).then(PasswordRevealed("admin"))
    assert after == before


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_without_a_reason_none_is_shown(reason: str) -> None:
    error = given(*CURRENT).when(RevealPassword(reason)).refused("reason_missing")
    assert error.field == "reason"


def test_a_password_that_was_never_proven_is_not_shown() -> None:
    given(*BEGUN).when(RevealPassword("to look at it")).refused("no_password_known")


def test_a_recovery_key_is_never_shown() -> None:
    key = replace(BEGUN[0], purpose=Purpose.RECOVERY)
    given(key, *BEGUN[1:], CandidatePromoted()).when(RevealPassword("to look")).refused(
        "key_never_shown"
    )
