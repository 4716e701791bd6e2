"""The log's way to the database: on PostgreSQL with prepared statements.

Django's cursors bind on the client and never prepare, which suits the ORM's ever-new statements.
The log sends the same handful of statements for ever; prepared, a step takes a fifth less time.
(libpq's pipeline mode was tried as well: what it saves in round trips, psycopg spends on it.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

_PREPARE: dict[str, dict[str, Any]] = {"postgresql": {"prepare": True}, "sqlite": {}}


def on_postgresql() -> bool:
    return connection.vendor == "postgresql"


def run(sql: str, parameters: Sequence[Any] = ()) -> None:
    """Carry out a statement that answers nothing."""
    with _cursor() as cursor:
        cursor.execute(sql, parameters, **(_PREPARE[connection.vendor] if parameters else {}))


def rows(sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
    """All rows of a query."""
    with _cursor() as cursor:
        cursor.execute(sql, parameters, **_PREPARE[connection.vendor])
        found: list[Any] = cursor.fetchall()
        return found


def copy(into: str, rows: Sequence[Sequence[Any]]) -> None:
    """PostgreSQL's way for many rows at once."""
    with _cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as out:
        for row in rows:
            out.write_row(row)


@contextmanager
def _cursor() -> Iterator[Any]:
    if not on_postgresql():
        with connection.cursor() as cursor:
            yield cursor
        return
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor
