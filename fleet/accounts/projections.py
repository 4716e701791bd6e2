"""Organisations, roles and tokens as rows."""

from __future__ import annotations

from typing import Any

from fleet.accounts.models import Organisation, RoleRow, Token
from fleet.accounts.state import OrganisationState, RoleState, TokenState
from fleet.errors import Conflict
from fleet.eventstore.handling import conflict_of
from fleet.eventstore.projections import projects


@projects("organisation", Organisation)
def organisation(state: OrganisationState) -> dict[str, Any]:
    return {"name": state.name}


@projects("role", RoleRow)
def role(state: RoleState) -> dict[str, Any]:
    return {"person": state.person, "role": state.role.value, "active": state.active}


@projects("token", Token)
def token(state: TokenState) -> dict[str, Any]:
    return {
        "person": state.person,
        "name": state.name,
        "role": state.role.value,
        "digest": state.digest,
        "expires_at": state.expires_at,
        "revoked": state.revoked,
    }


def _has_role() -> Conflict:
    return Conflict(
        "has_role_already", "This person has a role there. Take it back first, then give another."
    )


conflict_of("role_once_per_organisation", "role.person, role.organisation", _has_role)
conflict_of("role_once_per_site", "role.person, role.site", _has_role)
