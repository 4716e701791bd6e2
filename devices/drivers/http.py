"""The one HTTP client for devices: bounded in time and size, follows nothing, keeps nothing.

One session for each event loop, one TLS context for the process. Started with ``asyncio.run`` the
session closes by itself as the loop ends. Nothing goes to an address that ``reach`` forbids, and
nothing over TLS before the certificate is the pinned one.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from types import MappingProxyType
from urllib.parse import quote

import aiohttp
from yarl import URL

from devices.drivers import reach
from devices.drivers.base import Address
from devices.drivers.errors import BadAnswer, CertificateChanged, ForbiddenAddress, Unreachable
from devices.drivers.safe_xml import MAX_BYTES

DEFAULT_TIMEOUT = 10.0
"""Seconds for a whole exchange, from connecting to the last byte of the answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whatever its status. Header names are in lower case, values in order."""

    status: int
    headers: Mapping[str, tuple[str, ...]]
    body: bytes
    charset: str | None = None

    def header(self, name: str) -> str:
        return self.headers.get(name, ("",))[0]


async def request(
    address: Address,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] = MappingProxyType({}),
    *,
    timeout: float = DEFAULT_TIMEOUT,
    changes: bool = False,
    fresh_connection: bool = False,
) -> Answer:
    """Ask, and read the answer, whatever its status; at most ``MAX_BYTES`` of it.

    ``path`` begins with / and may hold a query; it travels as ``travelling(path)``. ``timeout`` in
    seconds. ``changes`` says that the request changes the device: an error after it was sent then
    carries ``maybe_done``. ``fresh_connection`` opens a TCP connection for this request alone.
    Raises Unreachable, ForbiddenAddress, CertificateChanged, BadAnswer; OutOfFiles; ValueError
    where the address has TLS and no pin.
    """
    url = _url(address.host, address.port, address.tls, travelling(path))
    pin = _pin(address.pin) if address.tls else True
    session = await _session(fresh_connection)
    try:
        async with session.request(
            method,
            url,
            data=body or None,
            headers=headers,
            allow_redirects=False,  # a login must not travel to where the answer points
            ssl=pin,
            timeout=aiohttp.ClientTimeout(total=timeout),
        ) as response:
            return Answer(
                status=response.status,
                headers={
                    name.lower(): tuple(response.headers.getall(name)) for name in response.headers
                },
                body=await _bounded(response),
                charset=response.charset,
            )
    except BadAnswer as error:
        error.maybe_done = changes
        raise
    except aiohttp.ServerFingerprintMismatch as error:
        raise CertificateChanged(address.port, error.got.hex()) from None
    except aiohttp.ClientConnectorSSLError as error:
        raise Unreachable("The device does not speak TLS there, or none that is known.") from error
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        if isinstance(error.__cause__, _OutOfReach):
            raise ForbiddenAddress(error.__cause__.problem) from None
        raise Unreachable("The device does not accept a connection.") from error
    except TimeoutError as error:
        raise Unreachable(f"No answer within {timeout:g} seconds.", maybe_done=changes) from error
    except (aiohttp.ServerConnectionError, aiohttp.ClientOSError, OSError) as error:
        raise Unreachable("The connection broke before the answer.", maybe_done=changes) from error
    except aiohttp.InvalidURL as error:
        raise Unreachable("The device's address is none that can be asked.") from error
    except (aiohttp.ClientError, ValueError) as error:
        raise BadAnswer("The answer is not proper HTTP.", maybe_done=changes) from error


async def post(
    address: Address,
    body: bytes,
    headers: Mapping[str, str],
    *,
    timeout: float = DEFAULT_TIMEOUT,
    changes: bool = False,
) -> Answer:
    """POST to the path of the address. See ``request``."""
    return await request(
        address, "POST", address.path, body, headers, timeout=timeout, changes=changes
    )


async def certificate_of(address: Address, timeout: float = DEFAULT_TIMEOUT) -> str:
    """The SHA-256 of the certificate that is shown at the address, in hex: to be pinned.

    Nothing is sent but the TLS handshake. Raises Unreachable, ForbiddenAddress.
    """
    try:
        await request(replace(address, tls=True, pin=_NO_PIN), "GET", "/", timeout=timeout)
    except CertificateChanged as changed:
        return changed.seen
    raise AssertionError("no certificate has a hash of nothing but noughts")


@lru_cache(maxsize=1024)
def travelling(path: str) -> str:
    """The path as it travels: HTTP digest signs it. What is percent-encoded already stays."""
    return quote(path, safe="/?=&%:@+,;~")


@lru_cache(maxsize=16_384)
def _url(host: str, port: int, tls: bool, path: str) -> URL:
    if reach.is_metadata(host):
        raise ForbiddenAddress("metadata_address")  # whatever it is resolved to
    try:
        host.encode("idna")  # or it is none that a resolver takes
        base = URL.build(scheme="https" if tls else "http", host=host, port=port)
        return URL(f"{base}{path}", encoded=True)  # or it would be encoded anew, and not as signed
    except ValueError as error:
        raise Unreachable("The device's address is none that can be asked.") from error


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_BYTES:
            raise BadAnswer("The device's answer is too large.")
    return bytes(body)


_sessions: dict[
    tuple[asyncio.AbstractEventLoop, bool], tuple[aiohttp.ClientSession, AsyncGenerator[object]]
] = {}


async def _session(fresh_connection: bool) -> aiohttp.ClientSession:
    key = (asyncio.get_running_loop(), fresh_connection)
    if key not in _sessions:
        opening = _open_session(*key)
        _sessions[key] = (await anext(opening), opening)
    return _sessions[key][0]


async def _open_session(
    loop: asyncio.AbstractEventLoop, fresh_connections: bool
) -> AsyncGenerator[aiohttp.ClientSession, None]:
    # asyncio.run() finishes the generators that are left when its loop ends, and so closes this.
    connector = (
        _Connector(limit=256, socket_factory=_socket, force_close=True)
        if fresh_connections
        else _Connector(limit=256, socket_factory=_socket, limit_per_host=4, keepalive_timeout=5)
    )
    try:
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "Rekey", "Accept-Encoding": "identity"},
            auto_decompress=False,  # not asked for, and a small answer may unpack to a huge one
        ) as session:
            # Or a GET whose connection breaks is sent again, and a wrong login costs two tries.
            session._retry_connection = False
            yield session
    finally:
        _sessions.pop((loop, fresh_connections), None)


class _Connector(aiohttp.TCPConnector):
    """Checks pins as aiohttp does, right after the handshake, but in the TLS context of ours."""

    def _get_ssl_context(self, req: aiohttp.ClientRequest) -> ssl.SSLContext | None:
        return _tls() if req.is_ssl() else None


@cache
def _tls() -> ssl.SSLContext:
    # Devices come with self-signed certificates: who they are is what their pin says.
    # Some offer nothing but AES256-GCM-SHA384, which Python's default leaves out.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:AES256-GCM-SHA384")
    return context


_NO_PIN = "00" * 32


@lru_cache(maxsize=16_384)
def _pin(pin: str) -> aiohttp.Fingerprint:
    # The same object each time: aiohttp keeps connections apart by it.
    if not pin:
        raise ValueError("TLS without a pin: see certificate_of")
    return aiohttp.Fingerprint(bytes.fromhex(pin))


class _OutOfReach(OSError):
    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """The last moment before a connection is made, and the first when it is sure where to."""
    family, kind, protocol, _, (host, port, *_) = address
    if problem := reach.current().problem(str(host), int(port)):
        raise _OutOfReach(problem)
    return reach.new_socket(family, kind, protocol)
