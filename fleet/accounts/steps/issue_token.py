"""A person makes an API token for themselves: no mightier than they are, and it expires.

The token itself is made and shown once by whoever sends the command; what comes in here and into
the log is SHA-256 over its 256 random bits, from which nobody gets back to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from fleet.accounts.state import Role, TokenState
from fleet.errors import Forbidden, Refused
from fleet.eventstore.messages import Actor, Command, Event, asked, command, event, supplied
from fleet.names import named

MOST_DAYS = 366


@event("accounts.token_issued", schema=2, upcast={1: lambda fields: fields | {"site": None}})
class TokenIssued(Event[TokenState]):
    """{actor} made the API token {name}, which {role.may} until {expires_at:%d %b %Y}."""

    person: UUID
    name: str
    role: Role
    digest: str
    expires_at: datetime
    organisation: UUID
    site: UUID | None

    def evolve(self, state: TokenState) -> TokenState:
        return state.but(
            organisation=self.organisation,
            site=self.site,
            person=self.person,
            name=self.name,
            role=self.role,
            digest=self.digest,
            expires_at=self.expires_at,
        )


@command(by=Role.VIEWER, creates=True)
class IssueToken(Command[TokenState]):
    """Make an API token, for an organisation with all its sites or for one site of it."""

    organisation: UUID
    digest: str
    name: str = asked("Name", help="What will use it, such as “ticketing”.")
    role: Role = asked("It may act as", default=Role.VIEWER)
    days: int = asked("Days until it expires", default=90)
    site: UUID | None = None
    asker: Actor = supplied()

    def decide(self, state: TokenState, now: datetime) -> Iterable[Event[TokenState]]:
        if self.asker.kind != "person":
            raise Forbidden("people_only", "Only a signed-in person makes tokens.")
        name = named(self.name, "token")
        if self.role is Role.JOB:
            raise Refused("no_such_role", "Choose one of the roles for people.", field="role")
        if not 1 <= self.days <= MOST_DAYS:
            raise Refused("days_out_of_range", f"Choose from 1 to {MOST_DAYS} days.", field="days")
        yield TokenIssued(
            UUID(self.asker.id),
            name,
            self.role,
            self.digest,
            now + timedelta(days=self.days),
            self.organisation,
            self.site,
        )
