"""Somebody's role is taken back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleet.accounts.state import Role, RoleState
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Command, Event, asked, command, event


@event("accounts.role_revoked")
class RoleRevoked(Event[RoleState]):
    """{actor} took a role back."""

    def evolve(self, state: RoleState) -> RoleState:
        return state.but(active=False)


@command(by=Role.ADMINISTRATOR)
class RevokeRole(Command[RoleState]):
    """Take a role back."""

    reason: str = asked("Why is the role taken back?", long=True, max_length=500)

    def decide(self, state: RoleState, now: datetime) -> Iterable[Event[RoleState]]:
        if not self.reason.strip():
            raise Refused("reason_missing", "Say why; it stands in the history.", field="reason")
        if not state.active:
            raise Conflict("revoked_already", "This role was taken back already.")
        yield RoleRevoked()
