"""The sink's SMTP side: takes every mail, except where it was told to misbehave."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from aiosmtpd.smtp import SMTP, Envelope, Session

from fleet.local.mailbox import Mailbox

LARGEST_MAIL = 10 * 1024 * 1024  # bytes
EVERYBODY = "*"

Kind = Literal["defer", "refuse", "slow"]


@dataclass
class Fault:
    """How mails to one recipient are met: `defer` 451, `refuse` 550, `slow` after `seconds`.

    `times` says how often; None is for good.
    """

    kind: Kind
    times: int | None = None
    seconds: float = 5.0

    def strikes(self) -> bool:
        """Whether it is to happen now; counts."""
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


@dataclass
class Faults:
    """What was ordered, by recipient; an address may also carry its order: `bob+defer2@site.test`.

    `+defer2` refuses the first two mails for a while, `+refuse` all of them for good, `+slow3`
    answers each after three seconds.
    """

    ordered: dict[str, Fault] = field(default_factory=dict)

    def order(self, recipient: str, fault: Fault) -> None:
        self.ordered[recipient.lower()] = fault

    def clear(self) -> None:
        self.ordered.clear()

    def find(self, recipient: str, *kinds: Kind) -> Fault | None:
        """The fault of one of `kinds` that strikes a mail to `recipient` now."""
        recipient = recipient.lower()
        fault = self.ordered.get(recipient) or self.ordered.get(EVERYBODY)
        if fault is None:
            fault = _in_the_address(recipient)
            if fault is not None:
                self.ordered[recipient] = fault  # so that it is counted
        return fault if fault and fault.kind in kinds and fault.strikes() else None


def _in_the_address(recipient: str) -> Fault | None:
    found = re.match(r"[^@]*\+(defer|refuse|slow)(\d*)@", recipient)
    if not found:
        return None
    kind, number = found.groups()
    if kind == "defer":
        return Fault("defer", times=int(number or 1))
    if kind == "slow":
        return Fault("slow", seconds=float(number or 5))
    return Fault("refuse")


class Sink:
    """aiosmtpd's handler: one method for each thing that is asked of it."""

    def __init__(self, mailbox: Mailbox, faults: Faults) -> None:
        self.mailbox = mailbox
        self.faults = faults
        self.connections = 0
        self._open: set[SMTP] = set()

    def connection(self) -> SMTP:
        """The protocol for one more connection."""
        return _Connection(
            self,
            hostname="rekey-sink",
            ident="Rekey mail sink",
            data_size_limit=LARGEST_MAIL,
            enable_SMTPUTF8=True,
            loop=asyncio.get_running_loop(),
        )

    def opened(self, connection: SMTP) -> None:
        self.connections += 1
        self._open.add(connection)

    def closed(self, connection: SMTP) -> None:
        self._open.discard(connection)

    def hang_up(self) -> None:
        """Cut off whoever is connected."""
        for connection in self._open:
            if isinstance(connection.transport, asyncio.Transport):
                connection.transport.abort()

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        if self.faults.find(address, "refuse"):
            return "550 5.1.1 There is no such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        for recipient in envelope.rcpt_tos:
            fault = self.faults.find(recipient, "defer", "slow")
            if fault and fault.kind == "slow":
                await asyncio.sleep(fault.seconds)
            elif fault:
                return "451 4.7.1 Greylisted, please try again later"
        content = envelope.original_content or b""
        mail = self.mailbox.keep(envelope.mail_from or "", envelope.rcpt_tos, content)
        return f"250 2.0.0 OK, kept as {mail.id}"


class _Connection(SMTP):
    """aiosmtpd's protocol, known to the sink while it is open."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.event_handler.opened(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.event_handler.closed(self)
        super().connection_lost(error)


async def serve_smtp(sink: Sink, host: str, port: int) -> asyncio.Server:
    """Listen; port 0 takes a free one. Raises OSError when the port is taken."""
    return await asyncio.get_running_loop().create_server(sink.connection, host, port)
