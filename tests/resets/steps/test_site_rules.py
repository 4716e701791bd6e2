from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from fleet.errors import Refused
from fleet.eventstore.testing import given
from resets.limits.rules import DEFAULTS, ORGANISATION_DEFAULTS, Counted, Limit, Scope
from resets.rules import (
    APPROVAL_BOUNDS,
    APPROVAL_WORDS,
    CODE_BOUNDS,
    ApprovalRules,
    CodeRules,
    PasswordSharing,
)
from resets.steps.site_rules import (
    ApprovalRulesSet,
    CodeRulesSet,
    LimitsSet,
    PasswordSharingSet,
    Place,
    SetApprovalRules,
    SetCodeRules,
    SetLimits,
    SetPasswordSharing,
)
from tests.resets.steps.story import ORGANISATION, SITE

KNOWN = given().knowing(Place(ORGANISATION, SITE))
STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_the_rules_for_codes_are_set_as_a_whole() -> None:
    rules = CodeRules(digits=6, valid=300, tries=3, between_sends=30, sends=2, open_for=7200)
    state = KNOWN.when(SetCodeRules(SITE, **asdict(rules))).then(
        CodeRulesSet(ORGANISATION, SITE, rules)
    )
    assert (state.codes, state.site, state.organisation) == (rules, SITE, ORGANISATION)
    assert state.approval == ApprovalRules()


def test_what_is_left_out_takes_its_default() -> None:
    known = given(CodeRulesSet(ORGANISATION, SITE, CodeRules(digits=6, tries=3)))
    again = known.knowing(Place(ORGANISATION, SITE)).when(SetCodeRules(SITE, tries=3))
    assert again.then(CodeRulesSet(ORGANISATION, SITE, CodeRules(tries=3))).codes.digits == 8


def test_campaigns_may_share_passwords_from_when_it_is_set_until_it_is_taken_back() -> None:
    allowed = PasswordSharingSet(ORGANISATION, SITE, PasswordSharing(allowed=True))
    KNOWN.when(SetPasswordSharing(SITE, allowed=True)).then(allowed)
    known = given(allowed).knowing(Place(ORGANISATION, SITE))
    taken_back = PasswordSharingSet(ORGANISATION, SITE, PasswordSharing())
    assert not known.when(SetPasswordSharing(SITE)).then(taken_back).sharing.allowed


@pytest.mark.parametrize(
    "command", [SetCodeRules(SITE), SetApprovalRules(SITE), SetPasswordSharing(SITE)]
)
def test_rules_that_are_so_already_are_not_set_again(command) -> None:
    KNOWN.when(command).then_nothing()


@pytest.mark.parametrize("name", CODE_BOUNDS)
@pytest.mark.parametrize("beyond", [-1, 1])
def test_codes_stay_within_their_bounds(name: str, beyond: int) -> None:
    least, most = CODE_BOUNDS[name]
    edge = least if beyond < 0 else most
    KNOWN.when(SetCodeRules(SITE, **{name: edge})).decided()
    error = KNOWN.when(SetCodeRules(SITE, **{name: edge + beyond})).refused("rule_out_of_bounds")
    assert isinstance(error, Refused)
    assert (error.field, error.facts) == (name, {"least": least, "most": most})


@pytest.mark.parametrize("name", APPROVAL_BOUNDS)
@pytest.mark.parametrize("beyond", [-1, 1])
def test_the_rules_of_approval_stay_within_theirs(name: str, beyond: int) -> None:
    edge = APPROVAL_BOUNDS[name][0 if beyond < 0 else 1]
    error = KNOWN.when(SetApprovalRules(SITE, **{name: edge + beyond})).refused(
        "rule_out_of_bounds"
    )
    assert error.field == name


def test_the_rules_of_approval_are_set_as_a_whole() -> None:
    rules = ApprovalRules(True, 22, 6, True, 5, True, 3600)
    state = KNOWN.when(SetApprovalRules(SITE, **asdict(rules))).then(
        ApprovalRulesSet(ORGANISATION, SITE, rules)
    )
    assert (state.approval, state.codes) == (rules, CodeRules())


# --- when they ask --------------------------------------------------------------------------------


def why(rules: ApprovalRules, **facts: object) -> str:
    told = {"nvr": False, "mailbox": True, "today": 0, "at": NOON, "zone": STOCKHOLM}
    return rules.why(**(told | facts))  # type: ignore[arg-type]


def test_by_themselves_they_ask_for_nobody() -> None:
    assert why(ApprovalRules(), nvr=True, mailbox=False, today=10_000) == ""


@pytest.mark.parametrize(
    ("rules", "facts", "expected"),
    [
        (ApprovalRules(always=True), {}, "always"),
        (ApprovalRules(nvrs=True), {"nvr": True}, "nvr"),
        (ApprovalRules(nvrs=True), {}, ""),
        (ApprovalRules(without_mailbox=True), {"mailbox": False}, "without_mailbox"),
        (ApprovalRules(without_mailbox=True), {}, ""),
        (ApprovalRules(above_a_day=3), {"today": 3}, "above_a_day"),
        (ApprovalRules(above_a_day=3), {"today": 2}, ""),
    ],
)
def test_each_of_them_asks_for_its_own_reason(rules, facts, expected: str) -> None:
    assert why(rules, **facts) == expected
    assert expected == "" or expected in APPROVAL_WORDS


@pytest.mark.parametrize(
    ("night", "at_night"),
    [((22, 6), {22, 23, 0, 1, 2, 3, 4, 5}), ((1, 3), {1, 2}), ((0, 0), set()), ((5, 5), set())],
)
def test_the_night_is_by_the_clock_of_the_site(night: tuple[int, int], at_night: set[int]) -> None:
    rules = ApprovalRules(night_from=night[0], night_to=night[1])
    asked = {
        hour
        for hour in range(24)
        if why(rules, at=NOON.astimezone(STOCKHOLM).replace(hour=hour, minute=59)) == "night"
    }
    assert asked == at_night


def test_rules_that_were_allowed_once_can_still_be_read() -> None:
    odd = replace(CodeRules(), digits=4)
    assert given(CodeRulesSet(ORGANISATION, SITE, odd)).state().codes == odd


def test_limits_are_set_as_a_whole_and_taken_back_to_the_defaults() -> None:
    state = KNOWN.when(SetLimits(SITE, DEFAULTS[:5])).then(
        LimitsSet(ORGANISATION, SITE, DEFAULTS[:5])
    )
    assert state.limits == DEFAULTS[:5]
    own = given(LimitsSet(ORGANISATION, SITE, DEFAULTS[:5])).knowing(Place(ORGANISATION, SITE))
    own.when(SetLimits(SITE, None)).then(LimitsSet(ORGANISATION, SITE, None))
    own.when(SetLimits(SITE, DEFAULTS[:5])).then()


def test_a_limit_is_set_where_it_belongs() -> None:
    wide = given().knowing(Place(ORGANISATION, None))
    wide.when(SetLimits(ORGANISATION, DEFAULTS[:5])).refused("limit_elsewhere")
    KNOWN.when(SetLimits(SITE, (*DEFAULTS[:5], *ORGANISATION_DEFAULTS))).refused("limit_elsewhere")


@pytest.mark.parametrize("most", [0, -1, 10_001])
def test_a_limit_out_of_bounds_is_refused_with_its_field(most: int) -> None:
    limits = (*DEFAULTS[:5], Limit(Counted.RESETS, Scope.DEVICE, most, 3600))
    assert KNOWN.when(SetLimits(SITE, limits)).refused("limit_out_of_bounds").field == "most"


def test_a_site_keeps_a_limit_of_guesses() -> None:
    KNOWN.when(SetLimits(SITE, DEFAULTS[:3])).refused("limit_missing")
