from __future__ import annotations

import pytest

from fleet.eventstore.testing import given
from resets.steps.add_note import AddNote, NoteAdded
from tests.resets.steps.story import ENDED, WITH_PEOPLE, WITH_THE_DEVICE


@pytest.mark.parametrize("events", [*WITH_PEOPLE, *WITH_THE_DEVICE, *ENDED])
def test_a_note_may_be_added_whatever_the_reset_is_at_and_changes_nothing(events: tuple) -> None:
    before = given(*events)
    assert before.when(AddNote(" Ticket 4711 ")).then(NoteAdded("Ticket 4711")) == before.state()


def test_an_empty_note_is_refused() -> None:
    assert given(*WITH_PEOPLE[0]).when(AddNote("  ")).refused("note_missing").field == "note"
