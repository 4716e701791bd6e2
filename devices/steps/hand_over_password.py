"""A stored password leaves in an encrypted file: with a reason, and it stands in the history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from devices.state import CredentialState
from devices.steps.reveal_password import refuse_to_tell
from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, asked, command, event


@event("devices.password_handed_over")
class PasswordHandedOver(Event[CredentialState]):
    """{actor} took the password of the account {username} along in a file that opens to {opens}."""

    username: str
    secret: UUID
    opens: str

    def evolve(self, state: CredentialState) -> CredentialState:
        return state


@command(by=Role.ADMINISTRATOR)
class HandOverPassword(Command[CredentialState]):
    """Give the password out in an encrypted file. `opens` is what the file opens to, in words."""

    opens: str
    reason: str = asked("Why does it leave Rekey?", long=True, max_length=500)

    def decide(self, state: CredentialState, now: datetime) -> Iterable[Event[CredentialState]]:
        yield PasswordHandedOver(state.username, refuse_to_tell(state, self.reason), self.opens)
