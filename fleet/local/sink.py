"""The mail sink: an SMTP server and an inbox over one folder of mails."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from aiohttp import web

from fleet.local import ports
from fleet.local.inbox import inbox
from fleet.local.mailbox import Mailbox
from fleet.local.smtp import Faults, Sink, serve_smtp


class PortTaken(Exception):
    """Says which port, and how to choose another."""


class MailSink:
    """Both servers, to be started and stopped inside a running event loop."""

    def __init__(self, folder: Path) -> None:
        self.mailbox = Mailbox(folder)
        self.faults = Faults()
        self.smtp_port = 0
        self.inbox_port = 0
        self._sink = Sink(self.mailbox, self.faults)
        self._smtp: asyncio.Server | None = None
        self._web: web.AppRunner | None = None

    @property
    def inbox_url(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.inbox_port}/"

    @property
    def connections(self) -> int:
        """How many SMTP connections were accepted so far."""
        return self._sink.connections

    async def start(self, host: str, smtp_port: int, inbox_port: int) -> None:
        """Listen on both; port 0 takes a free one. Raises PortTaken."""
        with _says_which(ports.SMTP, smtp_port):
            self._smtp = await serve_smtp(self._sink, host, smtp_port)
        pages = inbox(self.mailbox, self.faults)
        self._web = web.AppRunner(pages, access_log=None, shutdown_timeout=1.0)
        await self._web.setup()
        with _says_which(ports.INBOX, inbox_port):
            await web.TCPSite(self._web, host, inbox_port).start()
        self.smtp_port = self._smtp.sockets[0].getsockname()[1]
        self.inbox_port = self._web.addresses[0][1]

    async def stop(self) -> None:
        """Close both; a dialogue under way is cut off, and its mail is the sender's to repeat."""
        if self._smtp is not None:
            self._smtp.close()
            self._sink.hang_up()
        if self._web is not None:
            await self._web.cleanup()


@contextlib.contextmanager
def _says_which(port: ports.Port, number: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(port.taken(number)) from error
        raise
