"""The mail sink inside the test's own process: real sockets, free ports."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from fleet.local.mailbox import Mail
from fleet.local.smtp import EVERYBODY, Fault, Kind


class RunningSink:
    """A sink in a thread of its own. Stop and start it to play a mail server that is gone."""

    def __init__(self, folder: Path) -> None:
        from fleet.local.sink import MailSink

        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._sink = MailSink(folder)
        self.smtp_port = 0
        self._inbox_port = 0

    def start(self) -> None:
        """Listen: on free ports the first time, on the same ones later."""
        self._do(self._sink.start("127.0.0.1", self.smtp_port, self._inbox_port))
        self.smtp_port, self._inbox_port = self._sink.smtp_port, self._sink.inbox_port

    def stop(self) -> None:
        """Stop listening, and hang up on whoever is connected."""
        self._do(self._sink.stop())

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def smtp_url(self) -> str:
        """For the SMTP_URL of other processes."""
        return f"smtp://127.0.0.1:{self.smtp_port}"

    @property
    def inbox_url(self) -> str:
        return self._sink.inbox_url

    def mails(self, to: str = "") -> list[Mail]:
        """What arrived, newest first."""
        return self._call(lambda: self._sink.mailbox.newest(to, limit=2000))

    def defer(self, recipient: str = EVERYBODY, times: int | None = 1) -> None:
        """Answer 451 to the next `times` mails."""
        self._order(recipient, "defer", times=times)

    def refuse(self, recipient: str = EVERYBODY, times: int | None = None) -> None:
        """Answer 550 to the recipient, for good."""
        self._order(recipient, "refuse", times=times)

    def slow(self, seconds: float, recipient: str = EVERYBODY) -> None:
        self._order(recipient, "slow", seconds=seconds)

    def behave(self) -> None:
        self._call(self._sink.faults.clear)

    def connections(self) -> int:
        """How many SMTP connections were accepted so far."""
        return self._sink.connections

    def _order(self, recipient: str, kind: Kind, **values: Any) -> None:
        self._call(lambda: self._sink.faults.order(recipient, Fault(kind, **values)))

    def _do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def _call(self, function: Callable[[], Any]) -> Any:
        done: Future[Any] = Future()
        self._loop.call_soon_threadsafe(lambda: done.set_result(function()))
        return done.result(10)


@pytest.fixture
def mail_sink(tmp_path: Path, settings: Any) -> Iterator[RunningSink]:
    """A running mail sink, with Django in this process sending to it over SMTP."""
    from fleet import mail

    sink = RunningSink(tmp_path / "mail")
    sink.start()
    settings.EMAIL_BACKEND = "fleet.mail.SmtpBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = sink.smtp_port
    yield sink
    mail.hang_up()
    sink.close()
