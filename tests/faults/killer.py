"""Kills processes of a running Rekey at random moments. Seeded: the same seed makes the same draws;
what each of them meets is up to the moment."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable

from tests.faults.rekey import Up

# What is killed, and how often: mostly those who do the work.
WEIGHTS = {"worker": 6, "beat": 1, "web worker": 1, "web": 1}
WORKER = "celery -A fleet worker"


class Killer:
    """A thread that waits, draws, and kills: from `with` to the end of the block, `most` at most.

    `pauses` are the shortest and the longest wait, in seconds.
    """

    def __init__(self, up: Up, seed: int, pauses: tuple[float, float], most: int) -> None:
        self.killed: Counter[str] = Counter()
        self._up = up
        self._chance = random.Random(seed)
        self._pauses, self._most = pauses, most
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="killer", daemon=True)
        self._find: dict[str, Callable[[], list[int]]] = {
            # With the children that one may have: their deaths are as likely, and worse.
            "worker": lambda: up.mains(WORKER) + up.children(WORKER),
            "beat": lambda: up.mains("celery -A fleet beat"),
            "web worker": lambda: up.children("granian"),
            "web": lambda: up.mains("granian"),
        }

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(30)

    def _run(self) -> None:
        while self.killed.total() < self._most:
            if self._over.wait(self._chance.uniform(*self._pauses)):
                return
            [kind] = self._chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
            place = self._chance.random()
            # Between its death and its restart there may be none of a kind: then nobody dies.
            if (living := self._find[kind]()) and self._up.kill(living[int(place * len(living))]):
                self.killed[kind] += 1
