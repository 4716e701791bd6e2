"""Somebody is shown a stored password: with a reason, and it stands in the history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from devices.state import CredentialState, Purpose
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, asked, command, event


@event("devices.password_revealed")
class PasswordRevealed(Event[CredentialState]):
    """{actor} was shown the password of the account {username}."""

    username: str

    def evolve(self, state: CredentialState) -> CredentialState:
        return state


@command(by=Role.ADMINISTRATOR)
class RevealPassword(Command[CredentialState]):
    """Show the password once."""

    reason: str = asked("Why do you need to see it?", long=True, max_length=500)

    def decide(self, state: CredentialState, now: datetime) -> Iterable[Event[CredentialState]]:
        refuse_to_tell(state, self.reason)
        yield PasswordRevealed(state.username)


def refuse_to_tell(state: CredentialState, reason: str) -> UUID:
    """Which password is told, by its id in the vault. Raises Refused where none is, or nobody has
    said why.
    """
    if not reason.strip():
        raise Refused("reason_missing", "Say why; it stands in the history.", field="reason")
    if state.purpose is Purpose.RECOVERY:
        raise Refused(
            "key_never_shown", "Whoever has this key can work out the codes: it is not shown."
        )
    if state.current is None:
        raise Refused("no_password_known", "No password is known to open this account.")
    return state.current
