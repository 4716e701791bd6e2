"""RTSP as a door: made-up servers that ask for a digest, and strangers on the port."""

import asyncio
import contextlib
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from devices.drivers import Ability, Address, Driver, Login, driver, reach, rtsp
from devices.drivers.errors import (
    BadAnswer,
    Busy,
    ForbiddenAddress,
    LockedOut,
    NotSupported,
    OpensToAnything,
    Unreachable,
)
from tests.devices.drivers.made_up import password

CHALLENGE = 'WWW-Authenticate: Digest realm="r", nonce="1"'


def hashed(algorithm: str, *parts: str) -> str:
    named = {"MD5": "md5", "SHA-256": "sha256"}[algorithm]
    return hashlib.new(named, ":".join(parts).encode()).hexdigest()


def said(status: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"RTSP/1.0 {status} Because", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass
class Camera:
    """One stream behind a digest login. A nonce is good for one answer on its own connection."""

    algorithm: str = "MD5"
    qop: str = ""
    stream: str = "/stream1"
    body: bytes = b""
    hangs_up: bool = False
    realm: str = "TP-LINK IP-Camera"
    admin: Login = field(default_factory=lambda: Login("admin", password()))
    nonces: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    logins: int = 0
    connections: int = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if not self.hangs_up:
            self.nonces.clear()
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                writer.write(self.answer(head))
                if self.hangs_up:
                    writer.close()
                await writer.drain()

    def answer(self, head: str) -> bytes:
        self.asked.append(head)
        line, *headers = head.split("\r\n")
        method, uri, _ = line.split(" ")
        assert method == "DESCRIBE"
        given = dict(header.split(": ", 1) for header in headers if header)
        if "Authorization" in given:
            self.logins += 1
            if not self.opened_by(given["Authorization"], uri):
                return self.refused()
            return said(200) if uri.endswith(self.stream) else said(404)
        return self.refused()

    def refused(self) -> bytes:
        nonce = secrets.token_hex(8)
        self.nonces.add(nonce)
        qop = f', qop="{self.qop}"' if self.qop else ""
        return said(
            401,
            'WWW-Authenticate: Basic realm="r"',
            f'WWW-Authenticate: Digest realm="{self.realm}", nonce="{nonce}", '
            f'algorithm="{self.algorithm}"{qop}',
            *(["Connection: close"] if self.hangs_up else []),
            body=self.body,
        )

    def opened_by(self, authorization: str, uri: str) -> bool:
        assert authorization.startswith("Digest ")
        given = dict(re.findall(r'(\w+)="?([^",]*)', authorization))
        assert given["uri"] == uri
        if given["nonce"] not in self.nonces:
            return False
        self.nonces.remove(given["nonce"])
        a1 = hashed(self.algorithm, self.admin.username, self.realm, self.admin.password)
        a2 = hashed(self.algorithm, "DESCRIBE", uri)
        middle = [given["nc"], given["cnonce"], "auth"] if self.qop else []
        return given["response"] == hashed(self.algorithm, a1, given["nonce"], *middle, a2)


def at(
    camera: Any,
    story: Callable[[Driver], Coroutine[Any, Any, Any]],
    timeout: float = 5,
    **more: Any,
) -> Any:
    async def run() -> Any:
        listening = await asyncio.start_server(camera, "127.0.0.1", 0)
        async with listening:
            address = Address("127.0.0.1", listening.sockets[0].getsockname()[1])
            return await story(driver("rtsp", replace(address, **more), timeout))

    return asyncio.run(run())


def answers(*given: bytes) -> Callable[..., Coroutine[Any, Any, None]]:
    """A server that answers the questions, on whatever connections, with these bytes in turn."""
    left = list(given)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while left:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(left.pop(0))
                await writer.drain()
        writer.close()

    return handle


def checked(*given: bytes, login: Login | None = None) -> bool:
    return at(answers(*given), lambda door: door.check(login or Login("admin", password())))


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", ["", "auth"])
def test_only_the_right_login_opens_the_stream(algorithm, qop):
    camera = Camera(algorithm, qop)

    async def story(door: Driver):
        assert await door.check(camera.admin)
        assert not await door.check(Login("admin", password()))
        assert not await door.check(Login("somebody", camera.admin.password))
        assert await door.check(camera.admin)

    at(camera, story)
    assert camera.logins == 4


def test_question_and_answer_share_a_connection():
    camera = Camera(body=b"<html>first log in</html>" * 100)
    assert at(camera, lambda door: door.check(camera.admin))
    assert camera.connections == 1


def test_a_device_that_hangs_up_after_asking_is_called_again():
    camera = Camera(hangs_up=True)
    assert at(camera, lambda door: door.check(camera.admin))
    assert not at(camera, lambda door: door.check(Login("admin", password())))
    assert camera.logins == 2


def test_nothing_but_the_digest_leaves():
    camera = Camera()
    assert at(camera, lambda door: door.check(camera.admin))
    first, second = camera.asked
    assert "Authorization" not in first
    assert "Basic" not in second
    assert camera.admin.password not in second


@pytest.mark.parametrize(
    ("path", "stream"),
    [
        ("/onvif/device_service", "/stream1"),
        ("", "/stream1"),
        ("stream2", "/stream1"),
        ("/stream2", "/stream2"),
        ("/live?channel=1&x=%20", "/live?channel=1&x=%20"),
        ("/a b\r\nX: y", "/a%20b%0D%0AX:%20y"),
    ],
)
def test_the_path_is_the_addresss_or_the_vendors(path, stream):
    camera = Camera(stream=stream)
    assert at(camera, lambda door: door.check(camera.admin), path=path)
    assert re.match(
        rf"DESCRIBE rtsp://127\.0\.0\.1:\d+{re.escape(stream)} RTSP/1\.0\r\n", camera.asked[0]
    )


def test_a_missing_stream_tells_a_right_login_from_a_wrong_one():
    camera = Camera(stream="/other")
    assert at(camera, lambda door: door.check(camera.admin))
    assert not at(camera, lambda door: door.check(Login("admin", password())))


def test_a_realm_goes_back_byte_for_byte():
    seen = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b'RTSP/1.0 401 No\r\nWWW-Authenticate: Digest realm="\xff\xe9", nonce="1"\r\n\r\n'
        )
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(said(200))
        writer.close()

    assert at(handle, lambda door: door.check(Login("admin", password())))
    assert b'realm="\xff\xe9"' in seen[0]


@pytest.mark.parametrize(
    ("first", "error"),
    [
        (said(200, body=b"v=0\r\n"), OpensToAnything),
        (said(401, 'WWW-Authenticate: Basic realm="r"'), NotSupported),
        (said(401, "WWW-Authenticate: Digest"), BadAnswer),
        (said(401, 'WWW-Authenticate: Digest nonce="1", algorithm=ROT13'), BadAnswer),
        (said(401), BadAnswer),
        (said(403, "Retry-After: 17"), LockedOut),
        (said(403), LockedOut),
        (said(404), NotSupported),
        (said(501), NotSupported),
        (said(302, "Location: rtsp://127.0.0.1:1/"), BadAnswer),
        (said(400), BadAnswer),
        (said(429), Busy),
        (said(453), Busy),
        (said(503), Busy),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", BadAnswer),
        (b"220 mail ESMTP\r\n\r\n", BadAnswer),
        (b"RTSP/1.0 2000 OK\r\n\r\n", BadAnswer),
        (b"\r\n\r\n", BadAnswer),
        (b"RTSP/1.0 401 No\r\nX: a\rb\r\n" + CHALLENGE.encode() + b"\r\n\r\n", BadAnswer),
        (said(401, CHALLENGE, "Content-Length: -1"), BadAnswer),
        (b"RTSP/1.0 401 No\r\nContent-Length: 99999999\r\n" + CHALLENGE.encode() + b"\r\n\r\n",
         BadAnswer),
        (b"RTSP/1.0 401 No\r\nContent-Length: \xb2\r\n" + CHALLENGE.encode() + b"\r\n\r\n",
         BadAnswer),
        (b"RTSP/1.0 401 No\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", BadAnswer),
        (b"x" * 100_000, BadAnswer),
        (b"RTSP/1.0 401 No\r\n", Unreachable),
        (b"", Unreachable),
    ],
)  # fmt: skip
def test_a_device_that_asks_for_no_digest_is_told_no_login(first, error):
    asked = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(first)
            await writer.drain()
        writer.close()

    with pytest.raises(error):
        at(handle, lambda door: door.check(Login("admin", password())))
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("second", "opened"),
    [
        (said(200, body=b"v=0\r\n"), True),
        (b"RTSP/1.0 200\r\n\r\n", True),
        (said(404), True),
        (said(401, CHALLENGE), False),
        (said(401), False),
        (said(403), False),
    ],
)
def test_the_answer_to_a_login_has_its_meaning(second, opened):
    assert checked(said(401, CHALLENGE), second) is opened


@pytest.mark.parametrize(
    ("second", "error"),
    [
        (said(401, CHALLENGE + ", stale=true"), BadAnswer),
        (said(403, "Retry-After: 17"), LockedOut),
        (said(503), Busy),
        (said(500), BadAnswer),
        (said(301), BadAnswer),
        (b"", Unreachable),
    ],
)
def test_what_says_nothing_of_the_login_is_an_error(second, error):
    with pytest.raises(error) as caught:
        checked(said(401, CHALLENGE), second)
    if isinstance(caught.value, LockedOut):
        assert caught.value.seconds_left == 17


@pytest.mark.parametrize("name", ["a\r\nX: y", "a\x00", "\ud800"])
def test_a_name_that_no_header_can_carry_opens_nothing(name):
    camera = Camera()
    assert at(camera, lambda door: door.check(Login(name, password()))) is False
    assert not camera.asked


def test_a_slow_device_is_left_after_the_time_out():
    async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b"RTSP")
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(), 0.01)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    for handle in (drips, silent):
        started = time.monotonic()
        with pytest.raises(Unreachable, match=r"0\.1 seconds"):
            at(handle, lambda door: door.check(Login("admin", password())), timeout=0.1)
        assert time.monotonic() - started < 2


def test_a_device_that_is_not_there_is_unreachable():
    async def story():
        async with await asyncio.start_server(Camera(), "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable):
            await driver("rtsp", Address("127.0.0.1", port), 5).check(Login("admin", password()))

    asyncio.run(story())


@pytest.mark.parametrize("address", [Address("127.0.0.1", 99_999), Address("no such\nhost", 554)])
def test_an_address_that_is_none_is_unreachable(address):
    with pytest.raises(Unreachable):
        asyncio.run(driver("rtsp", address, 5).check(Login("admin", password())))


def test_no_connection_is_made_out_of_reach():
    camera, before = Camera(), reach.current()
    try:
        reach.configure()
        with pytest.raises(ForbiddenAddress):
            at(camera, lambda door: door.check(camera.admin))
    finally:
        reach.configure(map(str, before.allowed), before.own_ports)
    assert not camera.connections


def test_nothing_is_sent_over_tls_which_no_device_here_offers():
    camera = Camera()
    with pytest.raises(NotSupported):
        at(camera, lambda door: door.check(camera.admin), tls=True)
    assert not camera.connections


def test_the_driver_can_check_and_nothing_else():
    assert rtsp.Rtsp.abilities == {Ability.CHECK}
