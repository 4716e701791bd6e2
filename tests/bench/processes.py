"""Rekey's real processes for a bench, and what they use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import redis
from django.conf import settings
from django.db import connection

from fleet.local import processes
from fleet.local.family import die_with_parent
from tests.services import free_port

WORKERS = 2
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Measured:
    """Seconds of CPU that a process and its children have used, and the most memory it had."""

    cpu: float
    peak_mb: float


@contextmanager
def virtual_fleet(scenario: Path) -> Iterator[int]:
    """The devices, as a process of their own; answers with their control port."""
    control = free_port()
    command = ["manage.py", "virtual_fleet", "--scenario", str(scenario),
               "--control-port", str(control), "--discovery-port", "0"]  # fmt: skip
    with started("fleet", command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        for line in process.stdout:
            if b"ready" in line:
                break
        yield control


@contextmanager
def mail_sink() -> Iterator[int]:
    """Where all mails go to; answers with the port of its inbox."""
    inbox = free_port()
    command = ["manage.py", "mail_sink", "--smtp-port", str(settings.EMAIL_PORT),
               "--inbox-port", str(inbox)]  # fmt: skip
    with started("mail-sink", command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield inbox


@contextmanager
def rekey_processes() -> Iterator[dict[str, int]]:
    """Two workers and beat; answers with the ids by their names."""
    wanted = [processes.worker(f"worker-{n + 1}") for n in range(WORKERS)] + [processes.beat()]
    with ExitStack() as stack:
        running = {}
        for process in wanted:
            one = stack.enter_context(started(process.name, list(process.command[1:])))
            running[process.name] = one.pid
        yield running


@contextmanager
def started(
    name: str, words: list[str], stdout: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that ends with the block, and dies with this one."""
    process = subprocess.Popen(
        [sys.executable, *words],
        env=os.environ,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        start_new_session=True,
        preexec_fn=partial(die_with_parent, os.getpid()),
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def measured(running: dict[str, int]) -> dict[str, Measured]:
    """What each has used up to now; PostgreSQL with all its backends, alive and gone."""
    found = {name: Measured(_cpu(pid), _peak(pid)) for name, pid in running.items()}
    if "REKEY_BENCH_POSTGRES" in os.environ:
        postmaster = int(os.environ["REKEY_BENCH_POSTGRES"])
        backends = [pid for pid, parent in _parents().items() if parent == postmaster]
        cpu = _cpu(postmaster, children=True) + sum(_cpu(pid) for pid in backends)
        found["postgres"] = Measured(cpu, sum(_peak(pid) for pid in backends))
    return found


def counted() -> dict[str, int]:
    """What does not depend on what else the machine does: transactions, and commands to the broker.
    (PostgreSQL tells of them up to a second later.)
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database")
        transactions = int(cursor.fetchone()[0])
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as broker:
        commands = int(broker.info("stats")["total_commands_processed"])
    return {"transactions": transactions, "broker commands": commands}


def _cpu(pid: int, *, children: bool = False) -> float:
    fields = _stat(pid)
    return sum(int(fields[n]) for n in ((11, 12, 13, 14) if children else (11, 12))) / _TICK


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["0"] * 20


def _peak(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def _parents() -> dict[int, int]:
    pids = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdecimal()]
    return {pid: int(_stat(pid)[1]) for pid in pids}
