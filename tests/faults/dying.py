"""A worker that is killed at an exact point of a job: in a forked child of the test's own process.

Points are all the moments at which something of it becomes visible outside of the process: before
and after each exchange with a device, before and after each mail, before and after each commit.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import connection, connections, transaction
from django.db.models import F

from devices.drivers import onvif, recovery, vigi_local
from devices.models import DeviceLease, LoginTries
from fleet import mail
from fleet.eventstore import subscriptions
from fleet.eventstore.models import Job

CHILD_SECONDS = 60.0
NEVER = 10**6  # a point that no job comes to


@dataclass(frozen=True)
class Life:
    """How far a worker came: whether it was killed, and the points that it passed."""

    killed: bool
    points: list[str]


def run_until(job: int, point: int) -> Life:
    """Run a job in a child that is killed at its n-th point, counted from 1."""
    connections.close_all()  # a connection must not be used by two processes
    with tempfile.NamedTemporaryFile() as noted:
        if not (child := os.fork()):
            _live(job, point, Path(noted.name))
        status = _end_of(child)
        points = Path(noted.name).read_text().splitlines()
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the child failed, see stderr"
    return Life(os.WIFSIGNALED(status), points)


def deadly(points: list[str]) -> list[int]:
    """The points, from 1, at which to be killed is something of its own: the first, and each after
    which something has changed. At any other it is as if killed at the one before.
    """
    return [n for n, name in enumerate(points, 1) if n == 1 or name.startswith("after")]


def pass_time(seconds: float) -> None:
    """Everything that waits has waited so much longer; leases run out."""
    gone = timedelta(seconds=seconds)
    Job.objects.update(
        due_at=F("due_at") - gone,
        lease_until=F("lease_until") - gone,
        woken_at=F("woken_at") - gone,
    )
    DeviceLease.objects.update(until=F("until") - gone)
    LoginTries.objects.update(
        failed_at=F("failed_at") - gone, locked_until=F("locked_until") - gone
    )


def _end_of(child: int) -> int:
    handle = os.pidfd_open(child)
    try:
        ended, _, _ = select.select([handle], [], [], CHILD_SECONDS)
        if not ended:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert ended, f"the child did not end within {CHILD_SECONDS:.0f} s"
        return status
    finally:
        os.close(handle)


def _live(job: int, point: int, noted: Path) -> None:
    """The child: nothing of the test's own may run in it, so it never returns."""
    try:
        _let_go_of_sockets()
        left = point
        notes = os.open(noted, os.O_WRONLY | os.O_APPEND)

        def reached(name: str) -> None:
            nonlocal left
            os.write(notes, f"{name}\n".encode())
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

        _watch(reached)
        subscriptions.run(job)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def _let_go_of_sockets() -> None:
    """Those of the test's own virtual devices: while a child holds them, they cannot be taken up
    again. Their numbers stay taken, so that nothing of the child's is closed in their place."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{number}").startswith("socket:"):
                os.dup2(nothing, number)


def _watch(reached: Callable[[str], None]) -> None:
    post, commit, send = onvif.post, transaction.Atomic.__exit__, mail.SmtpBackend._send
    ask, request = vigi_local.VigiLocal._post, recovery.request

    @functools.wraps(post)
    async def watched_post(*given: Any, **named: Any) -> Any:
        operation = given[2]["Content-Type"].rpartition("/")[2].strip('"')
        reached(f"before {operation}")
        answer = await post(*given, **named)
        reached(f"after {operation}")
        return answer

    @functools.wraps(ask)
    async def watched_ask(self: Any, path: str, question: Any, **named: Any) -> Any:
        asked = question.get("chm") or question
        operation = next(name for name in asked if name != "method")
        reached(f"before {operation}")
        answer = await ask(self, path, question, **named)
        reached(f"after {operation}")
        return answer

    @functools.wraps(request)
    async def watched_request(
        address: Any, method: str, path: str, *given: Any, **named: Any
    ) -> Any:
        call = path.rpartition("/")[2]
        reached(f"before {call}")
        answer = await request(address, method, path, *given, **named)
        reached(f"after {call}")
        return answer

    def watched_commit(self: Any, *error: Any) -> None:
        reached("before a commit")
        commit(self, *error)
        reached("within a transaction" if connection.in_atomic_block else "after a commit")

    def watched_send(self: Any, message: Any) -> bool:
        reached("before a mail")
        sent = send(self, message)
        reached("after a mail")
        return sent

    onvif.post = watched_post
    recovery.request = watched_request
    vigi_local.VigiLocal._post = watched_ask  # type: ignore[method-assign]
    transaction.Atomic.__exit__ = watched_commit
    mail.SmtpBackend._send = watched_send
