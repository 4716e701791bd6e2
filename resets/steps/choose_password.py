"""Enter the new password: generated for this device, or typed and held against its rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fleet.accounts.state import Role
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from resets.state import (
    Phase,
    ResetState,
    refuse_if_over,
    refuse_on_recorder,
    refuse_unless_agreed,
)


@dataclass(frozen=True)
class Kept:
    """The chosen password's id in the vault, or what the device would object to."""

    secret: UUID | None
    problem: str | None = None


@event("resets.password_generated")
class PasswordGenerated(Event[ResetState]):
    """{actor} took a generated password; it is in the vault."""

    secret: UUID

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(phase=Phase.APPLYING, secret=self.secret, generated=True, waiting_for="")


@event("resets.password_typed")
class PasswordTyped(Event[ResetState]):
    """{actor} typed a password of their own; it is in the vault."""

    secret: UUID

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(phase=Phase.APPLYING, secret=self.secret, generated=False, waiting_for="")


@command(by=Role.TECHNICIAN)
class ChoosePassword(Command[ResetState]):
    """Choose the new password. Left empty, a strong one is generated for this device."""

    password: str = asked(
        "New password",
        help="Leave it empty and Rekey generates a strong one for this device alone.",
        secret=True,
        max_length=128,
        default="",
    )
    kept: Kept = supplied()

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        return reset.phase is Phase.VERIFIED and not reset.still_on_recorder

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        refuse_if_over(reset, now)
        refuse_unless_agreed(reset)
        if reset.phase in (Phase.REQUESTED, Phase.CODE_SENT):
            raise Conflict("code_not_verified", "Enter the code from the email first.")
        if reset.phase is not Phase.VERIFIED:
            raise Conflict("password_chosen", "The new password was chosen already.")
        refuse_on_recorder(reset)
        if self.kept.problem or self.kept.secret is None:
            raise Refused("password_too_weak", self.kept.problem or "", field="password")
        kind = PasswordTyped if self.password else PasswordGenerated
        yield kind(self.kept.secret)
