"""A device whose power goes in the middle of an exchange: before it has done what was asked, or
after it, and before its answer is out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from devices.virtual import server


@dataclass
class Cut:
    """At the n-th exchange the power goes, and stays off. `done`: what it asks for is still done.

    `operations` are those that have come, with the one at which it went.
    """

    exchange: int
    done: bool
    operations: list[str] = field(default_factory=list)

    @property
    def struck(self) -> bool:
        return len(self.operations) == self.exchange


class Power:
    """The power of all devices that are switched on after this was made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._cut: Cut | None = None
        self._going: asyncio.Task[None] | None = None
        real = server.Host.http

        def http(host: server.Host, door: str, request: Any) -> Any:
            if (cut := self._cut) is None:
                return real(host, door, request)
            cut.operations.append(request.headers["content-type"].rpartition("/")[2].strip('"'))
            if not cut.struck or cut.done:
                answered = real(host, door, request)
            if not cut.struck:
                return answered
            self._going = asyncio.create_task(host.switch_off())
            return None

        monkeypatch.setattr(server.Host, "http", http)

    @contextmanager
    def goes(self, exchange: int, *, done: bool) -> Iterator[Cut]:
        self._cut = Cut(exchange, done)
        try:
            yield self._cut
        finally:
            self._cut = None
