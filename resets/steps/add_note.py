"""A note on a reset: the ticket's number, who was spoken to, what was found at the device."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, asked, command, event
from resets.state import ResetState


@event("resets.note_added")
class NoteAdded(Event[ResetState]):
    """{actor} noted: {note}"""

    note: str

    def evolve(self, reset: ResetState) -> ResetState:
        return reset


@command(by=Role.TECHNICIAN)
class AddNote(Command[ResetState]):
    """Add a note to the history of this reset."""

    note: str = asked("Note", long=True, max_length=500)

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        return True

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if not self.note.strip():
            raise Refused("note_missing", "Write the note before you add it.", field="note")
        yield NoteAdded(self.note.strip())
