"""Servers that do HTTP and TLS badly, or for ever: bounded in time and size, and a typed error."""

import asyncio
import contextlib
import ssl
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.drivers import Address, Driver, Login, driver, http
from devices.drivers.errors import BadAnswer, DeviceError, LockedOut, Unreachable
from devices.drivers.safe_xml import MAX_BYTES
from tests.devices.drivers.certificates import shown_by_a_device
from tests.devices.drivers.made_up import IDENTITY, envelope, fault, password, server

LOGIN = Login("admin", password())
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

EVERY_CALL: dict[str, Callable[[Driver], Awaitable[Any]]] = {
    "identify": lambda onvif: onvif.identify(LOGIN),
    "check": lambda onvif: onvif.check(LOGIN),
    "is_fresh": lambda onvif: onvif.is_fresh(),
    "activate": lambda onvif: onvif.activate(Login("admin", password()), ""),
    "services": lambda onvif: onvif.services(LOGIN),
    "accounts": lambda onvif: onvif.accounts(LOGIN),
    "set_password": lambda onvif: onvif.set_password(LOGIN, "admin", password()),
    "rules": lambda onvif: onvif.rules(),
}


@contextlib.asynccontextmanager
async def speaking(handle: Handle, tls: ssl.SSLContext | None = None) -> AsyncIterator[Address]:
    """A server that says whatever ``handle`` writes, once a request's head has come."""

    async def heard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await handle(reader, writer)
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(heard, "127.0.0.1", 0, ssl=tls)
    address = Address("127.0.0.1", listening.sockets[0].getsockname()[1], tls=tls is not None)
    async with listening:
        yield replace(address, pin=await http.certificate_of(address)) if tls else address


def endless(head: bytes, piece: bytes, pause: float = 0) -> Handle:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return handle


ENDLESS = {
    "headers": endless(OK, b"X-Header: and on and on\r\n"),
    "one header": endless(OK + b"X: ", b"x" * 65536),
    "status line": endless(b"HTTP/1.1 200 ", b"OK" * 32768),
    "interim answers": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "body": endless(OK + b"\r\n", b" " * 65536),
    "chunks": endless(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "small chunks": endless(CHUNKED, b"1\r\n \r\n" * 1000),
    "chunk extension": endless(CHUNKED + b"5;", b"x" * 65536),
    "chunk size": endless(CHUNKED, b"0" * 65536),
    "trailers": endless(CHUNKED + b"0\r\n", b"X-Header: and on and on\r\n" * 1000),
    "dripping headers": endless(OK, b"X: 1\r\n", 0.01),
    "dripping chunks": endless(CHUNKED, b"1\r\n \r\n", 0.01),
    "dripping body": endless(OK + b"Content-Length: 1000000\r\n\r\n", b" ", 0.01),
    "nothing": endless(b"", b"", 0.01),
}


@pytest.mark.parametrize(
    ("what", "tls"),
    [(what, False) for what in ENDLESS] + [("body", True), ("chunks", True), ("headers", True)],
)
def test_what_never_ends_is_left_in_time_and_fills_no_memory(what, tls):
    async def ask() -> None:
        context = shown_by_a_device()[0] if tls else None
        async with speaking(ENDLESS[what], context) as address:
            with pytest.raises((BadAnswer, Unreachable)):
                await http.request(address, "GET", "/", timeout=0.25)

    started = time.monotonic()
    tracemalloc.start()
    try:
        asyncio.run(ask())
        assert tracemalloc.get_traced_memory()[1] < 16 * MAX_BYTES
    finally:
        tracemalloc.stop()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("length", [MAX_BYTES + 1, 10 * MAX_BYTES])
@pytest.mark.parametrize("tls", [False, True])
def test_a_body_that_is_too_large_is_not_read_to_its_end(length, tls):
    sent = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(OK + b"Content-Length: %d\r\n\r\n" % length)
        while sent < length:
            writer.write(b" " * 65536)
            await writer.drain()
            sent += 65536

    async def ask() -> None:
        context = shown_by_a_device()[0] if tls else None
        async with speaking(handle, context) as address:
            with pytest.raises(BadAnswer, match="too large"):
                await http.request(address, "GET", "/", timeout=5)

    asyncio.run(ask())
    assert tls or sent < 8 * MAX_BYTES  # over TLS asyncio writes on, to nobody


@pytest.mark.parametrize("said", [OK + b"\r\n" + b" " * MAX_BYTES * 2, b"what?\r\n\r\n", b""])
def test_a_change_whose_answer_is_of_no_use_may_have_been_made(said):
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)

    async def ask() -> None:
        async with speaking(handle) as address:
            for changes in (True, False):
                with pytest.raises((BadAnswer, Unreachable)) as caught:
                    await http.request(address, "POST", "/", b"{}", timeout=5, changes=changes)
                assert caught.value.maybe_done == changes

    asyncio.run(ask())


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("fresh", [False, True])
def test_a_request_whose_connection_breaks_is_not_sent_again(method, fresh):
    """It may have held a login, and a wrong one would cost two tries."""
    heard = []

    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(1)

    async def ask() -> None:
        async with speaking(break_off) as address:
            with pytest.raises(Unreachable):
                await http.request(address, method, "/", timeout=1, fresh_connection=fresh)

    asyncio.run(ask())
    assert heard == [1]


def test_a_body_of_the_largest_size_is_read():
    async def ask() -> bytes:
        async with server(lambda *_: web.Response(body=b"x" * MAX_BYTES)) as seen:
            return (await http.request(seen.address, "GET", "/")).body

    assert len(asyncio.run(ask())) == MAX_BYTES


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("name", EVERY_CALL)
def test_no_call_follows_an_answer_that_points_elsewhere(name, status):
    idle: list[str] = []

    async def ask() -> None:
        async with server(lambda _, body: idle.append(body) or web.Response()) as elsewhere:
            target = f"http://127.0.0.1:{elsewhere.address.port}/"
            async with server(
                lambda *_: web.Response(status=status, headers={"Location": target})
            ) as seen:
                with pytest.raises(BadAnswer):
                    await EVERY_CALL[name](driver("onvif", seen.address, 5))

    asyncio.run(ask())
    assert not idle


def test_no_cookie_is_kept():
    async def ask() -> list[dict[str, str]]:
        async with server(lambda *_: web.Response(headers={"Set-Cookie": "a=b"})) as seen:
            for fresh in (False, False, True, True):
                await http.request(seen.address, "GET", "/", fresh_connection=fresh)
            return seen.headers

    assert not any("Cookie" in one for one in asyncio.run(ask()))


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("fresh", [False, True])
def test_a_fresh_connection_is_one_for_each_call(fresh, tls):
    ports = set()

    def answer(request: web.BaseRequest, body: str) -> web.Response:
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.Response()

    async def ask() -> None:
        context, pin = shown_by_a_device() if tls else (None, "")
        async with server(answer, context) as seen:
            for _ in range(3):
                await http.request(
                    replace(seen.address, pin=pin), "GET", "/", fresh_connection=fresh
                )

    asyncio.run(ask())
    assert len(ports) == (3 if fresh else 1)


def test_the_method_the_path_the_headers_and_the_body_arrive_as_they_were_given():
    async def ask() -> tuple[Any, ...]:
        def answer(request: web.BaseRequest, body: str) -> web.Response:
            return web.Response(text=f"{request.method} {request.raw_path} {body}")

        async with server(answer) as seen:
            answers = [
                await http.request(seen.address, method, path, body, {"X-Word": "given"})
                for method, path, body in (
                    ("GET", "/openapi/token?grant_type=refresh_token&refresh_token=a%2Fb%20c", b""),
                    ("POST", "/stok=00ff/ds", b"{}"),
                    ("GET", "/a/../b/./c%7E", b""),
                )
            ]
            assert [one["X-Word"] for one in seen.headers] == ["given"] * 3
            return tuple(answer.body.decode() for answer in answers)

    assert asyncio.run(ask()) == (
        "GET /openapi/token?grant_type=refresh_token&refresh_token=a%2Fb%20c ",
        "POST /stok=00ff/ds {}",
        "GET /a/../b/./c%7E ",
    )


@pytest.mark.parametrize(
    "headers", [{"X": "a\r\nY: b"}, {"X\r\nY": "b"}, {"X": "\0"}, {"X": "\udcff"}]
)
def test_a_header_that_would_break_out_is_never_sent(headers):
    async def ask() -> None:
        async with server(lambda *_: web.Response()) as seen:
            with contextlib.suppress(DeviceError):
                await http.request(seen.address, "GET", "/", headers=headers, timeout=1)
            assert not any("Y" in one for one in seen.headers)

    asyncio.run(ask())


@pytest.mark.parametrize("name", EVERY_CALL)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, ""), (200, "<x/>"), (200, envelope("")), (200, "\0" * 1000), (200, IDENTITY[:-9]),
        (400, fault("Sender")), (401, ""), (403, "{}"), (500, ""), (500, fault("Receiver", "x")),
        (502, "<html>"), (999, "?"), (204, ""),
    ],
)  # fmt: skip
def test_every_call_ends_well_or_with_a_typed_error(name, status, body):
    async def ask() -> Any:
        async with server(lambda *_: web.Response(status=status, text=body)) as seen:
            with contextlib.suppress(DeviceError):
                return await EVERY_CALL[name](driver("onvif", seen.address, 5))

    assert asyncio.run(ask()) in (None, False)


@pytest.mark.parametrize("name", [name for name in EVERY_CALL if name != "rules"])
def test_a_locked_device_stops_every_call(name):
    async def ask() -> Any:
        async with server(
            lambda *_: web.Response(status=401, headers={"Retry-After": "9"})
        ) as seen:
            return await EVERY_CALL[name](driver("onvif", seen.address, 5))

    with pytest.raises(LockedOut) as caught:
        asyncio.run(ask())
    assert caught.value.seconds_left == 9


# -- anything at all ------------------------------------------------------------------------------

_LINES = st.sampled_from(
    [
        b"Content-Length: 5", b"Content-Length: 99999999999999999999", b"Content-Length: -1",
        b"Content-Length: 1, 1", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: \x0bchunked", b"Content-Encoding: br", b"Content-Encoding: deflate",
        b"Connection: close", b"Connection: upgrade", b"Upgrade: websocket", b"Location: //[",
        b"Set-Cookie: a=b; Domain=\xff", b"Content-Type: text/xml; charset=\"", b"Content-Type: /",
        b"WWW-Authenticate: Digest nonce=\"", b"WWW-Authenticate: Digest nonce=\"1\", algorithm=,",
        b"Retry-After: -1", b"Retry-After: 99999999999", b": x", b"\x00: x", b" folded", b"",
    ]
)  # fmt: skip
_ANSWERS = st.builds(
    lambda start, lines, body: start + b"\r\n" + b"".join(b + b"\r\n" for b in lines) + body,
    st.sampled_from(
        [
            b"HTTP/1.1 200 OK", b"HTTP/1.0 200", b"HTTP/2.0 200 OK", b"HTTP/1.1 101 Go",
            b"HTTP/1.1 401 No", b"HTTP/1.1 500 ", b"HTTP/1.1 -1 x", b"HTTP/1.1 2000 x", b"ICY 200",
            b"RTSP/1.0 200 OK", b"GET / HTTP/1.1", b"\x16\x03\x01\x02", b"",
        ]
    ),
    st.lists(_LINES, max_size=5),
    st.one_of(
        st.binary(max_size=60),
        st.just(b"\r\n" + IDENTITY.encode()),
        st.just(b"\r\n5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nsecond answer"),
        st.just(b"\r\nfffffffffffffffff\r\nhello"),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as one:
        yield one


@pytest.fixture(scope="module")
def certificate():
    return shown_by_a_device()[0]


@settings(max_examples=50)
@given(raw=_ANSWERS, name=st.sampled_from(sorted(EVERY_CALL)), tls=st.booleans())
def test_no_answer_to_any_call_raises_anything_but_a_typed_error(
    runner, certificate, raw, name, tls
):
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    async def ask() -> None:
        async with speaking(handle, certificate if tls else None) as address:
            with contextlib.suppress(DeviceError):
                await EVERY_CALL[name](driver("onvif", address, 1))
            with contextlib.suppress(DeviceError):
                await http.request(address, "GET", "/", timeout=1, fresh_connection=True)

    runner.run(ask())


@settings(max_examples=25)
@given(raw=st.binary(max_size=80), record=st.sampled_from([b"", b"\x16\x03\x03", b"\x15\x03\x01"]))
def test_no_handshake_raises_anything_but_a_typed_error(runner, raw, record):
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(record + raw)
        writer.close()

    async def ask() -> None:
        listening = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with listening:
            address = Address("127.0.0.1", listening.sockets[0].getsockname()[1])
            with pytest.raises(Unreachable):
                await http.certificate_of(address, timeout=1)

    runner.run(ask())
