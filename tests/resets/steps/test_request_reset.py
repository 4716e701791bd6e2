from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fleet.errors import Refused
from fleet.eventstore.testing import NOW, given
from resets.rules import CodeRules
from resets.state import Phase, RecoveryMethod
from resets.steps.request_reset import RequestReset
from tests.resets.steps.story import DEVICE, FACTS, REQUESTED, RULES, SITE, TESS, TESS_HERSELF

ASK = RequestReset(DEVICE, "  The installer left\n")
KNOWN = given().knowing(FACTS, RULES, TESS, TESS_HERSELF)


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


def test_without_a_mailbox_it_begins_all_the_same() -> None:
    begun = replace(REQUESTED, reset_email="")
    KNOWN.knowing(replace(FACTS, reset_email="")).when(ASK).then(begun)


def test_a_way_that_is_not_open_on_the_device_is_refused_with_the_way_left() -> None:
    ask = replace(ASK, method=RecoveryMethod.DEVICE_RECOVERY)
    error = KNOWN.when(ask).refused("no_recovery_method")
    assert "factory restore" in error.message
    assert error.field == "method"


def test_left_open_the_way_is_the_best_one_of_the_device() -> None:
    ways = (RecoveryMethod.FACTORY_RESTORE,)
    begun = replace(REQUESTED, method=RecoveryMethod.FACTORY_RESTORE)
    KNOWN.knowing(replace(FACTS, methods=ways)).when(ASK).then(begun)


def test_no_reset_begins_of_a_device_that_was_removed() -> None:
    error = KNOWN.knowing(replace(FACTS, removed=True)).when(ASK).refused("device_removed")
    assert "Add it again" in error.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("digits", 5),
        ("digits", 9),
        ("valid", 59),
        ("valid", 601),
        ("tries", 0),
        ("tries", 11),
        ("between_sends", 29),
        ("sends", 0),
        ("open_for", 599),
    ],
)
def test_rules_outside_of_the_standards_are_not_taken_into_use(name: str, value: int) -> None:
    with pytest.raises(Refused) as refused:
        CodeRules(**{name: value}).checked()
    assert (refused.value.code, refused.value.field) == ("rule_out_of_bounds", name)
    assert CodeRules().checked() == CodeRules()
