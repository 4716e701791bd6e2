"""Whoever changes the log with all rights over the database is given away by the hash chain."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, models

from devices.steps.check_device import CheckDevice
from devices.steps.remove_device import RemoveDevice
from fleet.eventstore import projections
from fleet.eventstore.chain import _PLAIN, first_break, link
from fleet.eventstore.handling import handle
from fleet.eventstore.models import EventRow
from fleet.eventstore.store import read_stream
from tests.cast import Cast
from tests.fleet.eventstore.ground import device, stored, tamper

pytestmark = pytest.mark.django_db


@pytest.fixture
def stream(who: Cast) -> UUID:
    """Five events: added, account made, and three checks."""
    made = device(who)
    for _ in range(3):
        handle(CheckDevice(), made, who.by(who.tess))
    assert len(read_stream(made)) == 5
    return made


def broken(stream: UUID) -> int | None:
    return first_break(read_stream(stream))


def test_a_chain_that_nobody_touched_holds(stream: UUID) -> None:
    assert broken(stream) is None


def test_every_stream_holds_with_whatever_people_typed(who: Cast) -> None:
    made = device(who, name='Ωmega "\\ € 🎥 \\. \\N', host="gate.example")
    handle(RemoveDevice('Sold "\\ \n\t€ 🎥 \\. \\N'), made, who.by(who.alice))
    assert broken(made) is None
    for one in set(EventRow.everything.values_list("stream", flat=True)):
        assert broken(one) is None


def _other(field: models.Field[Any, Any], old: Any) -> Any:
    """Another value that the column takes."""
    if isinstance(field, models.UUIDField):
        return uuid4()
    if isinstance(field, models.DateTimeField):
        return old + timedelta(microseconds=1)
    if isinstance(field, models.IntegerField):
        return old + 1000
    if isinstance(field, models.BinaryField):
        return bytes(32)
    return old + "x"


CHAINED = [f.name for f in EventRow._meta.concrete_fields if f.name not in ("position", "hash")]


@pytest.mark.parametrize("column", CHAINED)
def test_an_event_that_is_altered_in_any_column_breaks_the_chain(stream: UUID, column: str) -> None:
    field = EventRow._meta.get_field(column)
    [old] = EventRow.everything.filter(stream=stream, version=3).values_list(column, flat=True)
    new = field.get_db_prep_value(_other(field, old), connection)
    tamper(f"UPDATE event SET {column} = %s WHERE stream = %s AND version = 3", [new, stream])
    assert broken(stream) == 3


def test_an_altered_event_whose_hash_is_made_anew_breaks_the_chain_at_the_next(
    stream: UUID,
) -> None:
    third = read_stream(stream)[2]
    row = {name: getattr(third, name) for name in _PLAIN} | {
        "actor_kind": third.actor.kind,
        "actor_id": third.actor.id,
        "actor_name": "Somebody else",
    }
    tamper(
        "UPDATE event SET actor_name = 'Somebody else', hash = %s"
        " WHERE stream = %s AND version = 3",
        [link(third.previous, row), stream],
    )
    assert broken(stream) == 4


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_an_event_that_is_taken_out_breaks_the_chain(stream: UUID, version: int) -> None:
    tamper("DELETE FROM event WHERE stream = %s AND version = %s", [stream, version])
    assert broken(stream) == version


def test_an_event_that_is_taken_out_and_its_gap_closed_breaks_the_chain(stream: UUID) -> None:
    tamper("DELETE FROM event WHERE stream = %s AND version = 3", [stream])
    tamper("UPDATE event SET version = 3 WHERE stream = %s AND version = 4", [stream])
    tamper("UPDATE event SET version = 4 WHERE stream = %s AND version = 5", [stream])
    assert broken(stream) == 3


def test_the_last_event_taken_out_is_found_by_the_row_that_shows_it(stream: UUID) -> None:
    """A chain cannot know that it once went on; the read model does."""
    tamper("DELETE FROM event WHERE stream = %s AND version = 5", [stream])
    assert broken(stream) is None
    assert [d.id for d in projections.differences()] == [stream]


def test_an_event_that_is_put_in_breaks_the_chain(stream: UUID) -> None:
    columns = [f.column for f in EventRow._meta.concrete_fields if f.name != "position"]
    fresh = {"id": f"'{stored(uuid4())}'", "version": "3"}
    tamper("UPDATE event SET version = version + 1000 WHERE stream = %s AND version > 2", [stream])
    tamper(
        f"INSERT INTO event ({', '.join(columns)})"
        f" SELECT {', '.join(fresh.get(c, c) for c in columns)} FROM event"
        " WHERE stream = %s AND version = 2",
        [stream],
    )
    tamper(
        "UPDATE event SET version = version - 999 WHERE stream = %s AND version > 1000", [stream]
    )
    assert len(read_stream(stream)) == 6
    assert broken(stream) == 3


def test_two_events_that_change_places_break_the_chain(stream: UUID) -> None:
    for old, new in ((3, 1000), (4, 3), (1000, 4)):
        tamper(
            "UPDATE event SET version = %s WHERE stream = %s AND version = %s", [new, stream, old]
        )
    assert broken(stream) == 3


def test_two_events_that_change_their_content_break_the_chain(stream: UUID) -> None:
    first, second = (recorded.data for recorded in read_stream(stream)[:2])
    assert first != second
    for data, version in ((second, 1), (first, 2)):
        tamper(
            "UPDATE event SET data = %s WHERE stream = %s AND version = %s", [data, stream, version]
        )
    assert broken(stream) == 1


@pytest.mark.parametrize("ending", [b"", b"short"])
def test_a_hash_that_is_cut_breaks_the_chain(stream: UUID, ending: bytes) -> None:
    tamper("UPDATE event SET hash = %s WHERE stream = %s AND version = 5", [ending, stream])
    assert broken(stream) == 5
