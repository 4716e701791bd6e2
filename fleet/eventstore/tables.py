"""Rows in and out of a table without model instances: the path of a step is bound by them.

The fields' own converters are used, so that a UUID, a time or a JSON value reaches each database
as Django itself would write it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from django.db import connection, models
from django.utils.functional import cached_property

from fleet.eventstore import database

# SQLite takes 32,766 parameters in one statement, PostgreSQL 65,535.
MOST_PARAMETERS = 30_000
COPY_FROM = 32  # rows; below it one INSERT is quicker
T = TypeVar("T")


class Table:
    """Insert and upsert for one model, on whichever database is connected."""

    def __init__(self, model: type[models.Model], *, without: Sequence[str] = ()) -> None:
        self.model = model
        self.fields: list[Any] = [
            f for f in model._meta.concrete_fields if f.attname not in without
        ]
        self.names: list[str] = [f.attname for f in self.fields]

    @cached_property
    def _converters(self) -> list[Callable[[Any], Any] | None]:
        """One converter a column. None where the driver takes the Python value as it is."""
        plain: tuple[type[models.Field[Any, Any]], ...] = (models.TextField, models.CharField)
        plain += (models.IntegerField, models.BinaryField, models.BooleanField)
        if connection.vendor == "postgresql":
            plain += (models.UUIDField, models.DateTimeField)
        return [
            None
            if isinstance(f, plain)
            else lambda value, f=f: f.get_db_prep_save(value, connection)  # type: ignore[misc]
            for f in self.fields
        ]

    @cached_property
    def _columns(self) -> str:
        return ", ".join(connection.ops.quote_name(f.column) for f in self.fields)

    @cached_property
    def _name(self) -> str:
        return connection.ops.quote_name(self.model._meta.db_table)

    @cached_property
    def _on_conflict(self) -> str:
        quote = connection.ops.quote_name
        key: Any = self.model._meta.pk
        changes = ", ".join(
            f"{quote(f.column)} = excluded.{quote(f.column)}" for f in self.fields if f is not key
        )
        return f" ON CONFLICT ({quote(key.column)}) DO UPDATE SET {changes}"

    def row(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in the order of the columns, converted for this database."""
        return [
            value if convert is None or value is None else convert(value)
            for convert, value in zip(
                self._converters, map(values.__getitem__, self.names), strict=True
            )
        ]

    def insert(self, rows: Sequence[list[Any]]) -> None:
        if database.on_postgresql() and len(rows) >= COPY_FROM:
            database.copy(f"{self._name} ({self._columns})", rows)
        else:
            self._insert(rows, "")

    def upsert(self, rows: Sequence[list[Any]]) -> None:
        if not database.on_postgresql() or len(rows) < COPY_FROM:
            self._insert(rows, self._on_conflict)
            return
        # COPY knows no conflicts: it fills a table of this transaction's own first.
        database.run(f"CREATE TEMPORARY TABLE drawn (LIKE {self._name}) ON COMMIT DROP")
        database.copy(f"drawn ({self._columns})", rows)
        database.run(
            f"INSERT INTO {self._name} ({self._columns}) SELECT {self._columns} FROM drawn"
            f"{self._on_conflict}"
        )
        database.run("DROP TABLE drawn")

    def _insert(self, rows: Sequence[list[Any]], ending: str) -> None:
        one = f"({', '.join(['%s'] * len(self.fields))})"
        for batch in batches(rows, MOST_PARAMETERS // len(self.fields)):
            values = ", ".join([one] * len(batch))
            sql = f"INSERT INTO {self._name} ({self._columns}) VALUES {values}{ending}"
            database.run(sql, [value for row in batch for value in row])


def batches(some: Iterable[T], size: int) -> Iterator[list[T]]:
    """So many at a time, in order; the last of them may be fewer."""
    iterator = iter(some)
    while batch := list(islice(iterator, size)):
        yield batch
