"""Starts processes, says when each is ready, starts again what dies, stops all of them in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess  # nosec B404
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import IO

from fleet.local.family import die_with_parent
from fleet.local.processes import Process

SUPERVISED = "REKEY_SUPERVISED"  # set in everything that `up` starts
READY_FILE = "REKEY_READY_FILE"  # what a process without a port touches when it is ready

LOOK_SECONDS = 0.1
READY_SECONDS = 90.0
LARGEST_LOG = 10 * 1024 * 1024  # bytes
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 5.0  # before a dead child is started again
CALM_SECONDS = 30.0  # after so long a life, the pause starts from the shortest again


class StartFailed(Exception):
    """A process ended, or did not answer, before it was ever ready. The message says why."""


class Child:
    """One process under supervision."""

    def __init__(self, process: Process, folder: Path, var: Path, environment: dict[str, str]):
        self.process = process
        self.log = var / "log" / f"{process.name}.log"
        self.ready = False
        self.restart_at: float | None = None
        self._pause = SHORTEST_PAUSE
        self._started = 0.0
        self._folder = folder
        self._ready_file = var / "run" / f"{process.name}.ready"
        self._environment = environment | {SUPERVISED: "1", READY_FILE: str(self._ready_file)}
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._ready_file.unlink(missing_ok=True)
        self.ready, self.restart_at, self._started = False, None, time.monotonic()
        command = [sys.executable, *self.process.command[1:]]
        with _log(self.log) as log:
            self._running = subprocess.Popen(  # noqa: S603  # nosec B603
                command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the supervisor alone; it stops in order
                preexec_fn=partial(die_with_parent, os.getpid()),
            )

    @property
    def ended(self) -> int | None:
        """How it ended (as subprocess says it), None while it runs."""
        return None if self._running is None else self._running.poll()

    def look_ready(self) -> bool:
        """Whether it has become ready since the last look."""
        if self.ready:
            return False
        answers = self.process.answers
        self.ready = answers() if answers else self._ready_file.exists()
        return self.ready

    @property
    def late(self) -> bool:
        return not self.ready and time.monotonic() - self._started > READY_SECONDS

    def plan_restart(self) -> float:
        """Clear away what the dead process left; the pause in seconds until it starts again."""
        self._end_family()
        if time.monotonic() - self._started > CALM_SECONDS:
            self._pause = SHORTEST_PAUSE
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
        self.restart_at = time.monotonic() + pause
        return pause

    def ask_to_stop(self) -> None:
        if self._running is not None and self._running.poll() is None:
            self._running.terminate()

    def stop(self) -> bool:
        """Wait for the end that was asked for. False when it had to be killed."""
        if self._running is None:
            return True
        try:
            self._running.wait(self.process.stop_seconds)
            in_time = True
        except subprocess.TimeoutExpired:
            in_time = False
        self._end_family()
        self._running.wait()
        return in_time

    def last_words(self, lines: int = 15) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _end_family(self) -> None:
        """Kill the process group: the web server's workers outlive a killed web server."""
        if self._running is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._running.pid, signal.SIGKILL)


class Supervisor:
    """Runs processes until `stopping` is set. One thread: children die with the one they have."""

    def __init__(
        self,
        processes: list[Process],
        *,
        folder: Path,
        var: Path,
        environment: dict[str, str],
        say: Callable[[str], None],
        stopping: threading.Event | None = None,
    ) -> None:
        for name in ("log", "run"):
            (var / name).mkdir(parents=True, exist_ok=True)
        self.children = [Child(process, folder, var, environment) for process in processes]
        self.stopping = stopping or threading.Event()
        self._say = say

    def start(self) -> None:
        """Start all; return when all are ready, or `stopping` is set. Raises StartFailed."""
        for child in self.children:
            _rotate(child.log)
            child.start()
        while not self.stopping.is_set() and not all(child.ready for child in self.children):
            for child in self.children:
                self._await_first(child)
            self.stopping.wait(LOOK_SECONDS)

    def watch(self, until: Callable[[], bool] = lambda: False) -> None:
        """Start again what dies, until `stopping` is set or `until` says so."""
        while not self.stopping.is_set() and not until():
            for child in self.children:
                self._look_after(child)
            self.stopping.wait(LOOK_SECONDS)

    def stop(self) -> None:
        """Stop all, last started first; those of one kind together."""
        for _, group in groupby(
            reversed(self.children), key=lambda child: child.process.kind or child.process.name
        ):
            members = list(group)
            for child in members:
                child.ask_to_stop()
            for child in members:
                in_time = child.stop()
                how = "stopped" if in_time else "did not stop in time and was killed"
                self._say(f"{child.process.name}: {how}")

    def _await_first(self, child: Child) -> None:
        name = child.process.name
        if child.look_ready():
            self._say(f"{name}: ready, {child.process.where}")
        elif not child.ready and child.ended is not None:
            why = f"{name} ended at once ({_how(child.ended)})"
            raise StartFailed(f"{why}. Its last words, from {child.log}:\n{child.last_words()}")
        elif child.late:
            why = f"{name} did not become ready within {READY_SECONDS:.0f} s"
            raise StartFailed(f"{why}. Its last words, from {child.log}:\n{child.last_words()}")

    def _look_after(self, child: Child) -> None:
        name = child.process.name
        if child.restart_at is not None:
            if time.monotonic() >= child.restart_at:
                child.start()
        elif (code := child.ended) is not None:
            pause = child.plan_restart()
            self._say(f"{name}: {_how(code)}; started again in {pause:g} s, see {child.log}")
        elif child.look_ready():
            self._say(f"{name}: ready again")


def _how(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"ended with code {code}"


def _rotate(path: Path) -> None:
    if path.exists() and path.stat().st_size > LARGEST_LOG:
        path.replace(path.with_suffix(".log.1"))


@contextlib.contextmanager
def _log(path: Path) -> Iterator[IO[bytes]]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        yield file
