"""What strikes a running Rekey at random moments."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable
from functools import partial

import redis

from tests.faults.conftest import OwnServers
from tests.faults.killer import WORKER
from tests.faults.rekey import LOOK, Up, until
from tests.services import Service

Strike = Callable[[], object]


def strikes_at(up: Up, servers: OwnServers) -> dict[str, Strike]:
    """All that can be struck, but for the mail server."""

    def kill(words: str, which: int = 0, how: signal.Signals = signal.SIGKILL) -> Strike:
        """One of them; between its death and its restart there may be none."""

        def strike() -> bool:
            living = up.mains(words)
            return bool(living) and up.kill(living[which], how)

        return partial(until, f"there is a {words}", strike)

    found = {
        "a worker killed": kill(WORKER),
        "another killed": kill(WORKER, -1),
        "beat killed": kill("celery -A fleet beat"),
        "web killed": kill("granian"),
        "web restarted": kill("granian", how=signal.SIGTERM),
    }
    if database := servers.database:
        found["database killed"] = partial(_again, database.kill, database)
        found["database restarted"] = partial(_again, database.stop, database)
    if broker := servers.broker:  # comes back with nothing in it
        found["broker flushed"] = redis.Redis.from_url(broker.url).flushall
        found["broker restarted"] = partial(_again, broker.stop, broker)
    return found


def _again(end: Callable[[], None], server: Service) -> None:
    end()
    server.start()


class Havoc:
    """A thread that strikes each of these `times`, in any order, at random moments: each when as
    much is done as was drawn for it, or `longest` seconds after the one before.

    `done` tells how much is done, from 0 to 1.
    """

    def __init__(
        self,
        seed: int,
        strikes: dict[str, Strike],
        done: Callable[[], float],
        *,
        times: int,
        longest: float,
    ) -> None:
        chance = random.Random(seed)
        self._strikes = list(strikes.items()) * times
        chance.shuffle(self._strikes)
        self._moments = sorted(chance.random() for _ in self._strikes)
        self._done, self._longest = done, longest
        self.struck: dict[str, list[str]] = {}  # what, and each time how much was done by then
        self.failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="havoc", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Until all of it has struck."""
        self._thread.join(seconds)
        assert not self.failed, (self.struck, self.failed)
        assert self.many == len(self._strikes), self.struck

    @property
    def many(self) -> int:
        return sum(map(len, self.struck.values()))

    def _run(self) -> None:
        try:
            for moment, (name, strike) in zip(self._moments, self._strikes, strict=True):
                at_last = time.monotonic() + self._longest
                while (done := self._done()) < moment and time.monotonic() < at_last:
                    time.sleep(LOOK)
                strike()
                self.struck.setdefault(name, []).append(f"{done:.0%}")
        except BaseException as error:
            self.failed.append(error)
