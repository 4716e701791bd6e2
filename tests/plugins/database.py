"""Test databases that behave like real ones, and environments for real processes."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Before the test database is made: a file instead of memory, and a flush that can flush."""
    from django.conf import settings
    from django.db.backends.base.operations import BaseDatabaseOperations

    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        # In memory, threads share one cache with locks of its own kind: not what people run.
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        database["TEST"]["NAME"] = str(Path(settings.VAR, f"test_{worker}.sqlite3"))
        # A test database need not outlive a power cut.
        start = database["OPTIONS"]["init_command"]
        database["OPTIONS"]["init_command"] = start.replace("synchronous=FULL", "synchronous=OFF")
    BaseDatabaseOperations.execute_sql_flush = _past_the_triggers(
        BaseDatabaseOperations.execute_sql_flush
    )


def _past_the_triggers(flush: Callable) -> Callable:
    """The log's triggers refuse to delete; between tests it has to be emptied all the same."""

    def execute_sql_flush(operations, sql_list: list[str]) -> None:
        connection = operations.connection
        if connection.vendor == "postgresql":
            sql_list = ["SET LOCAL session_replication_role = replica", *sql_list]
        elif connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
                triggers = cursor.fetchall()
            drop = [f"DROP TRIGGER {connection.ops.quote_name(name)}" for name, _ in triggers]
            sql_list = [*drop, *sql_list, *(sql for _, sql in triggers)]
        flush(operations, sql_list)

    return execute_sql_flush


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """What a person or a server does once costs nothing, and too much where each test does it:
    signing in, a tenth of a second, and looking for the static files, 15 ms for each `Client`.
    """
    from django.contrib.auth.hashers import Argon2PasswordHasher as Hasher
    from whitenoise.middleware import WhiteNoiseMiddleware

    Hasher.time_cost, Hasher.memory_cost, Hasher.parallelism = 1, 8, 1
    WhiteNoiseMiddleware.add_files_from_finders = _once(WhiteNoiseMiddleware.add_files_from_finders)


def _once(add_files: Callable) -> Callable:
    found: dict[str, Any] = {}

    def add_files_from_finders(middleware: Any) -> None:
        if not found:
            add_files(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    return add_files_from_finders


@pytest.fixture(scope="module")
def module_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """`db` for fixtures of a whole module: what they write is under each of its tests, and what a
    test writes is rolled back to it. Objects are not: hand each test a copy of what is made.
    """
    from django.db import transaction

    atomic = transaction.atomic()
    atomic._from_testcase = True  # as in a test: what must not be inside another one may begin
    with django_db_blocker.unblock(), atomic:
        yield
        transaction.set_rollback(True)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What to start a separate, empty Rekey with: own folder, own database, own broker.

    For `subprocess.run([sys.executable, "manage.py", "migrate"], env=environment)` and the like;
    nothing is migrated yet. On PostgreSQL the database is dropped when the test ends.
    """
    from tests.plugins.both_databases import RESULT_FILE, RUNS_ON, clean_environment

    own = clean_environment() | {
        "REKEY_VAR": str(tmp_path / "var"),
        "DJANGO_SETTINGS_MODULE": "fleet.settings",
    }
    own.pop(RUNS_ON, None), own.pop(RESULT_FILE, None)
    server = os.environ.get("DATABASE_URL")
    if not server:
        yield own
        return

    import psycopg

    number = next(_numbers)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    name = f"own_{worker}_{number}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        # 64 databases: 0 for the tests themselves, the rest shared out over the processes.
        broker = os.environ["REDIS_URL"].rsplit("/", 1)[0]
        redis_number = 1 + (int(worker) * 16 + number) % 63
        yield own | {
            "DATABASE_URL": server.rsplit("/", 1)[0] + f"/{name}",
            "REDIS_URL": f"{broker}/{redis_number}",
        }
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
