"""The phone asks for the code: whoever scanned the QR, signed in or not.

The code goes to the mailbox, not to the phone, and only the person who showed the QR may type it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from fleet.accounts.state import Role
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Event, asked, command, supplied
from resets.phone.tokens import LONGEST, ByToken, Claim, Kind, PhoneKey, read
from resets.state import ResetState
from resets.steps.send_code import SendCode, refuse_to_send


def no_such_qr() -> Refused:
    """What is said of everything that is not authentic, so that nobody learns what was wrong."""
    return Refused(
        "qr_wrong", "This is not a QR that Rekey has shown. Scan the one on the screen again."
    )


def refuse_qr(reset: ResetState, claim: Claim, now: datetime) -> None:
    """Refuse an authentic QR that opens nothing any more. Raises Refused, Conflict."""
    if not reset.phase.open:
        raise Conflict(
            "qr_of_ended_reset",
            "The reset that this QR belongs to has ended. If the password is still lost, "
            "another reset has to be begun.",
        )
    if claim.number != reset.qr:
        raise Refused("qr_replaced", "A newer QR has been shown since. Scan that one.")
    if reset.qr_used:
        raise Refused(
            "qr_used",
            "The code was asked for with this QR already. "
            "For another code, have a new QR shown on the screen.",
        )
    if reset.qr_expires_at is None or now >= reset.qr_expires_at:
        raise Refused("qr_expired", "This QR has expired. Have a new one shown on the screen.")
    refuse_to_send(reset, now)


@command(by=Role.TECHNICIAN)
class SendByPhone(SendCode, ByToken):
    """Mail a verification code to the Reset Password Email. The QR is used up by it."""

    token: str = asked("What the QR says", secret=True, max_length=LONGEST)
    phone_key: PhoneKey = supplied()

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        return False

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        claim = read(self.token)
        if not self.phone_key.holds(claim, Kind.QR, reset):
            raise no_such_qr()
        refuse_qr(reset, claim, now)
        issued = self._issued(reset, now, owner=reset.qr_owner, by_phone=True)
        yield replace(issued, asked_by=reset.qr_shown_by)
