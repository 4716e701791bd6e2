"""Organisations, roles and tokens, step by step. Who may take which is in test_access."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from fleet.accounts.state import Role
from fleet.accounts.steps.found_organisation import FoundOrganisation, OrganisationFounded
from fleet.accounts.steps.grant_role import GrantRole, RoleGranted
from fleet.accounts.steps.issue_token import MOST_DAYS, IssueToken, TokenIssued
from fleet.accounts.steps.revoke_role import RevokeRole, RoleRevoked
from fleet.accounts.steps.revoke_token import RevokeToken, TokenRevoked
from fleet.errors import Conflict, Forbidden
from fleet.eventstore.messages import Actor
from fleet.eventstore.testing import NOW, STREAM, given

ORGANISATION, SITE, PERSON = (UUID(int=n) for n in range(1, 4))
ALICE = Actor("person", str(PERSON), "Alice")
DIGEST = "0" * 64

GRANTED = RoleGranted(PERSON, "Alice", Role.OPERATOR, ORGANISATION, SITE)
GRANT = GrantRole(PERSON, "Alice", Role.OPERATOR, ORGANISATION, SITE)
ISSUED = TokenIssued(
    PERSON, "ticketing", Role.TECHNICIAN, DIGEST, NOW + timedelta(days=7), ORGANISATION, SITE
)
ISSUE = IssueToken(ORGANISATION, DIGEST, " ticketing ", Role.TECHNICIAN, 7, SITE)
SIGNED_IN = given().knowing(ALICE)


def test_an_organisation_is_founded_and_is_its_own() -> None:
    state = (
        given()
        .when(FoundOrganisation(" Northern Light "))
        .then(OrganisationFounded("Northern Light"))
    )
    assert (state.organisation, state.site) == (STREAM, None)


def test_an_organisation_has_a_name() -> None:
    assert given().when(FoundOrganisation(" ")).refused("name_missing").field == "name"
    assert given().when(FoundOrganisation("A\nB")).refused("name_unprintable").field == "name"


def test_a_role_is_given_and_taken_back() -> None:
    state = given().when(GRANT).then(GRANTED)
    assert (state.active, state.role, state.site) == (True, Role.OPERATOR, SITE)
    state = given(GRANTED).when(RevokeRole("She left")).then(RoleRevoked())
    assert not state.active


def test_a_role_is_taken_back_once() -> None:
    gone = given(GRANTED, RoleRevoked())
    assert isinstance(gone.when(RevokeRole("She left")).refused("revoked_already"), Conflict)


@pytest.mark.parametrize("reason", ["", " ", "\n"])
def test_a_role_is_not_taken_back_without_a_reason(reason: str) -> None:
    assert given(GRANTED).when(RevokeRole(reason)).refused("reason_missing").field == "reason"


def test_nobody_is_made_a_job() -> None:
    assert given().when(replace(GRANT, role=Role.JOB)).refused("no_such_role").field == "role"


def test_a_token_is_made_by_the_person_it_is_for() -> None:
    state = SIGNED_IN.when(ISSUE).then(ISSUED)
    assert (state.person, state.digest, state.revoked) == (PERSON, DIGEST, False)
    assert (state.organisation, state.site) == (ORGANISATION, SITE)


@pytest.mark.parametrize("kind", ["token", "job", ""])
def test_only_a_person_makes_tokens(kind: str) -> None:
    error = SIGNED_IN.knowing(replace(ALICE, kind=kind)).when(ISSUE).refused("people_only")
    assert isinstance(error, Forbidden)


@pytest.mark.parametrize(
    ("code", "field", "fields"),
    [
        ("name_missing", "name", {"name": "  "}),
        ("name_unprintable", "name", {"name": "ticket\ning"}),
        ("no_such_role", "role", {"role": Role.JOB}),
        ("days_out_of_range", "days", {"days": 0}),
        ("days_out_of_range", "days", {"days": -3}),
        ("days_out_of_range", "days", {"days": MOST_DAYS + 1}),
    ],
)
def test_a_token_that_cannot_be_is_refused(code: str, field: str, fields: dict) -> None:
    assert SIGNED_IN.when(replace(ISSUE, **fields)).refused(code).field == field


@pytest.mark.parametrize("days", [1, MOST_DAYS])
def test_a_token_may_last_a_day_or_a_year(days: int) -> None:
    SIGNED_IN.when(replace(ISSUE, days=days)).then(
        replace(ISSUED, expires_at=NOW + timedelta(days=days))
    )


@pytest.mark.parametrize("asker", [ALICE, Actor("token", str(STREAM), "Alice (ticketing)")])
def test_a_token_is_revoked_by_its_person_or_by_itself(asker: Actor) -> None:
    assert given(ISSUED).knowing(asker).when(RevokeToken()).then(TokenRevoked()).revoked


def test_a_token_is_revoked_by_nobody_else_and_once() -> None:
    other = replace(ALICE, id=str(SITE))
    error = given(ISSUED).knowing(other).when(RevokeToken()).refused("not_yours")
    assert isinstance(error, Forbidden)
    gone = given(ISSUED, TokenRevoked()).knowing(ALICE).when(RevokeToken())
    assert isinstance(gone.refused("revoked_already"), Conflict)


def test_the_ranks_are_in_the_order_of_might() -> None:
    ranks = [role.rank for role in Role]
    assert ranks == sorted(ranks)
    assert [role.value for role in Role] == [
        "viewer",
        "technician",
        "operator",
        "administrator",
        "job",
    ]
    assert all(role.may for role in Role)
