"""Whatever a recorder, a camera's own page or an RTSP port answers: typed errors, nothing else."""

import asyncio
import base64
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.drivers import Address, Login, driver, rtsp, vigi_local, vigi_nvr
from devices.drivers.errors import DeviceError
from devices.drivers.http import Answer
from tests.devices.drivers.recorder import EXAMPLE

LOGIN = Login("admin", "secret")
NOWHERE = Address("127.0.0.1", 1)
KEY = base64.b64encode(
    rsa.generate_private_key(65537, 1024)
    .public_key()
    .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as one:
        yield one


# -- JSON: the recorder's OpenAPI and the local web API --------------------------------------------

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["0", "1", "2", "%", "%zz", "%00", "9" * 5000, "a" * 32, KEY, 10**400]),
    st.sampled_from([0, -40401, -40403, -40404, -40405, -40408]),
)
_CHALLENGE = {"key": KEY, "nonce": "abcdefgh", "encrypt_type": ["1", "2"], "time": 9}
_INFO = {"device_model": "x", "sw_version": "1", "mac": EXAMPLE["mac"]}
_NVR: list[dict[str, Any]] = [
    {"error_code": -40401, "data": {"code": -40401, "sec_left": 0}},
    {"error_code": 0, "access_token": "abc", "refresh_token": "def", "expires_in": 0},
    {"error_code": 0, "devices": [EXAMPLE]},
]
_LOCAL: list[dict[str, Any]] = [
    {"error_code": -40401, "data": _CHALLENGE},
    {"error_code": 0, "stok": "a" * 32},
    {"error_code": 0, "device_info": {"basic_info": _INFO}},
]
_NAMES = st.sampled_from([*EXAMPLE, *_CHALLENGE, *_INFO, "data", "devices", "error_code"])
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=6),
    max_leaves=12,
)
_NO_JSON = st.one_of(
    st.sampled_from([b"[" * 100_000, b'{"data":' * 50_000, b'{"error_code":1e999}', b"\xff\xfe{}"]),
    st.binary(max_size=100),
)


def damaged(draw: st.DrawFn, value: Any) -> Any:
    """``value`` with something else in the place of one of its parts."""
    match value:
        case dict() if value and draw(st.integers(0, 9)):
            name = draw(st.sampled_from(sorted(value)))
            return {**value, name: damaged(draw, value[name])}
        case [first, *rest] if draw(st.integers(0, 9)):
            return [damaged(draw, first), *rest]
    alike = st.text(max_size=20) if isinstance(value, str) else st.integers()
    return draw(alike | _JSON)


@st.composite
def conversations(draw: st.DrawFn, good: list[dict[str, Any]]) -> list[Answer]:
    """Good answers in their order, and one that is not."""
    bodies = [json.dumps(one).encode() for one in good]
    bad = draw(st.integers(0, len(good) - 1))
    match draw(st.integers(0, 4)):
        case 0:
            bodies[bad] = draw(_NO_JSON)
        case 1:
            bodies[bad] = bodies[bad][: draw(st.integers(0, len(bodies[bad])))]
        case _:
            bodies[bad] = json.dumps(damaged(draw, good[bad])).encode()
    asking = {"www-authenticate": ('Digest realm="r", nonce="1"',)}
    answers = [Answer(200, asking if not place else {}, b) for place, b in enumerate(bodies)]
    if draw(st.integers(0, 3)) == 0:
        headers = st.dictionaries(
            st.sampled_from(["www-authenticate", "retry-after"]),
            st.tuples(st.sampled_from(['Digest nonce="1"', "Digest", "Basic", "5"]) | st.text()),
        )
        status = draw(st.sampled_from([200, 301, 401, 403, 429, 500, 999]))
        answers[bad] = Answer(status, draw(headers), bodies[bad])
    return answers


async def told(module: Any, answers: list[Answer], call: Callable[[], Awaitable[Any]]) -> None:
    left = list(answers)

    async def request(*_: object, **__: object) -> Answer:
        return left.pop(0) if len(left) > 1 else left[0]

    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(DeviceError):
        patch.setattr(module, "request", request)
        await call()


@settings(max_examples=150)
@given(answers=conversations(_NVR))
def test_no_answers_of_a_recorder_raise_anything_but_a_typed_error(runner, answers):
    nvr = vigi_nvr.VigiNvr(NOWHERE, 1)
    runner.run(told(vigi_nvr, answers, lambda: nvr.channels(LOGIN)))
    runner.run(told(vigi_nvr, answers[1:], lambda: nvr.channels(LOGIN)))  # renewed, where it can be
    runner.run(told(vigi_nvr, answers, lambda: nvr.check(LOGIN)))


@settings(max_examples=150)
@given(answers=conversations(_LOCAL))
def test_no_answers_of_a_cameras_page_raise_anything_but_a_typed_error(runner, answers):
    local = vigi_local.VigiLocal(NOWHERE, 1)
    for call in (local.tries_left, local.is_fresh, lambda: local.identify(LOGIN)):
        runner.run(told(vigi_local, answers, call))


# -- RTSP ------------------------------------------------------------------------------------------

_ASKS = b'RTSP/1.0 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="1"\r\n'
_LINES = st.sampled_from(
    [
        b"RTSP/1.0 401 No", b"RTSP/1.0 200 OK", b"RTSP/1.0 ", b"RTSP/9.9 999", b"HTTP/1.1 401 No",
        b'WWW-Authenticate: Digest nonce="1"', b'WWW-Authenticate: Digest realm="\x00", nonce="1"',
        b'WWW-Authenticate: Digest nonce="\xff\xe9"', b"WWW-Authenticate: Digest", b"\r", b"",
        b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: 999999999999", b"no colon",
        b": no name", b"Retry-After: \xb2", b"Connection: close", b"$\x00\x00\x04abcd",
        b"X: " + b"x" * 10_000,
    ]
)  # fmt: skip
_WIRE = st.one_of(
    st.binary(max_size=100),
    st.builds(lambda lines: b"\r\n".join([*lines, b"", b""]), st.lists(_LINES, max_size=6)),
    st.builds(lambda lines: _ASKS + b"\r\n".join([*lines, b"", b""]), st.lists(_LINES, max_size=3)),
)


@settings(max_examples=120)
@given(head=_WIRE)
def test_no_head_raises_anything_but_a_typed_error(head):
    with contextlib.suppress(DeviceError):
        rtsp._opened(rtsp.parse(head))
    with contextlib.suppress(DeviceError):
        challenge = rtsp._challenge_in(rtsp.parse(head))
        assert challenge.answer(LOGIN, "DESCRIBE", "/", 1)


@settings(max_examples=40)
@given(given=st.lists(_WIRE, max_size=3))
def test_no_bytes_on_the_wire_raise_anything_but_a_typed_error(runner, given):
    left = list(given)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while left:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(left.pop(0))
                await writer.drain()
        writer.close()

    async def ask() -> None:
        listening = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with listening:
            address = Address("127.0.0.1", listening.sockets[0].getsockname()[1])
            with contextlib.suppress(DeviceError):
                await driver("rtsp", address, 0.2).check(LOGIN)

    runner.run(ask())
