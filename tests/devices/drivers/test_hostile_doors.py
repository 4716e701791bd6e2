"""Whatever a recorder, a camera's own page or an RTSP port answers: typed errors, nothing else."""

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable, Coroutine
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
_GOOD = [
    {"error_code": 0, "devices": [EXAMPLE]},
    {"error_code": 0, "access_token": "abc", "refresh_token": "def", "expires_in": 0},
    {"error_code": -40403, "data": {"code": -40403, "sec_left": 0}},
    {"error_code": -40401, "data": _CHALLENGE},
    {"error_code": 0, "stok": "a" * 32},
    {"error_code": 0, "device_info": {"basic_info": {"device_model": "x", "mac": EXAMPLE["mac"]}}},
]
_NAMES = st.sampled_from([*EXAMPLE, *_CHALLENGE, *{name for good in _GOOD for name in good}])
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=6),
    max_leaves=12,
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A good answer, one with a part replaced, one cut off, any JSON, or any bytes."""
    good = json.loads(json.dumps(draw(st.sampled_from(_GOOD))))
    match draw(st.integers(0, 5)):
        case 0 | 1:
            return json.dumps(good).encode()
        case 2:
            inside = good.get("data", good)
            inside[draw(st.sampled_from(sorted(inside)))] = draw(_JSON)
            return json.dumps(good).encode(errors="replace")
        case 3:
            return json.dumps(good).encode()[: draw(st.integers(0, 60))]
        case 4:
            return json.dumps(draw(_JSON)).encode()
    deep = [b"[" * 100_000, b'{"data":' * 50_000, b'{"error_code":1e999}', b"\xff\xfe{}", b""]
    return draw(st.sampled_from(deep) | st.binary(max_size=100))


ANSWERS = st.builds(
    Answer,
    status=st.sampled_from([200, 200, 200, 200, 301, 401, 403, 429, 500, 999]),
    headers=st.dictionaries(
        st.sampled_from(["www-authenticate", "retry-after"]),
        st.tuples(st.sampled_from(['Digest nonce="1"', "Digest", "Basic", "5"]) | st.text()),
    ),
    body=bodies(),
)


@settings(max_examples=300, deadline=None)
@given(answers=st.lists(ANSWERS, min_size=1, max_size=6))
def test_no_answers_raise_anything_but_a_typed_error(runner, answers):
    nvr, local = vigi_nvr.VigiNvr(NOWHERE, 1), vigi_local.VigiLocal(NOWHERE, 1)
    calls: list[Callable[[], Coroutine[Any, Any, Any]]] = [
        lambda: nvr.check(LOGIN),
        lambda: nvr.channels(LOGIN),
        lambda: nvr.channels(LOGIN),
        lambda: local.check(LOGIN),
        lambda: local.identify(LOGIN),
        local.tries_left,
        local.is_fresh,
    ]
    left: list[Answer] = []

    async def request(*_: object, **__: object) -> Answer:
        return left.pop(0) if len(left) > 1 else left[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vigi_nvr, "request", request)
        patch.setattr(vigi_local, "request", request)
        for call in calls:
            left[:] = answers
            with contextlib.suppress(DeviceError):
                runner.run(call())


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


@settings(max_examples=200, deadline=None)
@given(head=_WIRE)
def test_no_head_raises_anything_but_a_typed_error(head):
    with contextlib.suppress(DeviceError):
        rtsp._opened(rtsp.parse(head))
    with contextlib.suppress(DeviceError):
        challenge = rtsp._challenge_in(rtsp.parse(head))
        assert challenge.answer(LOGIN, "DESCRIBE", "/", 1)


@settings(max_examples=60, deadline=None)
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
