"""Send Code: a verification code is to be mailed to the Reset Password Email.

The event holds the send's number, from which the code is derived; never the code. A resend has
another number, so it replaces the code before (OWASP Forgot Password cheat sheet).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from fleet.accounts.state import Role
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Actor, Command, Event, command, event, supplied
from resets.state import Delivery, Phase, ResetState, masked, refuse_if_over


@event("resets.code_issued")
class CodeIssued(Event[ResetState]):
    """{actor} asked for code number {send} to be mailed to {mailbox}."""

    send: int
    mailbox: str
    tries: int
    at: datetime
    expires_at: datetime
    asked_by: str

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(
            phase=Phase.CODE_SENT,
            sends=self.send,
            sent_at=self.at,
            code_expires_at=self.expires_at,
            tries_left=self.tries,
            delivery=Delivery.QUEUED,
            delivery_detail="",
        )


@command(by=Role.TECHNICIAN)
class SendCode(Command[ResetState]):
    """Mail a verification code to the Reset Password Email."""

    asker: Actor = supplied()

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        again_from = reset.may_send_from
        return reset.phase in (Phase.REQUESTED, Phase.CODE_SENT) and again_from is not None

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        refuse_if_over(reset, now)
        if reset.phase not in (Phase.REQUESTED, Phase.CODE_SENT):
            raise Conflict("no_code_needed", "This reset needs no code now. Look where it stands.")
        again_from = reset.may_send_from
        if again_from is None:
            raise Refused(
                "no_sends_left",
                f"{reset.sends} codes were sent for this reset and no more will be. "
                "Cancel it, find out why none worked, and begin another.",
            )
        if now < again_from:
            wait = int((again_from - now).total_seconds()) + 1
            raise Refused(
                "too_soon",
                f"A code is on its way. Another may be sent in {wait} s; check the spam folder.",
                retry_after=wait,
            )
        yield CodeIssued(
            send=reset.sends + 1,
            mailbox=masked(reset.reset_email),
            tries=reset.rules.tries,
            at=now,
            expires_at=now + timedelta(seconds=reset.rules.valid),
            asked_by=self.asker.name,
        )
