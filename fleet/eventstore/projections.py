"""Projections: a read-model row is the picture of a stream's folded state, and nothing else.

So a row can be thrown away and drawn again: `rebuild` does that, `differences` only compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from fleet.eventstore import store
from fleet.eventstore.messages import CATEGORIES, State
from fleet.eventstore.models import EventRow, ReadModel
from fleet.eventstore.tables import Table, batches

S = TypeVar("S", bound=State)
Picture = Callable[[Any], Mapping[str, Any]]

BATCH = 500


@dataclass
class Projection:
    """Which table shows the streams of a category, and how a state becomes its row."""

    category: str
    model: type[ReadModel]
    picture: Picture

    @cached_property
    def table(self) -> Table:
        return Table(self.model)

    def row(self, state: State, version: int, at: datetime) -> list[Any]:
        return self.table.row(
            {
                "id": state.id,
                "organisation": state.organisation,
                "site": state.site,
                "version": version,
                "changed_at": at,
                **self.picture(state),
            }
        )


PROJECTIONS: dict[str, Projection] = {}


def projects(
    category: str, model: type[ReadModel]
) -> Callable[[Callable[[S], Mapping[str, Any]]], Callable[[S], Mapping[str, Any]]]:
    """Register a function from a state to its row's own columns. It has to be pure."""

    def register(picture: Callable[[S], Mapping[str, Any]]) -> Callable[[S], Mapping[str, Any]]:
        PROJECTIONS[category] = Projection(category, model, picture)
        return picture

    return register


def project(changed: Iterable[tuple[State, int, datetime]]) -> None:
    """Draw the rows of these states: one statement for each table.

    Tables are taken in one order by everybody, and rows in the order they come in (handling sorts
    them): two who change the same rows then wait for one another, and never in a circle.
    """
    rows: dict[str, list[list[Any]]] = {}
    for state, version, at in changed:
        if drawn := PROJECTIONS.get(state.category):
            rows.setdefault(state.category, []).append(drawn.row(state, version, at))
    for category, some in sorted(rows.items()):
        PROJECTIONS[category].table.upsert(some)


def rebuild() -> int:
    """Throw every row away and draw it again from the log; answers with the number of rows.

    One transaction, during which nothing is appended: readers see the old rows, then the new.
    """
    drawn = 0
    with transaction.atomic(durable=True):
        if connection.vendor == "postgresql":
            # The tables, not the log: a writer draws its rows first and appends last, so whoever
            # held the log here and then wanted the rows would meet it in a circle.
            tables = [PROJECTIONS[c].model._meta.db_table for c in sorted(PROJECTIONS)]
            with connection.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE")
        for projection in PROJECTIONS.values():
            with connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {projection.model._meta.db_table}")
            states = store.folded(projection.category, CATEGORIES[projection.category])
            for some in _batched(states):
                projection.table.upsert([projection.row(*one) for one in some])
                drawn += len(some)
    return drawn


@dataclass(frozen=True)
class Difference:
    """A row that is not the picture of its stream."""

    table: str
    id: UUID
    what: str


def differences() -> Iterator[Difference]:
    """Every row that is missing, too much, or other than the log says. Changes nothing.

    People may go on working: what looks different is looked at again while nothing is appended.
    """
    for projection in PROJECTIONS.values():
        suspects = sorted({difference.id for difference in _compared(projection)})
        for some in batches(suspects, BATCH):
            with transaction.atomic():  # on SQLite, alone by itself
                if connection.vendor == "postgresql":
                    with connection.cursor() as cursor:
                        cursor.execute("SELECT event_order()")
                found = list(_compared(projection, some))
            yield from found


def _compared(projection: Projection, only: Sequence[UUID] | None = None) -> Iterator[Difference]:
    name = projection.model._meta.db_table
    kind = CATEGORIES[projection.category]
    for some in _batched(store.folded(projection.category, kind, only)):
        actual = _rows(projection, [state.id for state, _, _ in some])
        for state, version, at in some:
            expected = _comparable(projection.row(state, version, at))
            found = actual.get(state.id)
            if found is None:
                yield Difference(name, state.id, "is missing")
            elif found != expected:
                pairs = zip(projection.table.names, found, expected, strict=True)
                columns = [column for column, a, b in pairs if a != b]
                yield Difference(name, state.id, f"differs in {', '.join(columns)}")
    stream = EventRow.everything.filter(stream=OuterRef("pk"), category=projection.category)
    too_many = projection.model.everything.filter(~Exists(stream))
    if only is not None:
        too_many = too_many.filter(pk__in=only)
    for row in too_many.values_list("pk", flat=True).iterator():
        yield Difference(name, row, "is too much: no stream accounts for it")


def _rows(projection: Projection, ids: Sequence[UUID]) -> dict[UUID, list[Any]]:
    found = projection.model.everything.filter(pk__in=ids).values_list(*projection.table.names)
    key = projection.table.names.index("id")
    return {
        row[key]: _comparable(
            projection.table.row(dict(zip(projection.table.names, row, strict=True)))
        )
        for row in found
    }


def _comparable(row: list[Any]) -> list[Any]:
    """psycopg's JSON wrapper has no equality of its own."""
    return [getattr(value, "obj", value) for value in row]


def _batched(states: Iterator[Any]) -> Iterator[list[Any]]:
    some: list[Any] = []
    for one in states:
        some.append(one)
        if len(some) == BATCH:
            yield some
            some = []
    if some:
        yield some
