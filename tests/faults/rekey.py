"""A whole Rekey from outside: the README's command, its processes, its API and its inbox."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from fleet.local.family import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
UP = "Rekey runs at"
UP_SECONDS, DOWN_SECONDS = 180.0, 90.0
PATIENCE = 120.0  # seconds; a bound for a machine that has other things to do, never a pause
LONGEST = 600.0  # of a process that looks at all of it
LOOK = 0.05

T = TypeVar("T")
# A child that dies with its parent dies with the parent's *thread*; tests have several.
_starter = ThreadPoolExecutor(1, thread_name_prefix="started")


def until(what: str, look: Callable[[], T | None], seconds: float = PATIENCE) -> T:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(LOOK)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


# --- the processes --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Living:
    """A process of Rekey's, with a handle that can never mean another one of the same number."""

    pid: int
    handle: int

    def kill(self, how: signal.Signals) -> None:
        signal.pidfd_send_signal(self.handle, how)


class Up:
    """One running `manage.py up`."""

    def __init__(self, environment: dict[str, str], *options: str) -> None:
        self.environment = environment
        self.var = Path(environment["REKEY_VAR"])
        self.said: list[str] = []
        self._running = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--no-demo", *options],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=partial(die_with_parent, os.getpid()),
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def wait_until_ready(self) -> None:
        self._running.wait(UP_SECONDS)
        assert self.said, "nothing was said at all"
        assert self.said[-1].startswith(UP), "".join(self.said)

    def stop(self) -> None:
        """Ctrl-C; nothing that it started may be left."""
        left = set(self.pids())
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(DOWN_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self._listener.join(5)
        until("all of its processes are gone", lambda: not left & set(_parents()), 10)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if line.startswith(UP):
                self._running.set()
        self._running.set()  # it has ended

    def pids(self) -> list[int]:
        """`up` itself and all that descends from it."""
        parents = _parents()
        found = [self.process.pid] if self.process.pid in parents else []
        for pid in found:  # grows while it is walked through
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def mains(self, words: str) -> list[int]:
        """The processes that `up` started itself with these words in their command."""
        parents = _parents()
        return [
            pid
            for pid in self.pids()
            if parents.get(pid) == self.process.pid and words in command(pid)
        ]

    def children(self, words: str) -> list[int]:
        """What those have started in turn: a worker's pool, the web server's workers."""
        parents, mains = _parents(), self.mains(words)
        return [pid for pid in self.pids() if parents.get(pid) in mains]

    @contextlib.contextmanager
    def holding(self, pid: int) -> Iterator[Living | None]:
        """The process of this number, if it is one of ours; nothing else is ever killed."""
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            yield None
            return
        try:
            # Looked up again now that the handle is held: the number could have been reused.
            yield Living(pid, handle) if pid in self.pids() else None
        finally:
            os.close(handle)

    def kill(self, pid: int, how: signal.Signals = signal.SIGKILL) -> bool:
        """`kill -9` unless it is to be asked, if it is still there."""
        with self.holding(pid) as process, contextlib.suppress(ProcessLookupError):
            if process is not None:
                process.kill(how)
                return True
        return False

    def logs(self) -> dict[str, str]:
        return {p.name: p.read_text(errors="replace") for p in (self.var / "log").iterdir()}


def _parents() -> dict[int, int]:
    """Every living process and its parent; the dead that nobody has buried yet do not count."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(entry.name)] = int(parent)
    return found


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def started(words: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A process beside `up` that dies with the test."""
    return _starter.submit(
        subprocess.Popen,
        [sys.executable, *words],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=partial(die_with_parent, os.getpid()),
    ).result()


def inside(environment: dict[str, str], what: str, **facts: Any) -> Any:
    """Ask a process of this Rekey's own; see `tests.faults.inside`. Facts go in by its stdin."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.inside", what],
        cwd=ROOT, env=environment, input=json.dumps(facts), capture_output=True, text=True,
        check=False, timeout=LONGEST,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# --- HTTP -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    status: int
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Broken(Exception):
    """No answer: nobody knows whether the call was carried out."""


def ask(
    port: int,
    method: str,
    path: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    timeout: float = 60.0,
) -> Answer:
    """One HTTP exchange on a connection of its own. Raises Broken."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    sent = None if body is None else json.dumps(body)
    kind = {"Content-Type": "application/json"}
    try:
        connection.request(method, path, sent, kind | (headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode())
    except (OSError, http.client.HTTPException) as error:
        raise Broken(type(error).__name__) from error
    finally:
        connection.close()


class Api:
    """A client of the API with a token, which remembers every answer it was given."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self.statuses: list[int] = []
        self.bodies: list[str] = []
        self.broken = 0
        self.headers = {"Authorization": f"Bearer {token}"}

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self._ask("POST", path, body, headers)

    def get(self, path: str, **query: Any) -> Answer:
        """Asked until there is an answer: looking changes nothing."""

        def look() -> Answer | None:
            with contextlib.suppress(Broken):
                return self._ask("GET", f"{path}?{urlencode(query)}" if query else path)
            return None

        return until(f"an answer of {path}", look)

    def _ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        headers = self.headers | (headers or {})
        try:
            answer = ask(self.port, method, f"/api/v1/{path}", body, headers)
        except Broken:
            self.broken += 1
            raise
        self.statuses.append(answer.status)
        self.bodies.append(answer.body)
        return answer


# --- the inbox ------------------------------------------------------------------------------------

MESSAGE_ID = re.compile(r"<reset-([0-9a-f-]{36})-(\d+)@")
CODE = re.compile(r"^ {4}(\d{4} \d{4})\r?$", re.M)


@dataclass(frozen=True)
class CodeMail:
    """A code as it was mailed: for which reset, by which send."""

    reset: str
    send: int
    code: str


def told_of(inbox_port: int, to: str) -> dict[str, set[str]]:
    """Of which resets somebody was told: the Message-IDs of these notices, for each."""
    query = urlencode({"limit": 2000, "to": to})
    found: dict[str, set[str]] = defaultdict(set)
    for mail in ask(inbox_port, "GET", f"/api/mails?{query}").json:
        if about := re.search(r"/resets/([0-9a-f-]{36})/", mail["text"]):
            found[about[1]].add(mail["message_id"].strip())
    return found


def code_mails(inbox_port: int, to: str = "") -> list[CodeMail]:
    """Every mail with a code, newest first, as the sink's JSON has them; notices have none."""
    query = urlencode({"limit": 2000, "to": to})
    found = []
    for mail in ask(inbox_port, "GET", f"/api/mails?{query}").json:
        about, code = MESSAGE_ID.match(mail["message_id"]), CODE.search(mail["text"])
        if about is None and mail["message_id"].strip().startswith("<notice-"):
            assert code is None
            continue
        assert about and code, mail["message_id"]
        found.append(CodeMail(about[1], int(about[2]), code[1]))
    return found
