"""Many jobs in one process, and one thread that goes to the database for all of them.

A job that talks to a device mostly waits, so a worker runs dozens of them, each in a thread (see
`side_by_side`). What each then asks of the database, or writes to it, is carried out with what the
others ask at the same moment: one statement for ten, and one commit. Nobody waits for others to
ask: a question that comes alone is carried out alone. Outside of such threads, and inside of a
transaction, these functions are plain calls.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from django.db import close_old_connections, connection

A = TypeVar("A")
R = TypeVar("R")
Many = Callable[[list[A]], Sequence[Any]]

MOST = 200  # questions that are carried out as one
IDLE = 30.0  # seconds until the connection is given back

_here = threading.local()


@dataclass(frozen=True)
class Together(Generic[A, R]):
    """A function of one out of a function of many, which answers in the same order.

    An exception among the answers is raised for the one that it is for. What `many` itself raises
    is nobody's in particular: each is then carried out alone.
    """

    many: Callable[[list[A]], Sequence[R | Exception]]

    def __call__(self, asked: A) -> R:
        return self.soon(asked)()

    def soon(self, asked: A) -> Callable[[], R]:
        """Ask, and go on: the answer is waited for, or its error raised, when it is called for."""
        if getattr(_here, "side_by_side", False) and not connection.in_atomic_block:
            return _clerk.ask(self.many, asked)
        call = _Call(self.many, asked)
        try:
            _answer([call], self.many([asked]))
        except Exception as error:
            call.answer.set_exception(error)
        return call.answer.result


@contextmanager
def side_by_side() -> Iterator[None]:
    """From here on, in this thread, calls are carried out together with those of others."""
    _here.side_by_side = True
    try:
        yield
    finally:
        _here.side_by_side = False


def for_many() -> bool:
    """Whether this thread is the one that goes to the database for others."""
    return getattr(_here, "for_many", False)


@dataclass
class _Call:
    many: Many[Any]
    asked: Any
    answer: Future[Any] = field(default_factory=Future)


class _Clerk:
    """The thread that goes to the database; it is there from the first question on."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[_Call] = queue.SimpleQueue()
        self._begin = threading.Lock()
        self._thread: threading.Thread | None = None

    def ask(self, many: Many[Any], asked: Any) -> Callable[[], Any]:
        call = _Call(many, asked)
        self._calls.put(call)
        if self._thread is None:
            with self._begin:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, name="clerk", daemon=True)
                    self._thread.start()
        return call.answer.result

    def _work(self) -> None:
        _here.for_many = True
        while True:
            calls = self._waiting()
            for many in dict.fromkeys(call.many for call in calls):
                _carry_out(many, [call for call in calls if call.many is many])

    def _waiting(self) -> list[_Call]:
        try:
            calls = [self._calls.get(timeout=IDLE)]
        except queue.Empty:
            connection.close()
            return []
        with suppress(queue.Empty):
            while len(calls) < MOST:
                calls.append(self._calls.get_nowait())
        return calls


def _carry_out(many: Many[Any], calls: list[_Call]) -> None:
    try:
        answers = many([call.asked for call in calls])
    except Exception as error:
        close_old_connections()  # one that has died is noticed before it is used again
        if len(calls) == 1:
            calls[0].answer.set_exception(error)
            return
        for call in calls:
            _carry_out(many, [call])
        return
    _answer(calls, answers)


def _answer(calls: list[_Call], answers: Sequence[Any]) -> None:
    for call, answer in zip(calls, answers, strict=True):
        if isinstance(answer, Exception):
            call.answer.set_exception(answer)
        else:
            call.answer.set_result(answer)


def _begin_anew() -> None:
    global _clerk
    _clerk = _Clerk()


_clerk = _Clerk()
os.register_at_fork(after_in_child=_begin_anew)  # threads stay behind
