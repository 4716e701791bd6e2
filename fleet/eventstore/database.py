"""The log's way to the database: on PostgreSQL with prepared statements.

Django's cursors bind on the client and never prepare, which suits the ORM's ever-new statements.
The log sends the same handful of statements for ever; prepared, a step takes a fifth less time.
(libpq's pipeline mode was tried as well: what it saves in round trips, psycopg spends on it.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import psycopg.adapt
from django.db import connection
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from django.utils.dateparse import parse_datetime
from psycopg.abc import Buffer


class Times(psycopg.adapt.Loader):
    """Times as PostgreSQL writes them; by Django's own loader, half of a list's time was theirs."""

    timezone = UTC  # Django looks here, and puts its own back for any other

    def load(self, data: Buffer) -> datetime:
        return datetime.fromisoformat(str(data, "ascii"))


@receiver(connection_created)
def _read_times_quickly(connection: Any, **kwargs: object) -> None:
    if connection.vendor == "postgresql":
        connection.connection.adapters.register_loader("timestamptz", Times)


def on_postgresql() -> bool:
    return connection.vendor == "postgresql"


def run(sql: str, parameters: Sequence[Any] = ()) -> None:
    """Carry out a statement that answers nothing."""
    with _cursor() as cursor:
        cursor.execute(sql, _adapted(parameters), **_how(parameters))


def rows(sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
    """All rows of a query."""
    with _cursor() as cursor:
        cursor.execute(sql, _adapted(parameters), **_how(parameters))
        found: list[Any] = cursor.fetchall()
        return found


def copy(into: str, rows: Sequence[Sequence[Any]]) -> None:
    """PostgreSQL's way for many rows at once."""
    with _cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as out:
        for row in rows:
            out.write_row(row)


def as_uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def as_time(value: Any) -> datetime:
    """SQLite gives back text, in UTC."""
    if isinstance(value, str):
        parsed = parse_datetime(value)
        assert parsed is not None
        value = parsed
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return value  # type: ignore[no-any-return]


def _how(parameters: Sequence[Any]) -> dict[str, bool]:
    return {"prepare": True} if on_postgresql() and parameters else {}


def _adapted(parameters: Sequence[Any]) -> Sequence[Any]:
    """SQLite keeps a UUID as its hexadecimal digits, as Django's fields do."""
    if on_postgresql():
        return parameters
    return [p.hex if isinstance(p, UUID) else p for p in parameters]


@contextmanager
def _cursor() -> Iterator[Any]:
    if not on_postgresql():
        with connection.cursor() as cursor:
            yield cursor
        return
    connection.close_if_health_check_failed()  # once a request, as Django's own cursors do
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor
