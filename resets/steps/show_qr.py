"""Show a QR: for a device that is offline, a phone asks for the code in its place.

The event holds the QR's number, from which its token is derived (see `resets.phone.tokens`); never
the token. A new QR replaces the one before. One QR is good for one code.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from fleet.accounts.state import Human, Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, command, event, supplied
from resets.state import ResetState
from resets.steps.send_code import SendCode, refuse_to_send

QR_LIVES = timedelta(minutes=10)  # NIST SP 800-63B, OWASP ASVS 5.0 6.5.5: at most
MOST_QRS = 50  # for one reset


@event("resets.qr_shown")
class QrShown(Event[ResetState]):
    """{actor} showed QR number {number}, with which a phone can ask for the code."""

    number: int
    expires_at: datetime
    who: str
    shown_by: str

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(
            qr=self.number,
            qr_expires_at=self.expires_at,
            qr_owner=self.who,
            qr_shown_by=self.shown_by,
            qr_used=False,
        )


@command(by=Role.TECHNICIAN)
class ShowQr(Command[ResetState]):
    """Show a QR, for when the device is offline: whoever scans it can have the code sent."""

    human: Human = supplied()

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        in_time = reset.expires_at is not None and now < reset.expires_at
        wanted = SendCode.offered(reset, now) and bool(reset.reset_email)
        return wanted and in_time and reset.qr < MOST_QRS

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        refuse_to_send(reset, now)
        if reset.qr >= MOST_QRS:
            raise Refused(
                "no_qrs_left",
                f"{reset.qr} QRs were shown for this reset and no more will be. "
                "Send the code from here, or cancel the reset and begin another.",
            )
        assert reset.expires_at is not None
        expires_at = min(now + QR_LIVES, reset.expires_at)
        yield QrShown(reset.qr + 1, expires_at, self.human.id, self.human.name)
