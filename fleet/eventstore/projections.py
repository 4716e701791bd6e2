"""Projections: a read-model row is the picture of a stream's folded state, and nothing else.

So a row can be thrown away and drawn again: `rebuild` does that, `differences` only compares.
A stream has one row (`projects`); what it holds several of may have a row each (`projects_parts`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils.functional import cached_property

from fleet.eventstore import store
from fleet.eventstore.database import as_uuid
from fleet.eventstore.messages import CATEGORIES, Event, State
from fleet.eventstore.models import EventRow, PartModel, ReadModel
from fleet.eventstore.tables import Table, batches

S = TypeVar("S", bound=State)
Picture = Callable[[S], Mapping[str, Any]]
Pictures = Callable[[S], Iterable[Mapping[str, Any]]]

BATCH = 500


@dataclass
class Projection:
    """Which table shows the streams of these categories, and how a state becomes rows of it.

    `key` is the column that holds the stream. `on`: the events that change a row; None, all do.
    """

    categories: tuple[str, ...]
    model: type[ReadModel] | type[PartModel]
    pictures: Callable[[Any, int, datetime], Iterable[Mapping[str, Any]]]
    key: str = "id"
    on: frozenset[str] | None = None

    @cached_property
    def table(self) -> Table:
        return Table(self.model)

    @property
    def name(self) -> str:
        return self.model._meta.db_table

    def rows(self, state: State, version: int, at: datetime) -> list[list[Any]]:
        whose = {"organisation": state.organisation, "site": state.site, self.key: state.id}
        return [self.table.row({**whose, **one}) for one in self.pictures(state, version, at)]

    def folded(self, only: Sequence[UUID] | None = None) -> Iterator[tuple[State, int, datetime]]:
        """The states that it shows, or only those of these streams."""
        for category in self.categories:
            yield from store.folded(category, CATEGORIES[category], only)


PROJECTIONS: dict[str, Projection] = {}  # by the name of the table
_of_category: dict[str, list[Projection]] = defaultdict(list)


def projects(category: str, model: type[ReadModel]) -> Callable[[Picture[S]], Picture[S]]:
    """Register a function from a state to its row's own columns. It has to be pure."""

    def register(picture: Picture[S]) -> Picture[S]:
        def whole(state: S, version: int, at: datetime) -> Iterable[Mapping[str, Any]]:
            return [{"version": version, "changed_at": at, **picture(state)}]

        _register(Projection((category,), model, whole))
        return picture

    return register


def projects_parts(
    categories: tuple[str, ...], model: type[PartModel], on: Iterable[type[Event[Any]]]
) -> Callable[[Pictures[S]], Pictures[S]]:
    """Register a function from a state to the rows of its parts, each with an `id` that lasts.
    Streams of several categories may have parts of one kind.

    It has to be pure, and no part may go again. `on`: the events that change any of these rows; the
    others cost nothing.
    """

    def register(pictures: Pictures[S]) -> Pictures[S]:
        def parts(state: S, version: int, at: datetime) -> Iterable[Mapping[str, Any]]:
            return pictures(state)

        tags = frozenset(e.tag for e in on)
        _register(Projection(categories, model, parts, "stream", tags))
        return pictures

    return register


def _register(projection: Projection) -> None:
    PROJECTIONS[projection.name] = projection
    for category in projection.categories:
        _of_category[category].append(projection)


def project(changed: Iterable[tuple[State, int, datetime]], types: Collection[str]) -> None:
    """Draw the rows of these states, changed by events of these types: one statement a table.

    Tables are taken in one order by everybody, and rows in the order they come in (handling sorts
    them): two who change the same rows then wait for one another, and never in a circle.
    """
    rows: dict[str, list[list[Any]]] = {}
    for state, version, at in changed:
        for projection in _of_category.get(state.category, ()):
            if projection.on is None or not projection.on.isdisjoint(types):
                drawn = projection.rows(state, version, at)
                rows.setdefault(projection.name, []).extend(drawn)
    for table, some in sorted(rows.items()):
        if some:
            PROJECTIONS[table].table.upsert(some)


Recount = Callable[[], int]
Differences = Callable[[], Iterable["Difference"]]
_others: list[tuple[Recount, Differences]] = []


def also_rebuilt(recount: Recount, differences: Differences) -> None:
    """Register a table that follows from the log in another way than row by stream: who makes it
    again, within a transaction, and who compares it.
    """
    if (recount, differences) not in _others:
        _others.append((recount, differences))


def rebuild() -> int:
    """Throw every row away and draw it again from the log; answers with the number of rows.

    One transaction, during which nothing is appended: readers see the old rows, then the new.
    """
    drawn = 0
    with transaction.atomic(durable=True):
        if connection.vendor == "postgresql":
            # The tables, not the log: a writer draws its rows first and appends last, so whoever
            # held the log here and then wanted the rows would meet it in a circle.
            with connection.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {', '.join(sorted(PROJECTIONS))} IN EXCLUSIVE MODE")
        for projection in PROJECTIONS.values():
            with connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {projection.name}")
            for some in batches(projection.folded(), BATCH):
                rows = [row for one in some for row in projection.rows(*one)]
                if rows:
                    projection.table.upsert(rows)
                drawn += len(rows)
        drawn += sum(recount() for recount, _ in _others)
    return drawn


@dataclass(frozen=True)
class Difference:
    """A row that is not the picture of its stream, or of a part of it."""

    table: str
    id: UUID
    what: str
    stream: UUID


def differences() -> Iterator[Difference]:
    """Every row that is missing, too much, or other than the log says. Changes nothing.

    People may go on working: what looks different is looked at again while nothing is appended.
    """
    for projection in PROJECTIONS.values():
        suspects = sorted({difference.stream for difference in _compared(projection)})
        for some in batches(suspects, BATCH):
            with store.nothing_appended():
                found = list(_compared(projection, some))
            yield from found
    for _, compared in _others:
        yield from compared()


def _compared(projection: Projection, only: Sequence[UUID] | None = None) -> Iterator[Difference]:
    name, key = projection.name, projection.key
    for some in batches(projection.folded(only), BATCH):
        actual = _by_id(projection, _rows(projection, [state.id for state, _, _ in some]))
        for state, version, at in some:
            expected = _by_id(projection, projection.rows(state, version, at))
            for row, values in expected.items():
                found = actual.pop(row, None)
                if found is None:
                    yield Difference(name, row, "is missing", state.id)
                elif found != values:
                    pairs = zip(projection.table.names, found, values, strict=True)
                    columns = [column for column, a, b in pairs if a != b]
                    yield Difference(name, row, f"differs in {', '.join(columns)}", state.id)
        stream = projection.table.names.index(key)
        for row, values in actual.items():
            what = "is too much: its stream knows nothing of it"
            yield Difference(name, row, what, as_uuid(values[stream]))
    streams = EventRow.everything.filter(stream=OuterRef(key), category__in=projection.categories)
    too_many = projection.model.everything.filter(~Exists(streams))
    if only is not None:
        too_many = too_many.filter(**{f"{key}__in": only})
    for row, stream_id in too_many.values_list("pk", key).iterator():
        yield Difference(name, row, "is too much: no stream accounts for it", stream_id)


def _rows(projection: Projection, streams: Sequence[UUID]) -> list[list[Any]]:
    """The rows of these streams as they stand."""
    names = projection.table.names
    found = projection.model.everything.filter(**{f"{projection.key}__in": streams})
    return [
        projection.table.row(dict(zip(names, row, strict=True)))
        for row in found.values_list(*names)
    ]


def _by_id(projection: Projection, rows: Iterable[list[Any]]) -> dict[UUID, list[Any]]:
    key = projection.table.names.index("id")
    return {as_uuid(row[key]): _comparable(row) for row in rows}


def _comparable(row: list[Any]) -> list[Any]:
    """psycopg's JSON wrapper has no equality of its own."""
    return [getattr(value, "obj", value) for value in row]
