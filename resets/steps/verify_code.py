"""Enter the code: a right one opens the way to the new password, a wrong one costs a try."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleet.accounts.state import Human, Role
from fleet.errors import Conflict, Forbidden, Refused, RekeyError
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from resets.codes import CodeKey, plain
from resets.limits.rules import Budget
from resets.state import Phase, ResetState, refuse_if_over, refuse_unless_agreed


@event("resets.code_verified")
class CodeVerified(Event[ResetState]):
    """{actor} typed the right code."""

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(phase=Phase.VERIFIED, tries_left=0)


@event("resets.code_rejected")
class CodeRejected(Event[ResetState]):
    """{actor} typed a wrong code; {tries_left} tries left."""

    tries_left: int

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(tries_left=self.tries_left)

    def refusal(self) -> Refused:
        return wrong_code(self.tries_left)


@event("resets.code_turned_away")
class CodeTurnedAway(Event[ResetState]):
    """{actor} typed a code that somebody else had asked for. It was not looked at; no try lost."""

    def evolve(self, reset: ResetState) -> ResetState:
        return reset

    def refusal(self) -> RekeyError:
        return not_your_code("this reset")


def not_your_code(what: str) -> Forbidden:
    """What is said to whoever types a code that somebody else has asked for."""
    return Forbidden(
        "not_your_code",
        "Somebody else asked for this code, and only they may type it. "
        f"Send a code yourself to go on with {what}.",
    )


def wrong_code(left: int) -> Refused:
    """What is said of a wrong code, with so many tries left."""
    if not left:
        return burned()
    tries = "1 try" if left == 1 else f"{left} tries"
    return Refused(
        "wrong_code",
        f"That is not the code. {tries} left. Use the newest mail, and check each digit.",
        field="code",
        tries_left=left,
    )


def burned() -> Refused:
    return Refused(
        "code_burned",
        "This code was tried too often and no longer counts. Send a new one.",
        field="code",
        tries_left=0,
    )


def refuse_if_dead(tries_left: int, expires_at: datetime | None, now: datetime) -> None:
    """Refuse to look at anything typed where the newest code counts no more. Raises Refused."""
    if not tries_left:
        raise burned()
    if expires_at is None or now >= expires_at:
        raise Refused("code_expired", "This code has expired. Send a new one.", field="code")


def in_digits(typed: str, digits: int) -> str:
    """A code without what people put between its digits. Raises Refused for what no code looks
    like: no guess could be it, so it costs no try.
    """
    typed = plain(typed)
    if not (typed.isascii() and typed.isdigit() and len(typed) == digits):
        raise Refused("code_malformed", f"A code has {digits} digits.", field="code")
    return typed


@command(by=Role.TECHNICIAN)
class VerifyCode(Command[ResetState]):
    """Enter the code from the email. A wrong one is a fact too: recorded, and it costs a try."""

    code: str = asked("Code from the email", secret=True, max_length=40)
    key: CodeKey = supplied()
    human: Human = supplied()
    budget: Budget = supplied()

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        until = reset.code_expires_at
        return reset.code_is_live and until is not None and now < until

    @classmethod
    def offered_to(cls, reset: ResetState, person: str) -> bool:
        return reset.owner in ("", person)

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        refuse_if_over(reset, now)
        refuse_unless_agreed(reset)
        if reset.phase is Phase.REQUESTED:
            raise Conflict("no_code_sent", "No code was sent yet. Send one first.")
        if reset.phase is not Phase.CODE_SENT:
            raise Conflict("no_code_needed", "This reset needs no code now. Look where it stands.")
        refuse_if_dead(reset.tries_left, reset.code_expires_at, now)
        if reset.awaits_challenge:
            raise Refused(
                "code_not_made",
                "There is no code yet: the device checks it by itself, and Rekey has not reached "
                "it. Wait, or bring its challenge from the device.",
                field="code",
            )
        typed, digits = in_digits(self.code, reset.digits), reset.digits
        self.budget.refuse()
        if reset.owner and reset.owner != self.human.id:
            yield CodeTurnedAway()
        elif self.key.matches(typed, reset.id, reset.sends, digits):
            yield CodeVerified()
        else:
            yield CodeRejected(reset.tries_left - 1)
