"""The log: load a stream, append to it, read it in its one order.

On PostgreSQL a statement trigger takes an advisory transaction lock before the first row of an
append is given its position (see migration 0002), so positions become visible in order and no
reader that keeps a checkpoint can pass a gap. SQLite has one writer anyway.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction

from fleet.errors import NotFound
from fleet.eventstore import database
from fleet.eventstore.chain import GENESIS, link
from fleet.eventstore.database import as_time, as_uuid
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Actor, By, Event, Recorded, S, State, decode, encode
from fleet.eventstore.models import EventRow
from fleet.eventstore.tables import Table, batches
from fleet.eventstore.together import Together

UUID = uuid.UUID

_table = Table(EventRow, without=["position"])


class VersionTaken(Exception):
    """Somebody else appended this version of the stream first."""


@dataclass(slots=True)
class Loaded:
    """A stream as far as it has come: the folded state, its version, its last hash."""

    state: State
    version: int = 0
    hash: bytes = GENESIS


def load(streams: dict[UUID, type[State]]) -> dict[UUID, Loaded]:
    """Fold the streams, all of them with one query. One that is not there is at version 0.

    Raises NotFound for the id of something else, such as a device's where a reset is meant.
    """
    loaded = {stream: Loaded(kind(stream)) for stream, kind in streams.items()}
    for some in batches(list(streams), 10_000):
        which = _one_of(some)
        found = database.rows(
            "SELECT stream, version, type, schema, data, hash FROM event"
            f" WHERE stream {which.sql} ORDER BY stream, version",
            which.parameters,
        )
        for stream, version, name, schema, data, digest in found:
            at = loaded[as_uuid(stream)]
            happened = decode(name, schema, data)
            if happened.of is not type(at.state):
                raise NotFound(at.state.category)
            at.state = happened.evolve(at.state)
            at.version, at.hash = version, digest
    return loaded


def state_of(kind: type[S], stream: UUID) -> S:
    """A stream's state as it is now; blank when there is no such stream."""
    state = _state((stream, kind))
    assert isinstance(state, kind)
    return state


def _states(asked: list[tuple[UUID, type[State]]]) -> list[State]:
    loaded = load(dict(asked))
    return [loaded[stream].state for stream, _ in asked]


_state = Together(_states)


def append(
    stream: Loaded, happened: Sequence[Event[Any]], by: By, reason: str, now: datetime
) -> list[dict[str, Any]]:
    """The rows for events that have just been decided. They are written by `write`."""
    rows = []
    for event in happened:
        state = stream.state = event.evolve(stream.state)
        stream.version += 1
        row = {
            "id": new_id(),
            "stream": state.id,
            "version": stream.version,
            "category": state.category,
            "type": event.tag,
            "schema": event.schema,
            "at": now,
            "actor_kind": by.actor.kind,
            "actor_id": by.actor.id,
            "actor_name": by.actor.name,
            "source": by.source,
            "reason": reason,
            "correlation": by.correlation or state.id,
            "causation": by.causation,
            "organisation": state.organisation,
            "site": state.site,
            "subject": state.subject,
            "data": encode(event).decode(),
            "previous": bytes(stream.hash),
        }
        row["hash"] = stream.hash = link(row["previous"], row)
        rows.append(row)
    return rows


def write(rows: Sequence[dict[str, Any]]) -> None:
    """Append, in one statement. Last in the transaction: from here the order's lock is held.

    Raises VersionTaken when a stream has moved on since it was loaded.
    """
    try:
        _table.insert([_table.row(row) for row in rows])
    except IntegrityError as error:
        if "event_stream_version" in str(error) or "event.stream" in str(error):
            raise VersionTaken from error
        raise


@contextmanager
def nothing_appended() -> Iterator[None]:
    """A transaction in which nobody appends, for whoever compares the log with what follows from
    it.
    """
    with transaction.atomic():  # on SQLite, alone by itself
        if database.on_postgresql():
            database.run("SELECT event_order()")
        yield


# --- reading --------------------------------------------------------------------------------------

_COLUMNS = (
    "position, id, stream, version, category, type, schema, at, actor_kind, actor_id, actor_name,"
    " source, reason, correlation, causation, organisation, site, subject, data, previous, hash"
)


def read_between(after: int, upto: int, types: Sequence[str], limit: int) -> list[Recorded]:
    """Events of these types behind one position and up to another, in order."""
    marks = ", ".join(["%s"] * len(types))
    return _recorded(
        f"WHERE position > %s AND position <= %s AND type IN ({marks}) ORDER BY position LIMIT %s",
        [after, upto, *types, limit],
    )


def read_one(position: int) -> Recorded:
    return read_at([position])[position]


def read_at(positions: Sequence[int]) -> dict[int, Recorded]:
    """The events at these positions, by them."""
    marks = ", ".join(["%s"] * len(positions))
    found = _recorded(f"WHERE position IN ({marks})", positions)
    return {recorded.position: recorded for recorded in found}


def read_stream(stream: UUID) -> list[Recorded]:
    """A whole stream, from its first event."""
    which = _one_of([stream])
    return _recorded(f"WHERE stream {which.sql} ORDER BY version", which.parameters)


def read_streams(streams: Sequence[UUID]) -> list[Recorded]:
    """Whole streams, one after the other, each from its first event."""
    found = []
    for some in batches(list(streams), 10_000):
        which = _one_of(some)
        where = f"WHERE stream {which.sql} ORDER BY stream, version"
        found += _recorded(where, which.parameters)
    return found


def position_before(moment: datetime) -> int:
    """The last position whose event is older; 0 if there is none. Reads back from the end."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT position FROM event WHERE at < %s ORDER BY position DESC LIMIT 1",
            [connection.ops.adapt_datetimefield_value(moment)],
        )
        row = cursor.fetchone()
        return int(row[0]) if row else 0


def last_position() -> int:
    """The end of the log."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(position), 0) FROM event")
        return int(cursor.fetchone()[0])


def folded(
    category: str, kind: type[State], only: Sequence[UUID] | None = None
) -> Iterator[tuple[State, int, datetime]]:
    """Every stream of a category, or some: its state, version and last change, one at a time."""
    which = _Which("IS NOT NULL", []) if only is None else _one_of(only)
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            "SELECT stream, version, type, schema, data, at FROM event"
            f" WHERE category = %s AND stream {which.sql} ORDER BY stream, version",
            [category, *which.parameters],
        )
        state: State | None = None
        version, at = 0, None
        while rows := cursor.fetchmany(2000):
            for stream, number, name, schema, data, when in rows:
                if number == 1:
                    if state is not None:
                        yield state, version, as_time(at)
                    state = kind(as_uuid(stream))
                assert state is not None
                state = decode(name, schema, data).evolve(state)
                version, at = number, when
        if state is not None:
            yield state, version, as_time(at)


@dataclass(frozen=True, slots=True)
class _Which:
    sql: str
    parameters: list[Any]


def _one_of(streams: Sequence[UUID]) -> _Which:
    if connection.vendor == "postgresql":
        if len(streams) == 1:
            return _Which("= %s", list(streams))
        return _Which("= ANY(%s)", [list(streams)])
    return _Which(f"IN ({', '.join(['%s'] * len(streams))})", [s.hex for s in streams])


def _recorded(where: str, parameters: Sequence[Any]) -> list[Recorded]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM event {where}", parameters)
        return [
            Recorded(
                r[0], as_uuid(r[1]), as_uuid(r[2]), r[3], r[4], r[5], r[6], as_time(r[7]),
                Actor(r[8], r[9], r[10]), r[11], r[12], as_uuid(r[13]), r[14] and as_uuid(r[14]),
                r[15] and as_uuid(r[15]), r[16] and as_uuid(r[16]), r[17] and as_uuid(r[17]),
                r[18], bytes(r[19]), bytes(r[20]),
            )
            for r in cursor
        ]  # fmt: skip
