"""This was not me: whoever reads the mailbox says that nobody of theirs is doing this.

It stops a reset that still waits for people. Where the device is being changed already, or the
reset has ended, it is a fact all the same, for the administrators to look into.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from resets.phone.tokens import LONGEST, ByToken, Kind, PhoneKey, read
from resets.state import Phase, ResetState

DISOWNED_UNTIL = timedelta(days=7)  # after the time of the reset is over: people read mail late


@event("resets.reset_disowned")
class ResetDisowned(Event[ResetState]):
    """{actor} said: this was not me. The mail was that of code number {send}.

    `stopped`: the reset was still waiting for people, and ends with this.
    """

    send: int
    stopped: bool

    def evolve(self, reset: ResetState) -> ResetState:
        reset = reset.but(disowned=True)
        if not self.stopped:
            return reset
        return reset.but(phase=Phase.CANCELLED, outcome="disowned", tries_left=0)

    def told(self, actor: str) -> str:
        became = "The reset was stopped." if self.stopped else "It was too late to stop the reset."
        return f"{actor} said: this was not me. {became}"


def no_such_mail() -> Refused:
    """What is said of everything that is not authentic, so that nobody learns what was wrong."""
    return Refused(
        "not_me_wrong",
        "This is not an address from a mail of Rekey’s. Open the one in the mail again, whole.",
    )


def refuse_late(reset: ResetState, now: datetime) -> None:
    """Refuse what comes long after the reset. Raises Refused."""
    if reset.expires_at is None or now >= reset.expires_at + DISOWNED_UNTIL:
        raise too_old("reset")


def too_old(what: str) -> Refused:
    """What is said of a mail whose reset, or campaign, ended long ago."""
    return Refused(
        "not_me_expired",
        f"This mail is too old: its {what} ended long ago. "
        "Tell whoever looks after your cameras, and show them the mail.",
    )


@command(by=Role.TECHNICIAN)
class DisownReset(ByToken, Command[ResetState]):
    """Say that it was not you. A reset that still waits for people is stopped."""

    token: str = asked("What the mail's address says", secret=True, max_length=LONGEST)
    phone_key: PhoneKey = supplied()

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        claim = read(self.token)
        if not self.phone_key.holds(claim, Kind.NOT_ME, reset):
            raise no_such_mail()
        refuse_late(reset, now)
        if not reset.disowned:
            yield ResetDisowned(claim.number, stopped=reset.may_stop)
