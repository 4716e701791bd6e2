"""Clients that walk resets through the API, from Forget Password to the end, whatever breaks off.

They keep nothing in mind: after each call they look where the reset stands and do what comes next,
as somebody does whose browser has crashed.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.rekey import LOOK, PATIENCE, Api, Broken, code_mails, until


@dataclass
class Walked:
    """Resets that have come to an end, and what went wrong in the clients themselves."""

    ended: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)


def walk_all(
    clients: list[Api], inbox_port: int, devices: dict[str, str], many: int, seconds: float
) -> Walked:
    """Walk so many resets, in turn over the devices (id → mailbox), several clients at once."""
    walked, left = Walked(), queue.SimpleQueue[int]()
    for number in range(many):
        left.put(number)
    ids = list(devices)
    free = {device: threading.Lock() for device in ids}

    def client(api: Api) -> None:
        with contextlib.suppress(queue.Empty):
            while not walked.errors:
                number = left.get_nowait()
                device = ids[number % len(ids)]
                with free[device]:  # one open reset per device
                    began = time.monotonic()
                    facts = walk(api, inbox_port, device, devices[device], f"lost, time {number}")
                    walked.seconds.append(time.monotonic() - began)
                    walked.ended[facts["id"]] = facts

    def guarded(api: Api) -> None:
        try:
            client(api)
        except BaseException as error:
            walked.errors.append(error)

    threads = [threading.Thread(target=guarded, args=(api,), daemon=True) for api in clients]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    if any(thread.is_alive() for thread in threads):
        walked.errors.append(TimeoutError(f"the walks did not end within {seconds:.0f} s"))
    return walked


def walk(api: Api, inbox_port: int, device: str, mailbox: str, reason: str) -> dict[str, Any]:
    """One reset to its end; the facts of it then."""
    reset = begin(api, device, reason)
    deadline = time.monotonic() + PATIENCE * 2
    while time.monotonic() < deadline:
        facts: dict[str, Any] = api.get(f"resets/{reset}/").json
        if not facts["open"]:
            return facts
        with contextlib.suppress(Broken):
            next_step(api, inbox_port, facts, mailbox)
    raise AssertionError(f"reset {reset} stays {facts['phase']}: {facts}")


def begin(api: Api, device: str, reason: str) -> str:
    """Begin a reset. When the answer is lost: the one that is open now is it."""

    def attempt() -> str | None:
        try:
            answer = api.post(f"devices/{device}/resets/", {"reason": reason})
            if answer.status == 201:
                return str(answer.json["id"])
            assert answer.json["code"] == "reset_open_already", answer
        except Broken:
            pass
        rows = api.get("resets/", device=device, open="true").json["results"]
        return str(rows[0]["id"]) if rows else None

    return until(f"a reset of {device} is begun", attempt)


def next_step(api: Api, inbox_port: int, facts: dict[str, Any], mailbox: str) -> None:
    here = f"resets/{facts['id']}"
    if facts["phase"] == "requested":
        api.post(f"{here}/send-code/")
    elif facts["phase"] == "verified":
        api.post(f"{here}/choose-password/")
    elif facts["phase"] == "code_sent" and (code := _code(inbox_port, facts, mailbox)):
        api.post(f"{here}/verify-code/", {"code": code})
    else:
        time.sleep(LOOK)  # a worker's turn


def _code(inbox_port: int, facts: dict[str, Any], mailbox: str) -> str | None:
    mails: Iterable[Any] = code_mails(inbox_port, mailbox)
    found = (m.code for m in mails if (m.reset, m.send) == (facts["id"], facts["sends"]))
    return next(found, None)
