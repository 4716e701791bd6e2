"""RTSP: the door that a recorder uses. Does a login open the video stream?

``DESCRIBE`` with digest authentication (RFC 2326, RFC 7616). Basic is never answered: it would show
the password to whoever listens. A password change that took on HTTP and not here was reported
from the field, so this is a door of its own in the proof.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import ClassVar

from devices.drivers import digest, reach
from devices.drivers.base import Address, Driver, Login
from devices.drivers.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    LockedOut,
    NotAuthorised,
    NotSupported,
    OpensToAnything,
    OutOfFiles,
    Unreachable,
)
from devices.drivers.http import DEFAULT_TIMEOUT, Answer, travelling
from devices.drivers.logins import refuse_unsendable
from devices.drivers.onvif_faults import seconds_left

_STREAM = "/stream1"
"""The main stream of VIGI devices; with a right login any other answers 404, which opens too."""
_ONVIF = Address("", 0).path
_MAX_HEAD = 16 * 1024
_MAX_BODY = 64 * 1024
_STATUS = re.compile(r"RTSP/\d\.\d (\d{3})(?: .*)?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Rtsp(Driver):
    """One device's RTSP service. ``timeout`` in seconds, for each exchange."""

    name: ClassVar[str] = "rtsp"

    def __init__(self, address: Address, timeout: float = DEFAULT_TIMEOUT) -> None:
        super().__init__(address, timeout)
        host = f"[{address.host}]" if ":" in address.host else address.host
        path = address.path if address.path.startswith("/") else _STREAM
        stream = travelling(_STREAM if path == _ONVIF else path)
        self._uri = f"rtsp://{host}:{address.port}{stream}"

    async def check(self, login: Login) -> bool:
        try:
            refuse_unsendable(login)
        except NotAuthorised:
            return False
        async with contextlib.AsyncExitStack() as stack:
            streams = await stack.enter_async_context(self._connected())
            first = await self._describe(streams, 1)
            challenge = _challenge_in(first)
            reader, _ = streams
            if first.header("connection").lower() == "close" or reader.at_eof():
                streams = await stack.enter_async_context(self._connected())
            answer = challenge.answer(login, "DESCRIBE", self._uri, 1)
            return _opened(await self._describe(streams, 2, answer))

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[_Streams]:
        if self._address.tls:
            raise NotSupported("RTSP over TLS is not supported.")
        try:
            async with asyncio.timeout(self._timeout):
                host = await reach.address_of(self._address.host, self._address.port)
                reader, writer = await asyncio.open_connection(
                    host, self._address.port, limit=_MAX_HEAD
                )
        except (OSError, ValueError, OverflowError) as error:  # also a time-out, or no address
            if isinstance(error, OSError):
                OutOfFiles.if_so(error)
            raise Unreachable("The device does not accept a connection.") from error
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                async with asyncio.timeout(self._timeout):
                    await writer.wait_closed()

    async def _describe(self, streams: _Streams, number: int, authorization: str = "") -> Answer:
        reader, writer = streams
        lines = [
            f"DESCRIBE {self._uri} RTSP/1.0",
            f"CSeq: {number}",
            "User-Agent: Rekey",
            "Accept: application/sdp",
            *([f"Authorization: {authorization}"] if authorization else []),
        ]
        try:
            async with asyncio.timeout(self._timeout):
                # The realm goes back byte for byte as it came.
                writer.write("\r\n".join([*lines, "", ""]).encode(errors="surrogateescape"))
                await writer.drain()
                return await _read(reader)
        except TimeoutError as error:
            raise Unreachable(f"No answer within {self._timeout:g} seconds.") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Unreachable("The connection broke before the answer.") from error
        except asyncio.LimitOverrunError as error:
            raise BadAnswer("The device's answer is too large.") from error


async def _read(reader: asyncio.StreamReader) -> Answer:
    answer = parse(await reader.readuntil(b"\r\n\r\n"))
    if answer.status == 401:  # a further question follows on the same connection
        await reader.readexactly(_length(answer))
    return answer


def parse(head: bytes) -> Answer:
    """The first line and the headers of an answer, without its body. Raises BadAnswer."""
    status, *lines = head.decode(errors="surrogateescape").removesuffix("\r\n\r\n").split("\r\n")
    found = _STATUS.fullmatch(status)
    if found is None or any(_CONTROL.search(line) for line in lines):
        raise BadAnswer("The device's answer is not proper RTSP.")
    headers: dict[str, tuple[str, ...]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        key = name.strip().lower()
        headers[key] = (*headers.get(key, ()), value.strip())
    return Answer(int(found[1]), headers, b"")


def _length(answer: Answer) -> int:
    given = answer.header("content-length") or "0"
    if not re.fullmatch(r"\d{1,9}", given, re.ASCII) or int(given) > _MAX_BODY:
        raise BadAnswer("The device's answer is too large.")
    return int(given)


def _challenge_in(answer: Answer) -> digest.Challenge:
    """What the device asks of somebody without a login."""
    if 200 <= answer.status < 300:
        raise OpensToAnything
    if answer.status == 403:
        raise LockedOut(seconds_left(answer))  # it does not even ask for a login
    if answer.status != 401:
        raise _error(answer.status)
    offers = answer.headers.get("www-authenticate", ())
    found = digest.challenge(offers)
    if found is None and any(offer.lower().startswith("basic") for offer in offers):
        raise NotSupported("The stream takes the password only in the open, so it is not sent.")
    if found is None:
        raise BadAnswer("The device asks for a login in a way that is not supported.")
    return found


def _opened(answer: Answer) -> bool:
    if 200 <= answer.status < 300 or answer.status == 404:
        return True  # without the login the same stream was refused, not missing
    if answer.status == 401:
        again = digest.challenge(answer.headers.get("www-authenticate", ()))
        if again is not None and again.stale:
            raise BadAnswer("The device takes its own fresh challenge for an old one.")
    if answer.status == 403 and answer.header("retry-after"):
        raise LockedOut(seconds_left(answer))
    if answer.status in (401, 403):
        return False
    raise _error(answer.status)


def _error(status: int) -> DeviceError:
    match status:
        case 404 | 405 | 501 | 505 | 551:
            return NotSupported("There is no such stream on the device.")
        case 408 | 429 | 453 | 502 | 503 | 504:
            return Busy()
        case _ if 300 <= status < 400:
            return BadAnswer("The device points to another address, which is not followed.")
        case _:
            return BadAnswer(f"The device answers with RTSP {status} and no reason.")
