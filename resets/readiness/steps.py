"""A drill: a code to the Reset Password Email, typed by who asked for it, then the way is tried.

Everything of a reset but the end: no command here has a password, and none is ever changed.

Its codes are counted apart from those of resets, so that no drill uses up what somebody needs who
has lost a password: one drill of a device in a quarter of an hour, its codes as many and as far
apart as the site's rules say, and so many in a day to one mailbox.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from fleet.accounts.state import Human, Role
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Actor, Command, Event, asked, command, supplied
from resets.codes import CodeKey
from resets.readiness.events import (
    DrillBegun,
    DrillCancelled,
    DrillCodeIssued,
    DrillCodeRejected,
    DrillCodeVerified,
    DrillExpired,
    DrillFailed,
    DrillMailTold,
    DrillPassed,
    DrillWaited,
)
from resets.readiness.state import DrillPhase, DrillState
from resets.rules import CodeRules
from resets.state import Delivery, RecoveryMethod
from resets.steps.send_code import too_soon
from resets.steps.verify_code import in_digits, not_your_code, refuse_if_dead

BETWEEN_DRILLS = timedelta(minutes=15)  # of one device
WINDOW = timedelta(days=1)
MOST_TO_ONE = 10  # codes of drills to one mailbox in it


@dataclass(frozen=True)
class DrillFacts:
    """The device as whoever asks may see it. `way`: the best that needs nobody at the device."""

    id: UUID
    organisation: UUID
    site: UUID
    name: str
    reset_email: str
    way: RecoveryMethod | None
    rules: CodeRules
    removed: bool = False
    being_reset: bool = False


@dataclass(frozen=True)
class EarlierDrills:
    """`last`: when the newest drill of the device began. `to_one`: the codes of drills to its
    mailbox in the last day, the oldest first, each at the time of its drill's newest.
    """

    last: datetime | None = None
    to_one: tuple[datetime, ...] = ()

    def refuse_drill(self, now: datetime) -> None:
        """Raises Refused where it is too soon for another one."""
        if self.last and now < self.last + BETWEEN_DRILLS:
            wait = ceil((self.last + BETWEEN_DRILLS - now).total_seconds())
            raise Refused(
                "drill_too_soon",
                "A drill of this device began a moment ago. Another one may in "
                f"{ceil(wait / 60)} min.",
                retry_after=wait,
            )

    def refuse_code(self, now: datetime) -> None:
        """Raises Refused where it would be one code too many."""
        if len(self.to_one) >= MOST_TO_ONE:
            wait = ceil((self.to_one[-MOST_TO_ONE] + WINDOW - now).total_seconds())
            raise Refused(
                "too_many_drill_codes",
                f"{len(self.to_one)} codes of drills went to this mailbox in the last day, and no "
                f"more will for now. Another may in {ceil(wait / 3600)} h.",
                retry_after=max(wait, 1),
            )


@dataclass(frozen=True)
class DrillKey(CodeKey):
    """The server's key for codes; each drill has its own codes, as each reset has."""


# --- what people do -------------------------------------------------------------------------------


def _refuse_if_over(drill: DrillState, now: datetime) -> None:
    if not drill.phase.open or (drill.expires_at and now >= drill.expires_at):
        raise Conflict("drill_over", "This drill is over. Begin another one on the device's page.")


def _issued(drill: DrillState, now: datetime, asker: Actor, owner: str) -> DrillCodeIssued:
    return DrillCodeIssued.next(drill.sends, drill.reset_email, drill.rules, now, asker, owner)


@command(by=Role.TECHNICIAN, creates=True)
class BeginDrill(Command[DrillState]):
    """Begin a drill of a reset: a code is mailed to the Reset Password Email. Once it was typed,
    Rekey tries whether it could set a password on the device, and sets none.
    """

    device: UUID
    facts: DrillFacts = supplied()
    earlier: EarlierDrills = supplied()
    asker: Actor = supplied()
    human: Human = supplied()

    def decide(self, drill: DrillState, now: datetime) -> Iterable[Event[DrillState]]:
        facts = self.facts
        if facts.removed:
            raise Refused(
                "device_removed", "This device was removed from the fleet. Add it again to go on."
            )
        if not facts.reset_email:
            raise Refused(
                "no_reset_email",
                "No Reset Password Email is set for this device, so there is no code to try. Name "
                "one on the device's page; a second person has to agree to it.",
            )
        if facts.way is None:
            raise Refused(
                "no_way_to_try",
                "Only the factory restore is left for this device: there is nothing to try from "
                "here. Check it while its password is known, so that Rekey makes its own account.",
            )
        if facts.being_reset:
            raise Conflict(
                "device_being_reset",
                "A reset of this device is under way, which proves more than a drill. Go on with "
                "that one.",
            )
        self.earlier.refuse_drill(now)
        self.earlier.refuse_code(now)
        begun = DrillBegun(
            facts.organisation,
            facts.site,
            facts.id,
            facts.name,
            facts.reset_email,
            facts.way,
            self.asker.name,
            facts.rules,
            now,
            now + timedelta(seconds=facts.rules.open_for),
        )
        yield begun
        yield _issued(begun.evolve(drill), now, self.asker, self.human.id)


@command(by=Role.TECHNICIAN)
class SendDrillCode(Command[DrillState]):
    """Mail another code of the drill. It replaces the one before."""

    earlier: EarlierDrills = supplied()
    asker: Actor = supplied()
    human: Human = supplied()

    @classmethod
    def offered(cls, drill: DrillState, now: datetime) -> bool:
        return drill.phase is DrillPhase.CODE_SENT and drill.sends_left > 0

    def decide(self, drill: DrillState, now: datetime) -> Iterable[Event[DrillState]]:
        _refuse_if_over(drill, now)
        if drill.phase is not DrillPhase.CODE_SENT:
            raise Conflict("no_code_needed", "The code of this drill was entered already.")
        if not drill.sends_left:
            raise Refused(
                "no_sends_left",
                f"{drill.sends} codes were sent for this drill and no more will be. Find out why "
                "none arrived, and begin another drill.",
            )
        assert drill.sent_at
        again = drill.sent_at + timedelta(seconds=drill.rules.between_sends)
        if now < again:
            raise too_soon(ceil((again - now).total_seconds()))
        self.earlier.refuse_code(now)
        yield _issued(drill, now, self.asker, self.human.id)


@command(by=Role.TECHNICIAN)
class EnterDrillCode(Command[DrillState]):
    """Enter the code from the drill's mail. A wrong one costs a try, as in a reset."""

    code: str = asked("Code from the email", secret=True, max_length=40)
    key: DrillKey = supplied()
    human: Human = supplied()

    @classmethod
    def offered(cls, drill: DrillState, now: datetime) -> bool:
        until = drill.code_expires_at
        live = drill.phase is DrillPhase.CODE_SENT and drill.tries_left > 0
        return live and until is not None and now < until

    @classmethod
    def offered_to(cls, drill: DrillState, person: str) -> bool:
        return drill.owner in ("", person)

    def decide(self, drill: DrillState, now: datetime) -> Iterable[Event[DrillState]]:
        _refuse_if_over(drill, now)
        if drill.phase is not DrillPhase.CODE_SENT:
            raise Conflict("no_code_needed", "The code of this drill was entered already.")
        refuse_if_dead(drill.tries_left, drill.code_expires_at, now)
        typed = in_digits(self.code, drill.rules.digits)
        if drill.owner and drill.owner != self.human.id:
            raise not_your_code("this drill")
        if self.key.matches(typed, drill.id, drill.sends, drill.rules.digits):
            yield DrillCodeVerified()
        else:
            yield DrillCodeRejected(drill.tries_left - 1)


@command(by=Role.TECHNICIAN)
class CancelDrill(Command[DrillState]):
    """Cancel the drill. Nothing was done to the device."""

    @classmethod
    def offered(cls, drill: DrillState, now: datetime) -> bool:
        return drill.phase is DrillPhase.CODE_SENT

    def decide(self, drill: DrillState, now: datetime) -> Iterable[Event[DrillState]]:
        if drill.phase is not DrillPhase.CODE_SENT:
            raise Conflict("drill_over", "This drill is over, or its way is being tried by now.")
        yield DrillCancelled(now)


# --- what jobs do ---------------------------------------------------------------------------------


@command(by=Role.JOB)
class RecordDrillMail(Command[DrillState]):
    """Record what became of a mail, as far as it is news; also of a code that was replaced."""

    send: int
    delivery: Delivery
    answer: str

    def decide(self, drill: DrillState, now: datetime) -> Iterable[Event[DrillState]]:
        if drill.is_news(self.send, self.delivery):
            yield DrillMailTold(self.send, self.delivery, self.answer)


@command(by=Role.JOB)
class RecordDrillWait(Command[DrillState]):
    """Record why the way cannot be tried yet."""

    why: str

    def decide(self, drill: DrillState, now: datetime) -> Iterable[Event[DrillState]]:
        if drill.phase is DrillPhase.CHECKING and drill.waiting_for != self.why:
            yield DrillWaited(self.why)


@command(by=Role.JOB)
class PassDrill(Command[DrillState]):
    """Record that a reset would have worked."""

    def decide(self, drill: DrillState, now: datetime) -> Iterable[Event[DrillState]]:
        if drill.phase is DrillPhase.CHECKING:
            yield DrillPassed(WAYS[drill.method], now)


WAYS = {
    RecoveryMethod.MANAGEMENT_ACCOUNT: "by Rekey's own account on the device",
    RecoveryMethod.DEVICE_RECOVERY: "by the device's own check of the code",
}


@command(by=Role.JOB)
class FailDrill(Command[DrillState]):
    """Record that a reset would not have worked, and why."""

    why: str
    words: str

    def decide(self, drill: DrillState, now: datetime) -> Iterable[Event[DrillState]]:
        if drill.phase is DrillPhase.CHECKING:
            yield DrillFailed(self.why, self.words, now)


@command(by=Role.JOB)
class ExpireDrill(Command[DrillState]):
    """End a drill whose code nobody has entered in time."""

    def decide(self, drill: DrillState, now: datetime) -> Iterable[Event[DrillState]]:
        if drill.phase is DrillPhase.CODE_SENT and drill.expires_at and now >= drill.expires_at:
            yield DrillExpired(now)
