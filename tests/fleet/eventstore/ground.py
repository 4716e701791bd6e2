"""Devices and resets without a network, and ways past the log's own defences."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection

from devices.state import Kind
from devices.steps.add_device import AddDevice
from devices.steps.take_in_device import RecordManagementAccount
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from resets.steps.request_reset import RequestReset
from tests.cast import SETUP, Cast

_ports = itertools.count(1000)


def add(who: Cast, **fields: Any) -> AddDevice:
    """A wish that is carried out; some of its fields can be set."""
    told = {
        "site": who.site,
        "kind": Kind.CAMERA,
        "name": "Gate north",
        "host": "203.0.113.7",  # RFC 5737: nobody is there
        "port": next(_ports) % 60_000 + 1,
        "username": "admin",
        "password": "made-up-and-old-1",
        "reset_email": "owner@example.com",
    }
    return AddDevice(**(told | fields))


def device(who: Cast, **fields: Any) -> UUID:
    """A device that Rekey has its own account on."""
    stream = new_id()
    handle(add(who, **fields), stream, who.by(who.alice))
    handle(RecordManagementAccount("rekey"), stream, SETUP)
    return stream


def reset(who: Cast, target: UUID) -> UUID:
    stream = new_id()
    handle(RequestReset(target, "The installer left"), stream, who.by(who.tess))
    return stream


def every_row(table: str) -> list[tuple[Any, ...]]:
    """All that stands in a table, in an order that does not change."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")
        return [
            tuple(bytes(v) if isinstance(v, memoryview) else v for v in row)
            for row in cursor.fetchall()
        ]


@contextmanager
def past_the_triggers() -> Iterator[None]:
    """What somebody with all rights over the database could do."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = replica")
            try:
                yield
            finally:
                cursor.execute("SET session_replication_role = origin")
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        try:
            yield
        finally:
            for _, sql in triggers:
                cursor.execute(sql)


def tamper(sql: str, parameters: Sequence[Any] = ()) -> None:
    """Change the database behind the log's back."""
    with past_the_triggers(), connection.cursor() as cursor:
        cursor.execute(sql, [stored(p) for p in parameters])


def stored(value: Any) -> Any:
    """As the database at hand keeps it."""
    if isinstance(value, UUID) and connection.vendor == "sqlite":
        return value.hex
    return value


def at_once(*functions: Callable[[], Any], timeout: float = 30) -> list[Any]:
    """Run the functions at the same moment, each in a thread with a connection of its own.

    Answers with what each returned, or the error that it raised.
    """
    start = threading.Barrier(len(functions))
    results: list[Any] = [None] * len(functions)

    def run(number: int, function: Callable[[], Any]) -> None:
        try:
            start.wait(timeout)
            results[number] = function()
        except BaseException as error:
            results[number] = error
        finally:
            connection.close()

    threads = [
        threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(functions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
        assert not thread.is_alive(), "a thread did not come to its end"
    return results
