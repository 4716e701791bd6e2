"""Whole Rekeys to be cut, killed and searched.

`own_servers`  an environment whose PostgreSQL and Valkey are the test's alone, to be killed as well
`no_broker`    jobs that wait until the test itself carries them out
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.plugins.both_databases import RESULT_FILE, RUNS_ON, clean_environment
from tests.services import Postgres, Valkey, free_port, postgres, valkey

PORTS = ("WEB", "SMTP", "INBOX", "CONTROL")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.fault)


@pytest.fixture
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is woken: the tests are the workers."""
    from fleet.eventstore import tasks

    monkeypatch.setattr(tasks, "wake", lambda task, *arguments, **named: True)


@dataclass
class OwnServers:
    """What to start a Rekey with, and the servers behind it; None where files take their place."""

    environment: dict[str, str]
    database: Postgres | None = None
    broker: Valkey | None = None


@pytest.fixture(scope="module")
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServers]:
    var = tmp_path_factory.mktemp("own") / "var"
    facts = {"REKEY_VAR": str(var), "DJANGO_SETTINGS_MODULE": "fleet.settings"}
    environment = with_ports(clean_environment() | facts)
    environment.pop(RUNS_ON, None), environment.pop(RESULT_FILE, None)
    if "DATABASE_URL" not in os.environ:
        yield OwnServers(environment)
        return
    with postgres() as database, valkey() as broker:
        addresses = {"DATABASE_URL": database.url, "REDIS_URL": broker.url}
        yield OwnServers(environment | addresses, database, broker)


def with_ports(environment: dict[str, str]) -> dict[str, str]:
    return environment | {f"REKEY_{name}_PORT": str(free_port()) for name in PORTS}
