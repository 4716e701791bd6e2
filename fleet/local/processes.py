"""What Rekey consists of when it runs: a name and a command each, the same here and in docker/."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fleet.local import ports
from fleet.local.ports import LOOPBACK, Port

Probe = Callable[[], bool]


@dataclass(frozen=True)
class Process:
    """One process. `command` starts with "python"; it is run from the folder of manage.py.

    `answers` asks it from outside whether it is ready; without it, it says so itself (READY_FILE).
    Processes of one `kind` are stopped together, in the reverse order of their start.
    """

    name: str
    command: tuple[str, ...]
    kind: str = ""
    listens: tuple[Port, ...] = ()
    answers: Probe | None = None
    where: str = ""
    stop_seconds: float = 10.0


def mail_sink(host: str = LOOPBACK) -> Process:
    smtp, inbox = ports.SMTP.number, ports.INBOX.number
    return Process(
        "mail-sink",
        ("python", "manage.py", "mail_sink", "--host", host,
         "--smtp-port", str(smtp), "--inbox-port", str(inbox)),
        listens=(ports.SMTP, ports.INBOX),
        answers=lambda: _listens(smtp) and _answers(inbox, "/"),
        where=f"SMTP on {LOOPBACK}:{smtp}, inbox at http://{LOOPBACK}:{inbox}",
    )  # fmt: skip


def virtual_fleet(memory: Path) -> Process:
    first, control = ports.FLEET.number, ports.CONTROL.number
    return Process(
        "virtual-fleet",
        ("python", "manage.py", "virtual_fleet", "--port-base", str(first),
         "--control-port", str(control), "--memory", str(memory)),
        listens=(ports.CONTROL, ports.FLEET),
        answers=lambda: _answers(control, "/devices"),  # opens when every device answers
        where=f"cameras and recorders on {LOOPBACK} from port {first}",
    )  # fmt: skip


def web(host: str = LOOPBACK, port: int | None = None) -> Process:
    number = port or ports.WEB.number
    return Process(
        "web",
        ("python", "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(number),
         # Synchronous views wait for the database: two processes, four threads each.
         "--workers", "2", "--blocking-threads", "4", "--no-ws",
         "--respawn-failed-workers", "--workers-kill-timeout", "5",
         "fleet.wsgi:application"),
        listens=(ports.WEB,),
        answers=lambda: _answers(number, "/"),
        where=f"http://{LOOPBACK}:{number}",
    )  # fmt: skip


def worker(name: str = "worker") -> Process:
    return Process(
        name,
        # Threads, not forked children: those read from one pipe, under one lock, where the broker
        # is files; and one that is killed while it holds the lock stops all the others for good.
        # Gossip, mingle and heartbeat are talk between workers; the database is what they share.
        ("python", "-m", "celery", "-A", "fleet", "worker", "--pool", "threads",
         "--concurrency", "2",
         "--without-gossip", "--without-mingle", "--without-heartbeat", "-n", f"{name}@%h"),
        kind="worker",
        where="2 jobs at a time, dozens of those that wait for devices",
        stop_seconds=20.0,  # the jobs under way are finished first
    )  # fmt: skip


def beat() -> Process:
    return Process(
        "beat", ("python", "-m", "celery", "-A", "fleet", "beat"), where="sweeps what was missed"
    )


def _listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def _answers(port: int, path: str) -> bool:
    """Whether there is an HTTP answer that is no failure of the server's own."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
