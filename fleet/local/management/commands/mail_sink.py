"""A mail server for this machine: takes every mail and shows it in a web inbox."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from fleet.local import ports
from fleet.local.sink import MailSink, PortTaken


class Command(BaseCommand):
    help = (
        "Take every mail that Rekey sends and show it in a web inbox; nothing leaves this machine."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=ports.LOOPBACK, help="address to listen on")
        parser.add_argument("--smtp-port", type=int, default=ports.SMTP.number)
        parser.add_argument("--inbox-port", type=int, default=ports.INBOX.number)

    def handle(self, *_: Any, **options: Any) -> None:
        for noisy in ("aiohttp.access", "mail.log"):  # the latter is aiosmtpd's
            logging.getLogger(noisy).setLevel(logging.WARNING)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(self._serve(options["host"], options["smtp_port"], options["inbox_port"]))

    async def _serve(self, host: str, smtp_port: int, inbox_port: int) -> None:
        stop = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        sink = MailSink(settings.VAR / "mail")
        try:
            await sink.start(host, smtp_port, inbox_port)
        except PortTaken as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"mail sink: SMTP on {host}:{sink.smtp_port}, inbox at {sink.inbox_url}")
        self.stdout.flush()
        await stop.wait()
        await sink.stop()
