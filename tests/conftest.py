"""The ground that every test stands on. `pytest` alone runs all of it on both databases.

    pytest                          SQLite and files, then PostgreSQL 18 and Valkey 9
    pytest --database sqlite -n 2   one of them, two processes
    pytest -m "not browser"         without the stories in Chromium
    pytest -p no:django tests/...   what needs no Django, even while an app is half written

What is here for tests, by plugin:

both_databases  runs the suite, each time in a fresh process with an environment of its own; the
                second time without the tests that ask for no database; those that ask for
                `one_database` are shared out
loopback        keeps every connection on this machine
database        `db` and `transactional_db` on real files or a real server; `module_db` for what
                is made once for a module; `environment` to start real Rekey processes
                (`manage.py ...`, workers) beside the test
mail            `mail_sink`, a real SMTP server that can be told to misbehave
browser         `chromium`
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:  # Django is not set up yet
    from tests.cast import Cast

sys.path.insert(0, str(Path(__file__).parent.parent))  # plain `pytest` does not look there

# How long a case takes is the machine's affair; what takes too long is found by the benchmarks.
hypothesis.settings.register_profile("rekey", deadline=None)
hypothesis.settings.load_profile("rekey")

pytest_plugins = [
    "tests.plugins.both_databases",
    "tests.plugins.loopback",
    "tests.plugins.database",
    "tests.plugins.mail",
    "tests.plugins.browser",
]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[Any]:
    """Thousands of tests are there to stay: nobody looks through them for garbage, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def devices_on_this_machine() -> Iterator[None]:
    """Everything that the tests talk to is on loopback, which Rekey keeps away from by itself."""
    from devices.drivers import reach

    reach.configure(["127.0.0.0/8"])
    yield
    reach.configure()


@pytest.fixture(scope="module")
def everybody(module_db: None) -> Cast:
    from tests.cast import cast

    return cast()


@pytest.fixture
def who(everybody: Cast, db: None) -> Cast:
    """The cast: made once for a module, and as it was made for each of its tests.

    Where a test commits (`transactional_db`), it makes a cast of its own.
    """
    return deepcopy(everybody)
