"""Send Code: a verification code is to be mailed to the Reset Password Email.

The event holds the send's number, from which the code is derived; never the code. A resend has
another number, so it replaces the code before (OWASP Forgot Password cheat sheet).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from fleet.accounts.state import Human, Role
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Actor, Command, Event, command, event, supplied
from resets.limits.rules import Budget
from resets.rules import CodeRules
from resets.state import Phase, ResetState, masked, refuse_if_over, refuse_on_recorder


def _anybodys(fields: dict[str, Any]) -> dict[str, Any]:
    """In schema 1 a code was anybody's who might type it."""
    return {**fields, "owner": "", "by_phone": False}


@dataclass(frozen=True)
class Issue:
    """A code that was asked for, of a reset, a campaign or a drill. `mailbox` is masked; only the
    person with the id `owner` may type it, before `expires_at`.
    """

    send: int
    mailbox: str
    tries: int
    at: datetime
    expires_at: datetime
    asked_by: str
    owner: str

    @classmethod
    def next(
        cls, sends: int, mailbox: str, rules: CodeRules, now: datetime, asker: Actor, owner: str,
        **more: Any,
    ) -> Self:  # fmt: skip
        """The one after so many `sends`."""
        return cls(
            send=sends + 1,
            mailbox=masked(mailbox),
            tries=rules.tries,
            at=now,
            expires_at=now + timedelta(seconds=rules.valid),
            asked_by=asker.name,
            owner=owner,
            **more,
        )


@event("resets.code_issued", schema=2, upcast={1: _anybodys})
class CodeIssued(Issue, Event[ResetState]):
    """{actor} asked for code number {send} to be mailed to {mailbox}."""

    by_phone: bool

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(
            phase=Phase.CODE_SENT,
            sends=self.send,
            sent_at=self.at,
            code_expires_at=self.expires_at,
            tries_left=self.tries,
            owner=self.owner,
            waiting_for="",
            mails=reset.with_mail(self.send, self.at, reset.reset_email),
            qr_used=reset.qr_used or self.by_phone,
        )


def refuse_to_send(reset: ResetState, now: datetime) -> None:
    """Refuse what no wait helps against. Raises Refused, Conflict."""
    refuse_if_over(reset, now)
    if reset.phase is Phase.AWAITING_APPROVAL:
        raise Conflict("not_approved", "A second person has to agree to this reset first.")
    if reset.phase not in (Phase.REQUESTED, Phase.CODE_SENT):
        raise Conflict("no_code_needed", "This reset needs no code now. Look where it stands.")
    refuse_on_recorder(reset)
    if not reset.reset_email:
        raise Refused(
            "no_reset_email",
            "No Reset Password Email is set for this device, so no code can be sent. "
            "Name one on the device's page; a second person has to agree to it.",
        )
    if reset.may_send_from is None:
        raise Refused(
            "no_sends_left",
            f"{reset.sends} codes were sent for this reset and no more will be. "
            "Cancel it, find out why none worked, and begin another.",
        )


def too_soon(wait: int) -> Refused:
    """What is said of another code before its time, with so many seconds to wait."""
    return Refused(
        "too_soon",
        f"A code is on its way. Another may be sent in {wait} s; check the spam folder.",
        retry_after=wait,
    )


@command(by=Role.TECHNICIAN)
class SendCode(Command[ResetState]):
    """Mail a verification code to the Reset Password Email."""

    asker: Actor = supplied()
    human: Human = supplied()
    budget: Budget = supplied()

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        again_from = reset.may_send_from
        asked = reset.phase in (Phase.REQUESTED, Phase.CODE_SENT) and not reset.still_on_recorder
        return asked and again_from is not None

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        yield self._issued(reset, now, owner=self.human.id)

    def _issued(
        self, reset: ResetState, now: datetime, owner: str, by_phone: bool = False
    ) -> CodeIssued:
        """The next code, for this person to type. Raises Refused, Conflict."""
        refuse_to_send(reset, now)
        again_from = reset.may_send_from
        if again_from is not None and now < again_from:
            raise too_soon(int((again_from - now).total_seconds()) + 1)
        self.budget.refuse()
        return CodeIssued.next(
            reset.sends, reset.reset_email, reset.rules, now, self.asker, owner, by_phone=by_phone
        )
