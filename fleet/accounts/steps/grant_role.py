"""Somebody is given a role, at an organisation with all its sites or at one site of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from fleet.accounts.state import Role, RoleState
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, command, event


@event("accounts.role_granted")
class RoleGranted(Event[RoleState]):
    """{actor} made {who} {role}."""

    person: UUID
    who: str
    role: Role
    organisation: UUID
    site: UUID | None

    def evolve(self, state: RoleState) -> RoleState:
        return state.but(
            organisation=self.organisation,
            site=self.site,
            person=self.person,
            role=self.role,
            active=True,
        )


@command(by=Role.ADMINISTRATOR, creates=True)
class GrantRole(Command[RoleState]):
    """Give somebody a role."""

    person: UUID
    who: str
    role: Role
    organisation: UUID
    site: UUID | None = None

    def decide(self, state: RoleState, now: datetime) -> Iterable[Event[RoleState]]:
        if self.role is Role.JOB:
            raise Refused("no_such_role", "Choose one of the roles for people.", field="role")
        yield RoleGranted(self.person, self.who, self.role, self.organisation, self.site)
