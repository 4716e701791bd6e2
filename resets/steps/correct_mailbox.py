"""The device's Reset Password Email was corrected while a reset is under way: codes go to the new
one from now on, and what was sent to the old one counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event
from resets.state import Phase, ResetState, masked


@event("resets.mailbox_corrected")
class MailboxCorrected(Event[ResetState]):
    """Codes of this reset go to {mailbox} from now on: the Reset Password Email was corrected."""

    reset_email: str
    mailbox: str
    expires_at: datetime

    def evolve(self, reset: ResetState) -> ResetState:
        reset = reset.but(reset_email=self.reset_email, sent_elsewhere=reset.sends)
        if reset.phase.with_people:
            reset = reset.but(expires_at=self.expires_at)
        if reset.phase is Phase.CODE_SENT:
            reset = reset.but(phase=Phase.REQUESTED, tries_left=0, code_expires_at=None, owner="")
        return reset


@command(by=Role.JOB)
class CorrectMailbox(Command[ResetState]):
    """Let a reset under way go on with the mailbox that its device has by now.

    There is time anew for whoever reads that mailbox. Codes that were sent still count as sent.
    """

    reset_email: str

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        until = reset.expires_at
        if not reset.phase.open or until is None or self.reset_email == reset.reset_email:
            return
        if reset.phase.with_people and now >= until:
            return  # it is over; that is only not recorded yet
        until = max(until, now + timedelta(seconds=reset.rules.open_for))
        yield MailboxCorrected(self.reset_email, masked(self.reset_email), until)
