"""Connections to virtual devices: requests are cut out of the stream, and answered one by one.

Lean on purpose, since ten thousand devices answer from one process: no task for a connection, and
no Date or Server header, so that a seeded run repeats to the byte.
"""

import asyncio
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol, cast

from devices.virtual.service import Reply, Request, Then

LONGEST_HEAD = 32 * 1024
LONGEST_BODY = 1024 * 1024
"""Bytes. Whoever sends more is cut off."""

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*(?:\r\n|$)", re.IGNORECASE)
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Owner(Protocol):
    """What a connection has to know of its device."""

    @property
    def delay(self) -> float:
        """Seconds before each answer."""
        ...

    def joined(self, connection: "Connection") -> bool:
        """Take the connection in; False: the device is not there."""
        ...

    def left(self, connection: "Connection") -> None: ...

    def http(self, door: str, request: Request) -> Reply | None:
        """The answer; None: the connection breaks instead."""
        ...

    def line(self, door: str, request: str, client: str) -> bytes | None:
        """The same for a line protocol."""
        ...

    def now(self) -> float: ...

    def then(self, what: Then) -> None:
        """Do what a reply has announced."""
        ...


class Connection(asyncio.Protocol):
    """One client's connection to one door of a device."""

    __slots__ = ("_buffer", "_busy", "_client", "_door", "_owner", "_transport")

    def __init__(self, owner: Owner, door: str) -> None:
        self._owner = owner
        self._door = door
        self._buffer = b""
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._owner.joined(self):
            self._client: str = transport.get_extra_info("peername")[0]
        else:
            self._transport.abort()

    def connection_lost(self, problem: Exception | None) -> None:
        self._owner.left(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._busy:
            self._next()

    def abort(self) -> None:
        self._transport.abort()

    def _next(self) -> None:
        """Begin to answer the next request, if all of it is here."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > LONGEST_HEAD:
                self.abort()
            return
        head = self._buffer[:end]
        found = _LENGTH.search(head)
        whole = end + 4 + (int(found[1]) if found else 0)
        if whole - end - 4 > LONGEST_BODY:
            self.abort()
        elif len(self._buffer) >= whole:
            body, self._buffer = self._buffer[end + 4 : whole], self._buffer[whole:]
            self._busy = True
            if delay := self._owner.delay:
                asyncio.get_running_loop().call_later(delay, self._answer, head, body)
            else:
                self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if self._transport.is_closing():  # the client has left, or the power has gone
            return
        self._busy = False
        self._reply(head, body)
        if self._buffer and not self._transport.is_closing():
            self._next()

    def _reply(self, head: bytes, body: bytes) -> None:
        raise NotImplementedError


class HttpConnection(Connection):
    """HTTP/1.1, with bodies by Content-Length alone."""

    __slots__ = ()

    def _reply(self, head: bytes, body: bytes) -> None:
        lines = _text(head).split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            self._transport.write(_written(Reply(400), close=True))
            return self._transport.close()
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            name, value = name.lower(), value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        request = Request(words[0], words[1], headers, body, self._client, self._owner.now())
        reply = self._owner.http(self._door, request)
        if reply is None:
            return self.abort()
        close = words[2] == "HTTP/1.0" or headers.get("connection", "").lower() == "close"
        self._transport.write(_written(reply, close=close, bodiless=words[0] == "HEAD"))
        if close:
            self._transport.close()
        if reply.then:
            self._owner.then(reply.then)
        return None


class LineConnection(Connection):
    """RTSP and its like."""

    __slots__ = ()

    def _reply(self, head: bytes, body: bytes) -> None:
        request = _text(head + b"\r\n\r\n" + body)
        answer = self._owner.line(self._door, request, self._client)
        if answer is None:
            self.abort()
        else:
            self._transport.write(answer)


def _text(data: bytes) -> str:
    """What names and hashes are made of: UTF-8, and whatever else it may be, unchanged."""
    return data.decode(errors="surrogateescape")


def _written(reply: Reply, *, close: bool, bodiless: bool = False) -> bytes:
    head = [f"HTTP/1.1 {reply.status} {_PHRASES.get(reply.status, '')}"]
    head += [f"{name}: {value}" for name, value in _safe(reply.headers).items()]
    head.append(f"Content-Length: {len(reply.body)}")
    if close:
        head.append("Connection: close")
    body = b"" if bodiless else reply.body
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def _safe(headers: Mapping[str, str]) -> Mapping[str, str]:
    for value in headers.values():
        if "\r" in value or "\n" in value:
            raise ValueError("A header holds a line break.")
    return headers
