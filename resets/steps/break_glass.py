"""Break-glass: one person acts alone, without a second one and without a code.

It needs a reason, everybody concerned is told, and it stands on the dashboard until somebody else
has looked into it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from fleet.accounts.state import Human, Role
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from resets.state import Phase, ResetState, refuse_if_over
from resets.steps.second_person import may_agree, refuse_nobody, refuse_unless_second

SHORTEST_REASON = 10


@event("resets.glass_broken")
class GlassBroken(Event[ResetState]):
    """{actor} broke the glass, and goes on without approval and without a code: {reason}"""

    reason: str
    who: str
    expires_at: datetime

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(
            phase=Phase.VERIFIED,
            glass_broken_by=self.who,
            tries_left=0,
            expires_at=self.expires_at,
        )


@event("resets.glass_reviewed")
class GlassReviewed(Event[ResetState]):
    """{actor} looked into the broken glass: {note}"""

    note: str

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(glass_reviewed=True)


@command(by=Role.ADMINISTRATOR)
class BreakGlass(Command[ResetState]):
    """Break the glass: go on alone, without approval and without a code. Everybody is told."""

    reason: str = asked(
        "Why can it not wait?",
        help="The owner of the mailbox and all administrators of the site read this.",
        long=True,
        max_length=500,
    )
    human: Human = supplied()

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        return reset.phase in (Phase.AWAITING_APPROVAL, Phase.REQUESTED, Phase.CODE_SENT)

    @classmethod
    def offered_to(cls, reset: ResetState, person: str) -> bool:
        return bool(person)

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        refuse_if_over(reset, now)
        if not self.offered(reset, now):
            raise Conflict("no_glass_to_break", "This reset needs no code any more, or has ended.")
        refuse_nobody(self.human, "break the glass")
        if len(self.reason.strip()) < SHORTEST_REASON:
            raise Refused(
                "reason_missing",
                f"Say in at least {SHORTEST_REASON} characters why it cannot wait.",
                field="reason",
            )
        opens = timedelta(seconds=reset.rules.open_for)
        yield GlassBroken(self.reason.strip(), self.human.id, now + opens)


@command(by=Role.ADMINISTRATOR)
class ReviewBreakGlass(Command[ResetState]):
    """Say that you have looked into why the glass was broken."""

    note: str = asked("What did you find?", long=True, max_length=500)
    human: Human = supplied()

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        return bool(reset.glass_broken_by) and not reset.glass_reviewed

    @classmethod
    def offered_to(cls, reset: ResetState, person: str) -> bool:
        return may_agree(person, reset.glass_broken_by)

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if not reset.glass_broken_by:
            raise Conflict("no_broken_glass", "Nobody broke the glass in this reset.")
        if reset.glass_reviewed:
            raise Conflict("reviewed_already", "Somebody has looked into it already.")
        refuse_unless_second(
            self.human,
            reset.glass_broken_by,
            "look into it",
            "You broke it yourself. Somebody else has to look.",
        )
        if not self.note.strip():
            raise Refused("note_missing", "Say what you found.", field="note")
        yield GlassReviewed(self.note.strip())
