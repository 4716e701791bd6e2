"""An API token is revoked: it opens nothing from then on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleet.accounts.state import Role, TokenState
from fleet.errors import Conflict, Forbidden
from fleet.eventstore.messages import Actor, Command, Event, command, event, supplied


@event("accounts.token_revoked")
class TokenRevoked(Event[TokenState]):
    """{actor} revoked the API token."""

    def evolve(self, state: TokenState) -> TokenState:
        return state.but(revoked=True)


@command(by=Role.VIEWER)
class RevokeToken(Command[TokenState]):
    """Revoke an API token."""

    asker: Actor = supplied()

    def decide(self, state: TokenState, now: datetime) -> Iterable[Event[TokenState]]:
        if self.asker.id not in (str(state.person), str(state.id)):
            raise Forbidden("not_yours", "Only the person who made a token revokes it.")
        if state.revoked:
            raise Conflict("revoked_already", "This token was revoked already.")
        yield TokenRevoked()
