"""Who has been told of an event, as its own events leave it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid5

from fleet.eventstore.messages import State, state


@dataclass(frozen=True)
class Told:
    """A mail to one reader: a person by their id, or `mailbox`. `refused`: nobody will take it."""

    reader: str
    name: str
    mailbox: str
    refused: bool
    answer: str


@state("notice")
class NoticeState(State):
    """All that were told of one event. `about` is the stream of it, `title` what it was called."""

    about: UUID | None = None
    title: str = ""
    told: tuple[Told, ...] = ()

    def has_told(self, reader: str) -> bool:
        return any(one.reader == reader for one in self.told)


def notice_id(event: UUID) -> UUID:
    """The stream of who was told of this event."""
    return uuid5(event, "notice")
