"""What happens in a drill. None of it is a password, and none changes one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fleet.errors import Refused
from fleet.eventstore.messages import Event, event
from resets.readiness.state import DrillPhase, DrillState
from resets.rules import CodeRules
from resets.state import Delivery, RecoveryMethod
from resets.steps.send_code import Issue
from resets.steps.verify_code import wrong_code


@event("resets.drill_begun")
class DrillBegun(Event[DrillState]):
    """{actor} began a drill of a reset. No password is changed by it."""

    organisation: UUID
    site: UUID
    device: UUID
    device_name: str
    reset_email: str
    method: RecoveryMethod
    asker: str
    rules: CodeRules
    at: datetime
    expires_at: datetime

    def evolve(self, drill: DrillState) -> DrillState:
        return drill.but(
            organisation=self.organisation,
            site=self.site,
            subject=self.device,
            device_name=self.device_name,
            reset_email=self.reset_email,
            method=self.method,
            asker=self.asker,
            rules=self.rules,
            begun_at=self.at,
            expires_at=self.expires_at,
        )


@event("resets.drill_code_issued")
class DrillCodeIssued(Issue, Event[DrillState]):
    """{actor} asked for code number {send} of the drill to be mailed to {mailbox}."""

    def evolve(self, drill: DrillState) -> DrillState:
        return drill.but(
            sends=self.send,
            sent_at=self.at,
            code_expires_at=self.expires_at,
            tries_left=self.tries,
            owner=self.owner,
            mails=drill.with_mail(self.send, self.at, drill.reset_email),
        )


@event("resets.drill_mail_told")
class DrillMailTold(Event[DrillState]):
    """What became of the mail with code number {send} of the drill ({delivery}): {answer}"""

    send: int
    delivery: Delivery
    answer: str

    def evolve(self, drill: DrillState) -> DrillState:
        return drill.but(mails=drill.with_news(self.send, self.delivery, self.answer))

    def told(self, actor: str) -> str:
        what = _NEWS.get(self.delivery, "The mail with the drill's code is on its way")
        return f"{what}: {self.answer}" if self.answer else f"{what}."


_NEWS = {
    Delivery.HANDED_OVER: "The mail with the drill's code was handed to the mail server",
    Delivery.DEFERRED: "The mail server did not take the drill's code yet; Rekey tries again",
    Delivery.REFUSED: "The mail server refused the drill's code for good",
    Delivery.HELD_UP: "The server of the mailbox did not take the drill's code yet",
    Delivery.DELIVERED: "The server of the mailbox took the drill's code",
    Delivery.BOUNCED: "The mail with the drill's code came back",
    Delivery.SPAM: "Somebody marked the mail with the drill's code as spam",
}


@event("resets.drill_code_verified")
class DrillCodeVerified(Event[DrillState]):
    """{actor} typed the right code of the drill."""

    def evolve(self, drill: DrillState) -> DrillState:
        return drill.but(phase=DrillPhase.CHECKING, tries_left=0)


@event("resets.drill_code_rejected")
class DrillCodeRejected(Event[DrillState]):
    """{actor} typed a wrong code of the drill; {tries_left} tries left."""

    tries_left: int

    def evolve(self, drill: DrillState) -> DrillState:
        return drill.but(tries_left=self.tries_left)

    def refusal(self) -> Refused:
        return wrong_code(self.tries_left)


@event("resets.drill_waited_for")
class DrillWaited(Event[DrillState]):
    """The drill waits for the device: {why}."""

    why: str

    def evolve(self, drill: DrillState) -> DrillState:
        return drill.but(waiting_for=self.why)

    def told(self, actor: str) -> str:
        return f"The drill waits for the device ({self.why.replace('_', ' ')})."


@dataclass(frozen=True)
class _Ended(Event[DrillState]):
    def _over(self, drill: DrillState, phase: DrillPhase, at: datetime) -> DrillState:
        return drill.but(phase=phase, ended_at=at, tries_left=0, waiting_for="")


@event("resets.drill_passed")
class DrillPassed(_Ended):
    """The drill has passed: a reset would have worked, {way}."""

    way: str
    at: datetime

    def evolve(self, drill: DrillState) -> DrillState:
        return self._over(drill, DrillPhase.PASSED, self.at)


@event("resets.drill_failed")
class DrillFailed(_Ended):
    """The drill has failed: {words}"""

    why: str
    words: str
    at: datetime

    def evolve(self, drill: DrillState) -> DrillState:
        return self._over(drill, DrillPhase.FAILED, self.at).but(outcome=self.why)


@event("resets.drill_expired")
class DrillExpired(_Ended):
    """The drill has expired: its code was never entered."""

    at: datetime

    def evolve(self, drill: DrillState) -> DrillState:
        return self._over(drill, DrillPhase.EXPIRED, self.at)


@event("resets.drill_cancelled")
class DrillCancelled(_Ended):
    """{actor} cancelled the drill."""

    at: datetime

    def evolve(self, drill: DrillState) -> DrillState:
        return self._over(drill, DrillPhase.CANCELLED, self.at)
