"""The log's way to the database: on PostgreSQL with prepared statements.

Django's cursors bind on the client and never prepare, which suits the ORM's ever-new statements.
The log sends the same handful of statements for ever; prepared, a step takes a fifth less time.
(libpq's pipeline mode was tried as well: what it saves in round trips, psycopg spends on it.)
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

import psycopg
import psycopg.adapt
from django.db import DEFAULT_DB_ALIAS, connection, connections
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
def _made_for_the_log(connection: Any, **kwargs: object) -> None:
    if connection.vendor == "postgresql":
        connection.connection.adapters.register_loader("timestamptz", Times)
        # Django forbids to prepare at all; so psycopg does when it is told to, and only then.
        connection.connection.prepare_threshold = sys.maxsize


@cache
def on_postgresql() -> bool:
    """Or on SQLite. A process has one database."""
    return connection.vendor == "postgresql"


def run(sql: str, parameters: Sequence[Any] = ()) -> None:
    """Carry out a statement that answers nothing."""
    real = _real()
    with real.wrap_database_errors, _cursor(real) as cursor:
        cursor.execute(_marked(sql), _adapted(parameters), **_how(parameters))


def rows(sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
    """All rows of a query."""
    real = _real()
    with real.wrap_database_errors, _cursor(real) as cursor:
        cursor.execute(_marked(sql), _adapted(parameters), **_how(parameters))
        found: list[Any] = cursor.fetchall()
        return found


def copy(into: str, rows: Sequence[Sequence[Any]]) -> None:
    """PostgreSQL's way for many rows at once."""
    real = _real()
    with (
        real.wrap_database_errors,
        _cursor(real) as cursor,
        cursor.copy(f"COPY {into} FROM STDIN") as out,
    ):
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


def time(value: datetime) -> Any:
    """A time as a parameter: SQLite keeps it as text."""
    return connection.ops.adapt_datetimefield_value(value)


def _real() -> Any:
    """This thread's connection, open. (`connection` looks it up again for each attribute.)"""
    real = connections[DEFAULT_DB_ALIAS]
    real.close_if_health_check_failed()  # once a request, as Django's own cursors do
    real.ensure_connection()
    return real


def _cursor(real: Any) -> Any:
    """On PostgreSQL one that binds on the server, and so can prepare."""
    return psycopg.RawCursor(real.connection) if on_postgresql() else real.cursor()


@lru_cache(maxsize=512)
def _marked(sql: str) -> str:
    """With PostgreSQL's own marks, $1, for each %s: psycopg looks for those in a statement that
    inserts many rows for longer than PostgreSQL takes to carry it out.
    """
    if not on_postgresql():
        return sql
    first, *others = sql.split("%s")
    return first + "".join(f"${n}{text}" for n, text in enumerate(others, 1))


def _how(parameters: Sequence[Any]) -> dict[str, bool]:
    return {"prepare": True} if on_postgresql() and parameters else {}


def _adapted(parameters: Sequence[Any]) -> Sequence[Any]:
    """SQLite keeps a UUID as its hexadecimal digits, as Django's fields do."""
    if on_postgresql():
        return parameters
    return [p.hex if isinstance(p, UUID) else p for p in parameters]
