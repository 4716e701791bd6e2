"""What others do with the same step: bare SQL, Django's ORM, the `eventsourcing` library."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg

# The log's columns and indexes without its triggers: what such an event costs at least.
BARE_TABLE = "CREATE TABLE IF NOT EXISTS bare (LIKE event INCLUDING ALL)"
BARE_COLUMNS = (
    "(id, stream, version, category, type, schema, at, actor_kind, actor_id, actor_name, source,"
    " reason, correlation, organisation, site, subject, data, previous, hash)"
)
BARE_VALUES = ", ".join(["%s"] * 19)
DATA = '{"tries_left":4}'


def bare_row() -> tuple[Any, ...]:
    some = uuid.uuid4()
    return (
        uuid.uuid4(), some, 1, "reset", "resets.code_rejected", 1, datetime.now(UTC), "person",
        "018f0000-0000-7000-8000-000000000001", "Alice", "127.0.0.1", "bench", some, some, some,
        some, DATA, bytes(32), bytes(32),
    )  # fmt: skip


class Bare:
    """BEGIN, INSERT, COMMIT by psycopg."""

    def __init__(self) -> None:
        self.connection = psycopg.connect(os.environ["DATABASE_URL"])
        self.connection.execute(BARE_TABLE)
        self.connection.commit()

    def run(self, times: int) -> None:
        sql = f"INSERT INTO bare {BARE_COLUMNS} VALUES ({BARE_VALUES})"
        for _ in range(times):
            self.connection.execute(sql, bare_row())
            self.connection.commit()

    def copy(self, rows: int) -> None:
        with (
            self.connection.cursor() as cursor,
            cursor.copy(f"COPY bare {BARE_COLUMNS} FROM STDIN") as out,
        ):
            for _ in range(rows):
                out.write_row(bare_row())
        self.connection.commit()


def orm_step(reset: UUID) -> None:
    """Load the row and its history, change it, save it, add an event: as a Django view would."""
    from django.db import models, transaction
    from django.utils import timezone

    from fleet.eventstore.ids import new_id
    from fleet.eventstore.models import EventRow
    from resets.models import Reset

    with transaction.atomic():
        row = Reset.everything.select_for_update().get(pk=reset)
        history = list(EventRow.everything.filter(stream=reset).order_by("version"))
        row.tries_left -= 1
        row.version += 1
        row.changed_at = timezone.now()
        models.Model.save(row)
        event = EventRow(
            id=new_id(), stream=reset, version=len(history) + 1, category="reset",
            type="resets.code_rejected", schema=1, at=timezone.now(), actor_kind="person",
            actor_id="alice", actor_name="Alice", source="", reason="bench", correlation=reset,
            organisation=row.organisation, site=row.site, subject=row.device_id, data=DATA,
            previous=bytes(32), hash=bytes(32),
        )  # fmt: skip
        models.Model.save(event)


@cache
def library_types() -> tuple[Any, Any]:
    """The application and the aggregate, as the library's documentation writes them."""
    from eventsourcing.application import Application
    from eventsourcing.domain import Aggregate, event

    class Reset(Aggregate):
        def __init__(self, device: str, reason: str, reset_email: str) -> None:
            self.device, self.reason, self.reset_email = device, reason, reset_email
            self.tries_left = 0

        @event("CodeIssued")
        def issue(self, send: int, mailbox: str, tries: int) -> None:
            self.tries_left = tries

        @event("CodeRejected")
        def reject(self, tries_left: int) -> None:
            self.tries_left = tries_left

    class Resets(Application[UUID]):  # type: ignore[type-arg]
        pass

    return Resets, Reset


def library(create_table: str = "yes") -> Any:
    """An application of the `eventsourcing` library on the same server, and its aggregate."""
    resets, reset = library_types()
    url = urlsplit(os.environ["DATABASE_URL"])
    application = resets(
        env={
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": url.path.lstrip("/"),
            "POSTGRES_HOST": url.hostname or "",
            "POSTGRES_PORT": str(url.port),
            "POSTGRES_USER": url.username or "",
            "POSTGRES_PASSWORD": url.password or "",
            "POSTGRES_POOL_SIZE": "1",
            "CREATE_TABLE": create_table,
        }
    )
    return application, reset


def library_resets(application: Any, kind: Any, count: int) -> list[UUID]:
    made = []
    for _ in range(count):
        reset = kind("device", "bench", "owner@example.com")
        reset.issue(1, "o•••r@e•••e.com", 5)
        application.save(reset)
        made.append(reset.id)
    return made


def library_step(application: Any, reset: UUID) -> None:
    aggregate = application.repository.get(reset)
    aggregate.reject(4)
    application.save(aggregate)
