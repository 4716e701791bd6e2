"""Whatever a device answers, only typed errors come of it."""

import asyncio
import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.drivers import Address, Login, driver, soap
from devices.drivers import onvif_messages as messages
from devices.drivers.errors import DeviceError
from devices.drivers.http import Answer
from tests.devices.drivers.made_up import BOMB, IDENTITY, envelope, fault, password

LOGIN = Login("admin", password())
_PIECES = st.sampled_from(
    [
        "<", ">", "</", "/>", "&amp;", "&#x0;", "&lol;", "<!DOCTYPE x [", "]>", "<![CDATA[", "\x00",
        'xmlns:e="x"', "ter:NotAuthorized", "e:Receiver", "<e:Fault>", "<e:Code>", "<e:Value>",
        "9" * 5000, "-1", "é", "\ud800", BOMB, "<tt:UTCDateTime>", "<tds:User/>",
    ]
)  # fmt: skip
_WELL_FORMED = st.sampled_from(
    [
        IDENTITY,
        fault("Sender", "InvalidArgVal", "FixedUser"),
        envelope("<tds:GetUsersResponse><tds:User><tt:Username>x</tt:Username></tds:User>"
                 "</tds:GetUsersResponse>"),
        envelope('<tds:GetServiceCapabilitiesResponse><tds:Capabilities>'
                 '<tds:Security MaxUsers="8"/></tds:Capabilities>'
                 '</tds:GetServiceCapabilitiesResponse>'),
        envelope("<tds:GetNetworkInterfacesResponse><tds:NetworkInterfaces token='e'>"
                 "<tt:Enabled>true</tt:Enabled><tt:Info><tt:HwAddress>00:ff:00:13:31:01"
                 "</tt:HwAddress></tt:Info></tds:NetworkInterfaces>"
                 "</tds:GetNetworkInterfacesResponse>"),
        envelope("<tds:GetNetworkProtocolsResponse><tds:NetworkProtocols><tt:Name>RTSP</tt:Name>"
                 "<tt:Enabled>true</tt:Enabled><tt:Port>554</tt:Port></tds:NetworkProtocols>"
                 "</tds:GetNetworkProtocolsResponse>"),
        envelope("<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:UTCDateTime><tt:Time>"
                 "<tt:Hour>1</tt:Hour><tt:Minute>1</tt:Minute><tt:Second>1</tt:Second></tt:Time>"
                 "<tt:Date><tt:Year>9999</tt:Year><tt:Month>1</tt:Month><tt:Day>1</tt:Day></tt:Date>"
                 "</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"),
    ]
)  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Bytes of any kind, or a good answer that was damaged in one place, in some encoding."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=300))
    text = draw(_WELL_FORMED)
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 40)))
    text = text[:start] + "".join(draw(st.lists(_PIECES, max_size=3))) + text[end:]
    encoding = draw(st.sampled_from(["utf-8", "utf-16", "latin-1", "utf-7", "gb18030"]))
    return text.encode(encoding, errors=draw(st.sampled_from(["replace", "ignore"])))


ANSWERS = st.builds(
    Answer,
    status=st.sampled_from([200, 200, 200, 301, 400, 401, 403, 500, 999]),
    headers=st.dictionaries(
        st.sampled_from(["www-authenticate", "retry-after"]), st.tuples(st.text(max_size=50))
    ),
    body=bodies(),
    charset=st.one_of(st.none(), st.text(max_size=12), st.just("utf-16")),
)
READERS = {
    "GetDeviceInformation": messages.identity_of,
    "GetUsers": messages.accounts_of,
    "GetNetworkInterfaces": messages.mac_of,
    "GetNetworkProtocols": messages.services_of,
    "GetServiceCapabilities": messages.rules_of,
    "GetSystemDateAndTime": messages.utc_of,
    "SetUser": lambda answer: None,
}


@settings(max_examples=200)
@given(answer=ANSWERS)
def test_no_answer_raises_anything_but_a_typed_error(answer):
    for operation, meaning in READERS.items():
        with contextlib.suppress(DeviceError):
            meaning(soap.read(answer, operation))


_HTTP = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda status, headers, body: b"HTTP/1.1 %b\r\n%b\r\n%b" % (status, headers, body),
        st.sampled_from([b"200 OK", b"401 No", b"400 Bad", b"99999", b"100 Go", b"x", b"301 "]),
        st.lists(
            st.sampled_from(
                [
                    b"Content-Length: 5\r\n",
                    b"Content-Length: -5\r\n",
                    b"Content-Length: 5\r\nContent-Length: 6\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"Content-Encoding: gzip\r\n",
                    b"Content-Type: text/xml; charset=\xff\xfe\r\n",
                    b'WWW-Authenticate: Digest realm="\xff\xe9", nonce="\xe9"\r\n',
                    b'WWW-Authenticate: Digest nonce="1", algorithm=MD5-sess, qop="auth"\r\n',
                    b"WWW-Authenticate: Digest\r\n",
                    b"Location: http://127.0.0.1:1/\r\n",
                    b"Retry-After: \xb2\r\n",
                    b"X: " + b"x" * 10_000 + b"\r\n",
                    b"no colon\r\n",
                    b"\r\n",
                ]
            ),
            max_size=4,
        ).map(b"".join),
        st.sampled_from([b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", IDENTITY.encode()]),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as one:
        yield one


@settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(raw=_HTTP)
def test_no_bytes_on_the_wire_raise_anything_but_a_typed_error(runner, raw):
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"</s:Envelope>")
        writer.write(raw)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async def ask() -> None:
        listening = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with listening:
            address = Address("127.0.0.1", listening.sockets[0].getsockname()[1])
            with contextlib.suppress(DeviceError):
                await driver("onvif", address, 2).check(LOGIN)

    runner.run(ask())
