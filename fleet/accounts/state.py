"""Organisations, roles and tokens, as their events leave them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from fleet.eventstore.messages import State, state


class Role(StrEnum):
    """What somebody may do, at an organisation with all its sites or at one site.

    Each includes the ones before it. JOB is Rekey's own work; no person ever has it.
    """

    VIEWER = "viewer"
    TECHNICIAN = "technician"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"
    JOB = "job"

    @property
    def rank(self) -> int:
        return _RANKS[self]

    @property
    def may(self) -> str:
        """For people."""
        return {
            Role.VIEWER: "may look",
            Role.TECHNICIAN: "may reset passwords",
            Role.OPERATOR: "may also add and change devices",
            Role.ADMINISTRATOR: "may also manage people, tokens and sites, and see passwords",
            Role.JOB: "is Rekey itself",
        }[self]


_RANKS = {role: rank for rank, role in enumerate(Role)}  # asked for each row of a list


@dataclass(frozen=True)
class Human:
    """The person behind whoever acts: behind a token, whose it is; nobody behind jobs and phones.

    Where two people are needed, a person and their own token are one.
    """

    id: str = ""
    name: str = ""


@state("organisation")
class OrganisationState(State):
    name: str = ""


@state("role")
class RoleState(State):
    person: UUID | None = None
    role: Role = Role.VIEWER
    active: bool = False


@state("token")
class TokenState(State):
    person: UUID | None = None
    name: str = ""
    role: Role = Role.VIEWER
    digest: str = ""
    expires_at: datetime | None = None
    revoked: bool = False
