"""The device's challenge: a device that checks the code by itself asks first, and the code follows.

Where Rekey reaches the device it takes the challenge itself. Where it does not, somebody who stands
at the device brings it: then the code is mailed for that one, or, once the mailbox is proven,
another order is made (see `give_order`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from devices.drivers.recovery_crypto import unb64
from fleet.accounts.state import Role
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from resets.applying import papers
from resets.applying.papers import MOST_ORDERS, ChallengePaper
from resets.applying.state import Taken
from resets.state import Phase, RecoveryMethod, ResetState, refuse_if_over
from resets.steps.send_code import SendCode

LIVES = timedelta(seconds=600)  # as the protocol has it


@dataclass(frozen=True)
class KnownSerial:
    """The device's serial number as Rekey knows it; "" if it does not."""

    serial: str = ""


@event("resets.challenge_taken")
class ChallengeTaken(Event[ResetState]):
    """The device gave a challenge, which the next code answers."""

    send: int
    challenge: str
    value: str
    serial: str
    expires_at: datetime

    def evolve(self, reset: ResetState) -> ResetState:
        return _taken(reset, self, brought=False)

    def told(self, actor: str) -> str:
        if not self.send:
            return "The device gave another challenge. The mailbox is proven, so Rekey answers it."
        return f"The device gave a challenge: code number {self.send} is the answer to it."


@event("resets.challenge_brought")
class ChallengeBrought(Event[ResetState]):
    """{actor} brought a challenge from the device with serial number {serial}."""

    send: int
    challenge: str
    value: str
    serial: str
    expires_at: datetime

    def evolve(self, reset: ResetState) -> ResetState:
        return _taken(reset, self, brought=True)


def _taken(
    reset: ResetState, event: ChallengeTaken | ChallengeBrought, *, brought: bool
) -> ResetState:
    taken = Taken(event.send, event.challenge, event.value, event.serial, event.expires_at, brought)
    until = reset.code_expires_at
    if event.send and until is not None:
        until = min(until, event.expires_at)  # the device does not take it for longer
    return reset.but(taken=taken, code_expires_at=until, waiting_for="")


@command(by=Role.JOB)
class RecordChallenge(Command[ResetState]):
    """Record the challenge that the device gave; for one code there is one."""

    send: int
    challenge: str
    value: str
    serial: str
    expires_at: datetime

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        wanted = reset.awaits_challenge and self.send == reset.sends
        if wanted or (self.send == 0 and reset.phase is Phase.APPLYING and not reset.is_offline):
            yield ChallengeTaken(
                self.send, self.challenge, self.value, self.serial, self.expires_at
            )


@command(by=Role.TECHNICIAN)
class BringChallenge(SendCode):
    """Bring the challenge from a device that Rekey does not reach. The code answers it."""

    challenge: str = asked(
        "Challenge",
        help="As the device gave it, or all of the file that “apply-offline challenge” wrote.",
        long=True,
        max_length=1000,
    )
    value: str = asked("Value", help="Of the challenge; it is in the file.", default="")
    serial: str = asked("Serial number", help="Of the device; it is in the file.", default="")
    known: KnownSerial = supplied()

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        if reset.method is not RecoveryMethod.DEVICE_RECOVERY:
            return False
        if reset.phase in (Phase.REQUESTED, Phase.CODE_SENT):
            return bool(reset.reset_email) and reset.may_send_from is not None
        out_of_reach = reset.is_offline or bool(reset.waiting_for)
        return reset.phase is Phase.APPLYING and out_of_reach

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if reset.method is not RecoveryMethod.DEVICE_RECOVERY:
            raise Conflict(
                "no_challenge_needed",
                "This reset does not go by the device's own check. Begin another one that does.",
            )
        refuse_if_over(reset, now)
        if reset.phase in (Phase.VERIFIED, Phase.PROVING) or not reset.phase.open:
            raise Conflict(
                "no_challenge_wanted", "No challenge is needed now. Look where the reset stands."
            )
        brought = self._read(reset, now)
        if reset.phase is Phase.APPLYING:
            if reset.orders >= MOST_ORDERS:
                raise Refused(
                    "no_orders_left",
                    f"{reset.orders} orders were made for this reset and no more will be. End it, "
                    "find out why none was carried out, and begin another.",
                )
            yield _brought(0, brought)
            return
        # Without a challenge no mail went out for the code before, so there is none to wait for.
        unmailed = reset.but(sent_at=None) if reset.awaits_challenge else reset
        issued = self._issued(unmailed, now, owner=self.human.id)
        yield issued
        yield _brought(issued.send, brought)

    def _read(self, reset: ResetState, now: datetime) -> ChallengePaper:
        brought = self._paper(now)
        if self.known.serial and brought.serial != self.known.serial:
            raise Refused(
                "challenge_elsewhere",
                f"This challenge is of the device with serial number {brought.serial}, and "
                f"{reset.device_name} has {self.known.serial}. Go to that one.",
                field="serial" if self.serial else "challenge",
            )
        if brought.expires_at <= now:
            raise Refused(
                "challenge_expired",
                "This challenge is older than 10 minutes: the device has forgotten it. "
                "Take another one.",
                field="challenge",
            )
        if reset.taken is not None and reset.taken.challenge == brought.challenge:
            raise Conflict("challenge_known", "This challenge was brought already.")
        # Whatever the clock of whoever took it says: the device forgets it after its 10 minutes.
        until = min(brought.expires_at, now + LIVES)
        return msgspec.structs.replace(brought, expires_at=until)

    def _paper(self, now: datetime) -> ChallengePaper:
        text = self.challenge
        if not text.strip().startswith("{"):
            challenge, value, serial = (
                part.strip() for part in (self.challenge, self.value, self.serial)
            )
            text = ChallengePaper("challenge/1", challenge, value, serial, now + LIVES).text()
        try:
            paper = papers.read(text, ChallengePaper)
            unb64(paper.challenge), unb64(paper.value)
        except ValueError:
            raise Refused(
                "challenge_malformed",
                "This is no challenge. Give its 11 characters, the value's 43 and the serial "
                "number as the device told them, or all of the file.",
                field="challenge",
            ) from None
        return paper


def _brought(send: int, paper: ChallengePaper) -> ChallengeBrought:
    return ChallengeBrought(send, paper.challenge, paper.value, paper.serial, paper.expires_at)
