"""Nobody changes what stands in the log: not by mistake, and not without all rights over the
database.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from django.db import Error, connection, transaction

from fleet.eventstore.models import EventRow
from tests.cast import cast
from tests.fleet.eventstore.ground import every_row

ON_POSTGRESQL = "DATABASE_URL" in os.environ
COLUMNS = [f.column for f in EventRow._meta.concrete_fields]
OTHERS = [c for c in COLUMNS if c != "position"]
COPY = f"({', '.join(COLUMNS)}) SELECT {', '.join(COLUMNS)} FROM event WHERE position > 0"
COPY_AS_NEW = f"({', '.join(OTHERS)}) SELECT {', '.join(OTHERS)} FROM event WHERE position > 0"
FRESH_ID = {
    "sqlite": "lower(hex(randomblob(16)))",
    "postgresql": "gen_random_uuid()",
}


def other(**changed: str) -> str:
    """Copies of the events, changed in some columns, with positions of their own."""
    values = ", ".join(changed.get(c, c) for c in OTHERS)
    return f"({', '.join(OTHERS)}) SELECT {values} FROM event WHERE position > 0"


BOTH = [
    "UPDATE event SET reason = 'another'",
    "UPDATE event SET position = position + 1000",
    "DELETE FROM event",
    "DELETE FROM event WHERE version = 1",
    f"INSERT INTO event {COPY} ON CONFLICT (position) DO UPDATE SET reason = 'another'",
    f"INSERT INTO event {COPY_AS_NEW} ON CONFLICT (id) DO UPDATE SET reason = 'another'",
    f"INSERT INTO event {COPY_AS_NEW} ON CONFLICT (stream, version) DO UPDATE SET reason = 'x'",
]
SQLITE = [
    f"INSERT OR REPLACE INTO event {COPY}",
    f"REPLACE INTO event {COPY_AS_NEW}",
    f"INSERT OR REPLACE INTO event {other(id=FRESH_ID['sqlite'])}",
    f"INSERT OR REPLACE INTO event {other(stream=FRESH_ID['sqlite'])}",
    f"INSERT OR REPLACE INTO event ({', '.join(COLUMNS)}) SELECT "
    + ", ".join({"id": FRESH_ID["sqlite"], "version": "version + 1000"}.get(c, c) for c in COLUMNS)
    + " FROM event WHERE position > 0",
    "UPDATE OR REPLACE event SET version = 1",
    "UPDATE OR IGNORE event SET reason = 'another'",
    "DELETE FROM event WHERE position IN (SELECT max(position) FROM event)",
]
POSTGRESQL = [
    "TRUNCATE event",
    "TRUNCATE event, site CASCADE",
    "MERGE INTO event USING (SELECT 1) AS one ON true WHEN MATCHED THEN UPDATE SET reason = 'x'",
    "MERGE INTO event USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
    "WITH gone AS (DELETE FROM event RETURNING *) SELECT count(*) FROM gone",
]


@pytest.mark.django_db
@pytest.mark.parametrize("attack", BOTH + (POSTGRESQL if ON_POSTGRESQL else SQLITE))
def test_the_log_refuses(attack: str) -> None:
    cast()
    before = every_row("event")
    with (
        pytest.raises(Error, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(attack)
    assert every_row("event") == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    "attempt",
    [
        f"INSERT INTO event {other(id='FRESH')}",
        f"INSERT INTO event {other(stream='FRESH')}",
    ],
    ids=["the same version of a stream", "the same id"],
)
def test_one_version_of_a_stream_and_one_id_stand_in_the_log_once(attempt: str) -> None:
    cast()
    before = every_row("event")
    with (
        pytest.raises(Error, match=r"event_stream_version|event_id_key"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(attempt.replace("FRESH", FRESH_ID[connection.vendor]))
    assert every_row("event") == before


@pytest.mark.django_db
def test_the_log_takes_new_events() -> None:
    """So that the tests above cannot pass because everything is refused."""
    cast()
    before = EventRow.everything.count()
    with connection.cursor() as cursor:
        fresh = FRESH_ID[connection.vendor]
        cursor.execute(f"INSERT INTO event {other(id=fresh, stream=fresh)}")
    assert EventRow.everything.count() == 2 * before


# --- by grant -------------------------------------------------------------------------------------

USED_AS_OWNER = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from fleet.accounts.steps.found_organisation import FoundOrganisation
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Actor, By
handle(FoundOrganisation("Northern Light"), new_id(), By(Actor.job("set up")))
call_command("rebuild")
call_command("rebuild", check=True)
"""


@pytest.mark.skipif(not ON_POSTGRESQL, reason="SQLite knows no roles")
def test_the_role_that_owns_the_log_has_no_right_to_change_it(environment: dict[str, str]) -> None:
    """Everything works for a role without special rights, and even without the triggers it may
    only add to the log.
    """
    import psycopg

    url = environment["DATABASE_URL"]
    database = url.rsplit("/", 1)[1]
    house = f"house_{database}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {house} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE")
        admin.execute(f"ALTER DATABASE {database} OWNER TO {house}")
    environment["DATABASE_URL"] = url.replace("//rekey@", f"//{house}@")
    subprocess.run([sys.executable, "-c", USED_AS_OWNER], env=environment, check=True, timeout=60)

    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as db:

        def log() -> list[Any]:
            return db.execute("SELECT * FROM event").fetchall()

        before = log()
        assert len(before) == 1
        db.execute("ALTER TABLE event DISABLE TRIGGER event_append_only")
        for attack in (a for a in BOTH + POSTGRESQL if "CASCADE" not in a):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(attack)
        assert log() == before
