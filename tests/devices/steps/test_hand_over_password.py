from __future__ import annotations

from dataclasses import replace

import pytest

from devices.state import Purpose
from devices.steps.credential import CandidatePromoted
from devices.steps.hand_over_password import HandOverPassword, PasswordHandedOver
from fleet.eventstore.testing import given
from tests.devices.steps.story import BEGUN

CURRENT = (*BEGUN, CandidatePromoted())
GIVE = HandOverPassword("a passphrase", "The recorder needs it")


def test_which_password_left_stands_in_the_history() -> None:
    before = given(*CURRENT).state()
    left = PasswordHandedOver("admin", before.current, "a passphrase")
    assert given(*CURRENT).when(GIVE).then(left) == before


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_without_a_reason_none_leaves(reason: str) -> None:
    error = given(*CURRENT).when(replace(GIVE, reason=reason)).refused("reason_missing")
    assert error.field == "reason"


def test_a_password_that_was_never_proven_does_not_leave() -> None:
    given(*BEGUN).when(GIVE).refused("no_password_known")


def test_a_recovery_key_never_leaves() -> None:
    key = replace(BEGUN[0], purpose=Purpose.RECOVERY)
    given(key, *BEGUN[1:], CandidatePromoted()).when(GIVE).refused("key_never_shown")
