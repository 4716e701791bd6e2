from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fleet.eventstore.testing import NOW, given
from resets.state import CodeRules, Phase
from resets.steps.request_reset import RequestReset
from tests.resets.steps.story import DEVICE, FACTS, REQUESTED, RULES, SITE, TESS

ASK = RequestReset(DEVICE, "  The installer left\n")
KNOWN = given().knowing(FACTS, RULES, TESS)


def test_a_reset_begins_with_what_is_known_of_its_device() -> None:
    state = KNOWN.when(ASK).then(REQUESTED)
    assert (state.phase, state.subject, state.site) == (Phase.REQUESTED, DEVICE, SITE)
    assert state.phase.open
    assert state.phase.with_people


def test_the_rules_of_the_day_stay_those_of_the_reset() -> None:
    strict = CodeRules(digits=6, valid=60, tries=3, open_for=600)
    begun = replace(REQUESTED, rules=strict, expires_at=NOW + timedelta(seconds=600))
    state = KNOWN.knowing(strict).when(ASK).then(begun)
    assert state.rules == strict


@pytest.mark.parametrize("reason", ["", " ", "\n\t", "\u00a0"])
def test_without_a_reason_no_reset_begins(reason: str) -> None:
    error = KNOWN.when(replace(ASK, reason=reason)).refused("reason_missing")
    assert error.field == "reason"


def test_without_a_mailbox_the_way_left_is_named() -> None:
    error = KNOWN.knowing(replace(FACTS, reset_email="")).when(ASK).refused("no_reset_email")
    assert "factory settings" in error.message


def test_without_an_account_on_the_device_the_way_left_is_named() -> None:
    error = KNOWN.knowing(replace(FACTS, managed=False)).when(ASK).refused("no_recovery_method")
    assert "factory settings" in error.message


def test_no_reset_begins_of_a_device_that_was_removed() -> None:
    error = KNOWN.knowing(replace(FACTS, removed=True)).when(ASK).refused("device_removed")
    assert "Add it again" in error.message


@pytest.mark.parametrize(
    "rules",
    [
        {"digits": 5},
        {"digits": 9},
        {"valid": 59},
        {"valid": 601},
        {"tries": 0},
        {"tries": 11},
    ],
)
def test_rules_outside_of_the_standards_are_not_taken_into_use(rules: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="outside"):
        CodeRules(**rules).checked()
    assert CodeRules().checked() == CodeRules()
