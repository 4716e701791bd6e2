"""Runs the suite on SQLite and again on PostgreSQL and Valkey, with nothing installed.

Settings are read once per process, from the environment. So the process that was started only
prepares an environment, runs the suite in a child of its own for each database, and adds up.
Of two runs, the second leaves out what asks for no database: it would be the same test again. What
asks for `one_database` is done by the one that it names, as in `one_database("sqlite")`; without a
name by the first if it needs a browser, and else by the second.
With -n they go side by side: half of the tests' time is waiting, for processes, sockets and leases,
and while those of one run wait, those of the other have the cores.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from fleet.local.family import die_with_parent
from tests.services import postgres, valkey

RUNS_ON = "REKEY_TESTS_RUN_ON"  # set in the child: which database, and that it is the child
RESULT_FILE = "REKEY_TESTS_RESULT"
FIRST = "REKEY_TESTS_FIRST"  # set in the child: the other database has a run of its own, later
SECOND = "REKEY_TESTS_SECOND"  # or earlier
ON_A_DATABASE = {"db", "transactional_db", "module_db", "environment", "own_servers"}  # fixtures
KEPT = {
    "REKEY_REQUIRE_BROWSER",
    "REKEY_ACCEPT_GOLDEN",
    "REKEY_FAULT_CAMPAIGN",
    "REKEY_FAULT_RESETS",
    "REKEY_FAULT_SEED",
    "REKEY_FAULT_RACES",
    "REKEY_FAULT_GUESSES",
}
LONG = ("browser", "fault")
TITLES = {"sqlite": "SQLite and files", "postgres": "PostgreSQL 18 and Valkey 9"}
SHOWN = ["failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "error", "rerun"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("rekey").addoption(
        "--database",
        choices=["sqlite", "postgres", "both"],
        default="both",
        help="what the tests run on; default: both, one after the other",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    asks_only = any(
        config.getoption(name, False)
        for name in ("help", "version", "markers", "showfixtures", "cacheshow")
    )
    if RUNS_ON in os.environ or asks_only:
        return None
    chosen = config.getoption("database")
    if config.getoption("collectonly"):
        chosen = "sqlite"  # which needs no server
    names = ["sqlite", "postgres"] if chosen == "both" else [chosen]
    side_by_side = len(names) > 1 and bool(config.getoption("numprocesses", None))
    places = [""] if len(names) == 1 else [FIRST, SECOND]
    results: dict[str, Outcome] = {}
    code = 0
    with contextlib.ExitStack() as stack:
        runs: Iterable[Run] = (
            stack.enter_context(_run(name, config, place, kept=side_by_side))
            for name, place in zip(names, places, strict=True)
        )
        for run in list(runs) if side_by_side else runs:
            print(f"\n{' ' + TITLES[run.database] + ' ':═^80}", flush=True)
            ended = run.wait()
            if results and ended == pytest.ExitCode.NO_TESTS_COLLECTED:
                ended = pytest.ExitCode.OK  # all that was asked for was pure
            results[run.database] = run.outcome()
            code = code or ended
            if ended == pytest.ExitCode.INTERRUPTED:
                break
    if len(results) > 1:
        print(_sum_line(results), flush=True)
    return code


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not any(map(item.get_closest_marker, LONG)))  # nobody waits at last
    here, elsewhere = [], []
    for item in items:
        (here if _belongs_here(item) else elsewhere).append(item)
    items[:] = here
    config.hook.pytest_deselected(items=elsewhere)


def _belongs_here(item: pytest.Item) -> bool:
    if not _asks_a_database(item):
        return SECOND not in os.environ
    if one := item.get_closest_marker("one_database"):  # shared out: both runs take about as long
        [name] = one.args or ("sqlite" if item.get_closest_marker("browser") else "postgres",)
        return {"sqlite": SECOND, "postgres": FIRST}[name] not in os.environ
    return True


def _asks_a_database(item: pytest.Item) -> bool:
    asked = set(getattr(item, "fixturenames", ()))
    return bool(asked & ON_A_DATABASE) or item.get_closest_marker("django_db") is not None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if path := os.environ.get(RESULT_FILE):
        counts = {kind: len(terminalreporter.stats.get(kind, ())) for kind in SHOWN}
        bad = [
            report.nodeid
            for kind in ("failed", "error")
            for report in terminalreporter.stats.get(kind, ())
        ]
        told = {"counts": {kind: n for kind, n in counts.items() if n}, "bad": bad}
        Path(path).write_text(json.dumps(told))


@dataclass(frozen=True)
class Outcome:
    """What a run of the suite came to."""

    counts: dict[str, int] = field(default_factory=dict)
    bad: list[str] = field(default_factory=list)  # the tests that failed, by their ids


@dataclass
class Run:
    """One run of the suite, in a child process."""

    database: str
    process: subprocess.Popen[bytes]
    result: Path
    said: Path | None  # what it says; None: it says that itself

    def wait(self) -> int:
        """Its exit code, when it has ended; until then, what it says is shown."""
        if self.said is None:
            return self.process.wait()
        with self.said.open(errors="replace") as said:
            while True:
                over = self.process.poll() is not None  # asked first: nothing comes after that
                print(said.read(), end="", flush=True)
                if over:
                    return self.process.returncode
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.2)

    def outcome(self) -> Outcome:
        """How many tests ended how, and which of them badly."""
        return Outcome(**json.loads(self.result.read_text())) if self.result.exists() else Outcome()


@contextlib.contextmanager
def _run(database: str, config: pytest.Config, place: str, *, kept: bool) -> Iterator[Run]:
    """A run that has begun. What the second one says may be kept until the first one is over."""
    with (
        tempfile.TemporaryDirectory(prefix="rekey-tests-") as folder,
        _servers(database) as addresses,
        _ctrl_c_is_for_the_child(),
        Path(folder, "said").open("wb") as said,
    ):
        result = Path(folder, "result.json")
        environment = (
            clean_environment()
            | addresses
            | {
                RUNS_ON: database,
                RESULT_FILE: str(result),
                "REKEY_VAR": str(Path(folder, "var")),
                "DJANGO_SETTINGS_MODULE": "fleet.settings",
            }
            | ({place: "1"} if place else {})
        )
        ours = ["--import-mode=importlib"]  # two apps may have a test file of the same name
        kept = kept and place == SECOND
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *ours, *config.invocation_params.args],
            cwd=config.invocation_params.dir,
            env=environment,
            stdout=said if kept else None,
            stderr=subprocess.STDOUT if kept else None,
            preexec_fn=partial(_in_the_child, os.getpid()),
        )
        try:
            yield Run(database, process, result, Path(said.name) if kept else None)
        finally:
            if process.poll() is None:  # the other one was interrupted
                process.send_signal(signal.SIGINT)
            process.wait()


def clean_environment() -> dict[str, str]:
    """This process's environment without a word about anybody's own Rekey."""
    ours = ("REKEY_", "DATABASE_URL", "REDIS_URL", "SMTP_URL", "EMAIL_", "DJANGO_")
    kept = {k: v for k, v in os.environ.items() if k in KEPT or not k.startswith(ours)}
    # Some hundred processes are started: none of them has to compile all of Rekey again.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"REKEY_LOCAL_DEVICES": "127.0.0.0/8"}  # where the virtual devices are


@contextlib.contextmanager
def _servers(database: str) -> Iterator[dict[str, str]]:
    if database == "sqlite":
        yield {}
        return
    with postgres() as server, valkey() as broker:
        yield {"DATABASE_URL": server.url, "REDIS_URL": broker.url}


@contextlib.contextmanager
def _ctrl_c_is_for_the_child() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _in_the_child(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    die_with_parent(parent)


def _sum_line(results: dict[str, Outcome]) -> str:
    total: Counter[str] = Counter()
    for outcome in results.values():
        total.update(outcome.counts)
    each = "; ".join(f"{TITLES[name]}: {_words(of.counts)}" for name, of in results.items())
    # Once more, since what the first run said of them is a thousand lines up by now.
    bad = [f"FAILED on {name}: {test}" for name, of in results.items() for test in of.bad]
    return "\n".join([f"\n{' ' + _words(total) + ' ':═^80}", each, *bad])


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{counts[kind]} {kind}" for kind in SHOWN if counts.get(kind)) or "no tests"
