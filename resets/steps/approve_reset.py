"""Approval: a second person agrees, or declines, before anything happens.

What they agree to is bound by a digest over all that will be done. If anything of it has changed
since it was asked for, the approval is void, and nothing happens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from fleet.accounts.state import Human, Role
from fleet.errors import Conflict, Refused, RekeyError
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from resets.rules import APPROVAL_WORDS
from resets.state import Phase, ResetState
from resets.steps.second_person import may_agree, refuse_unless_second, refuse_unless_shown


@dataclass(frozen=True)
class Agreement:
    """Whether a second person has to agree, and to what.

    `why`: "" if nobody has to, else a key of `rules.APPROVAL_WORDS`. `facts`: all that decides
    what will be done, and to which device. `valid` in seconds.
    """

    why: str = ""
    facts: tuple[str, ...] = ()
    valid: int = 86_400

    def digest(self, method: str, reason: str) -> str:
        """SHA-256 over what is agreed to, in hex."""
        return hashlib.sha256(msgspec.json.encode([*self.facts, method, reason])).hexdigest()


@event("resets.approval_asked")
class ApprovalAsked(Event[ResetState]):
    """A second person has to agree: {why}."""

    why: str
    digest: str
    expires_at: datetime

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(
            phase=Phase.AWAITING_APPROVAL,
            approval_why=self.why,
            digest=self.digest,
            agreed_mailbox=reset.reset_email,
            expires_at=self.expires_at,
        )

    def told(self, actor: str) -> str:
        return f"A second person has to agree: {APPROVAL_WORDS.get(self.why, self.why)}."


@event("resets.reset_approved")
class ResetApproved(Event[ResetState]):
    """{actor} agreed to the reset."""

    approver: str
    expires_at: datetime

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(phase=Phase.REQUESTED, approver=self.approver, expires_at=self.expires_at)


@event("resets.reset_declined")
class ResetDeclined(Event[ResetState]):
    """{actor} declined the reset: {reason}"""

    reason: str

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(phase=Phase.CANCELLED, outcome="declined")


@event("resets.approval_voided")
class ApprovalVoided(Event[ResetState]):
    """What was to be agreed to has changed since, so that nobody can agree to it any more."""

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(phase=Phase.CANCELLED, outcome="approval_void")

    def refusal(self) -> RekeyError:
        return Conflict(
            "approval_void",
            "The device has changed since this was asked for. The request is void: "
            "look at the device, and begin another reset.",
        )


class _Answer(Command[ResetState]):
    """What only somebody else than the asker may say."""

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        return reset.phase is Phase.AWAITING_APPROVAL

    @classmethod
    def offered_to(cls, reset: ResetState, person: str) -> bool:
        return may_agree(person, reset.asker_id)


def _refuse_answer(reset: ResetState, human: Human, now: datetime) -> None:
    if reset.phase is not Phase.AWAITING_APPROVAL:
        raise Conflict(
            "nothing_to_approve",
            f"{reset.approver} has agreed to this reset already. Look where it stands."
            if reset.approver
            else "Nothing waits for approval here any more. Look where the reset stands.",
        )
    if reset.expires_at is not None and now >= reset.expires_at:
        raise Conflict("approval_expired", "Nobody agreed in time. Begin another reset.")
    refuse_unless_second(
        human,
        reset.asker_id,
        "agree to a reset or decline it",
        "You asked for this reset yourself. Another administrator has to agree.",
    )


@command(by=Role.ADMINISTRATOR)
class ApproveReset(_Answer):
    """Agree to the reset as it is shown."""

    digest: str = asked(
        "Digest of what is agreed to",
        help="As the reset itself shows it to whoever may agree: it stands for all that is shown.",
        max_length=64,
    )
    human: Human = supplied()
    agreement: Agreement = supplied()

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        _refuse_answer(reset, self.human, now)
        refuse_unless_shown(self.digest, reset.digest)
        if self.agreement.digest(reset.method.value, reset.reason) != reset.digest:
            yield ApprovalVoided()
        else:
            opens = timedelta(seconds=reset.rules.open_for)
            yield ResetApproved(self.human.name, now + opens)


@command(by=Role.ADMINISTRATOR)
class DeclineReset(_Answer):
    """Decline the reset. The device keeps the password that it has."""

    reason: str = asked("Why not?", help="Whoever asked reads this.", long=True, max_length=500)
    human: Human = supplied()

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        _refuse_answer(reset, self.human, now)
        if not self.reason.strip():
            raise Refused("reason_missing", "Say why not; who asked reads it.", field="reason")
        yield ResetDeclined(self.reason.strip())
