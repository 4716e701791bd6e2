"""Whatever a device answers, nothing but a typed error comes out, and no password with it."""

import asyncio
import contextlib
import gzip
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from devices.drivers import Address, Driver, Login, driver, soap
from devices.drivers import onvif_messages as messages
from devices.drivers.errors import (
    ActionFailed,
    BadAnswer,
    Busy,
    ClockRefused,
    Declined,
    DeviceError,
    FixedAccount,
    LockedOut,
    NotAuthorised,
    NotSupported,
    OpensToAnything,
    PasswordRefused,
    Unreachable,
    UsernameRefused,
)
from devices.drivers.http import Answer
from devices.drivers.safe_xml import MAX_BYTES, parse
from tests.devices.drivers.made_up import BOMB, IDENTITY, envelope, fault, password, server

LOGIN = Login("admin", password())
USERS = (
    "<tds:GetUsersResponse><tds:User><tt:Username>admin</tt:Username></tds:User>"
    "</tds:GetUsersResponse>"
)


def identified(status: int, body: str | bytes, **headers: str) -> Any:
    """Ask a device that answers so what it is; a redirect leads to a server that must stay idle."""
    content = body.encode() if isinstance(body, str) else body
    idle = []

    async def run():
        async with server(lambda *_: idle.append(1) or web.Response()) as elsewhere:
            target = f"http://127.0.0.1:{elsewhere.address.port}/"
            given = {key.replace("_", "-"): value for key, value in headers.items()}
            if "Location" in given:
                given["Location"] = target
            async with server(
                lambda *_: web.Response(status=status, body=content, headers=given)
            ) as seen:
                return await driver("onvif", seen.address, 5).identify()

    try:
        return asyncio.run(run())
    finally:
        assert not idle


@pytest.mark.parametrize(
    ("error", "status", "body", "headers"),
    [
        (NotAuthorised, 400, fault("Sender", "NotAuthorized"), {}),
        (NotAuthorised, 500, fault("Sender", "NotAuthorized"), {}),
        (NotAuthorised, 200, fault("Sender", "NotAuthorized"), {}),
        (NotAuthorised, 400, fault("Sender", "FailedAuthentication"), {}),
        (NotAuthorised, 401, "<html>Unauthorized</html>", {}),
        (NotAuthorised, 401, fault("Sender"), {}),
        (NotAuthorised, 403, "", {}),
        (ClockRefused, 400, fault("Sender", "MessageExpired"), {}),
        (LockedOut, 400, fault("Sender", "NotAuthorized", "AccountLocked"), {}),
        (LockedOut, 401, fault("Sender", "NotAuthorized"), {"Retry_After": "60"}),
        (LockedOut, 403, "", {"Retry_After": "Thu, 01 Jan 2026 00:00:00 GMT"}),
        (LockedOut, 429, "", {}),
        (FixedAccount, 400, fault("Sender", "InvalidArgVal", "FixedUser"), {}),
        (UsernameRefused, 400, fault("Sender", "OperationProhibited", "UsernameTooShort"), {}),
        (PasswordRefused, 400, fault("Sender", "OperationProhibited", "Password"), {}),
        (PasswordRefused, 400, fault("Sender", "OperationProhibited", "PasswordTooWeak"), {}),
        (Declined, 400, fault("Sender", "OperationProhibited", "AnonymousNotAllowed"), {}),
        (Declined, 400, fault("Sender", "Whatever"), {}),
        (NotSupported, 500, fault("Receiver", "ActionNotSupported"), {}),
        (NotSupported, 404, "<html>not here</html>", {}),
        (NotSupported, 405, "", {}),
        (ActionFailed, 500, fault("Receiver"), {}),
        (ActionFailed, 500, fault("Receiver", "ActionFailed"), {}),
        (Busy, 503, "", {}),
        (BadAnswer, 500, "", {}),
        (BadAnswer, 418, "teapot", {}),
        (BadAnswer, 200, "", {}),
        (BadAnswer, 200, "<html><body>Log in</body></html>", {}),
        (BadAnswer, 200, "not XML", {}),
        (BadAnswer, 200, envelope(""), {}),
        (BadAnswer, 200, envelope("<tds:GetUsersResponse/>"), {}),
        (BadAnswer, 200, envelope("<tds:GetDeviceInformationResponse/>"), {}),
        (BadAnswer, 200, IDENTITY.replace("Model 1", "M" * 200), {}),
        (BadAnswer, 200, IDENTITY[:-20], {}),
        (BadAnswer, 200, IDENTITY.replace("UTF-8", "punycode"), {}),
        (BadAnswer, 200, IDENTITY.replace("UTF-8", "zlib"), {}),
        (BadAnswer, 200, IDENTITY.replace("Model 1", "&#0;"), {}),
        (BadAnswer, 200, gzip.compress(IDENTITY.encode()), {"Content_Encoding": "gzip"}),
        (BadAnswer, 200, IDENTITY + " " * MAX_BYTES, {}),
        (BadAnswer, 301, "", {"Location": "elsewhere"}),
        (BadAnswer, 307, "", {"Location": "elsewhere"}),
    ],
)
def test_an_answer_has_its_typed_error(error, status, body, headers):
    with pytest.raises(DeviceError) as caught:
        identified(status, body, **headers)
    assert type(caught.value) is error
    assert caught.value.code
    assert caught.value.sentence


def test_a_locked_device_tells_how_long():
    with pytest.raises(LockedOut) as caught:
        identified(429, "", Retry_After="17")
    assert caught.value.seconds_left == 17
    assert "17 seconds" in caught.value.sentence


@pytest.mark.parametrize(
    ("told", "mac"),
    [
        ("00:ff:00:13:31:01", "00:FF:00:13:31:01"),
        ("00-FF-00-13-31-01", "00:FF:00:13:31:01"),
        ("00ff.0013.3101", "00:FF:00:13:31:01"),
        ("00ff00133101", "00:FF:00:13:31:01"),
        ("00:00:00:00:00:00", ""),
        ("ff:ff:ff:ff:ff:ff", ""),
        ("00:ff:00:13:31", ""),
        ("00:ff:00:13:31:0²", ""),
        ("eth0", ""),
        ("", ""),
    ],
)
def test_a_mac_address_is_read_however_it_is_written(told, mac):
    assert messages.mac_of(interfaces(("true", told))) == mac


def test_the_mac_address_of_an_interface_in_use_comes_first():
    off, none, on = ("false", "00:ff:00:00:00:01"), ("true", ""), ("true", "00:ff:00:00:00:02")
    assert messages.mac_of(interfaces(off, none, on)) == "00:FF:00:00:00:02"
    assert messages.mac_of(interfaces(off)) == "00:FF:00:00:00:01"
    assert messages.mac_of(interfaces()) == ""


def interfaces(*given: tuple[str, str]):
    told = "".join(
        f"<tds:NetworkInterfaces><tt:Enabled>{on}</tt:Enabled>"
        f"<tt:Info><tt:HwAddress>{mac}</tt:HwAddress></tt:Info></tds:NetworkInterfaces>"
        for on, mac in given
    )
    body = f"<tds:GetNetworkInterfacesResponse>{told}</tds:GetNetworkInterfacesResponse>"
    return soap.read(Answer(200, {}, envelope(body).encode()), "GetNetworkInterfaces")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb2312", "latin-1"]
)
def test_an_answer_may_come_in_any_common_encoding(encoding):
    name = "Kamera Größe" if encoding != "gb2312" else "摄像机"
    declared = "utf-8" if encoding == "utf-8-sig" else encoding.removesuffix("-le")
    text = IDENTITY.replace("Model 1", name).replace("UTF-8", declared.removesuffix("-be"))
    assert identified(200, text.encode(encoding)).model == name


def test_the_transport_may_name_the_encoding():
    text = IDENTITY.replace("Model 1", "Größe").replace(' encoding="UTF-8"', "")
    found = identified(200, text.encode("latin-1"), Content_Type="text/xml; charset=iso-8859-1")
    assert found.model == "Größe"


@pytest.mark.parametrize(
    "declaration",
    [
        BOMB,
        '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x [<!ENTITY % f SYSTEM "http://127.0.0.1:1/"> %f;]>',
        "<!DOCTYPE x>",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_unread(declaration, encoding):
    body = f"{declaration}<x>&i;&f;</x>".encode(encoding)
    started = time.monotonic()
    with pytest.raises(BadAnswer, match="document type"):
        parse(body)
    assert time.monotonic() - started < 1


def test_a_very_deep_answer_does_no_harm():
    deep = b"<a>" * (MAX_BYTES // 8) + b"</a>" * (MAX_BYTES // 8)
    with contextlib.suppress(BadAnswer):
        parse(deep)


def test_an_endless_answer_is_cut_off():
    async def drip(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b" " * 65536)
        return response

    async def slowly(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)

    async def ask(handler) -> None:
        handling = web.Server(handler, access_log=None)
        listening = await asyncio.get_running_loop().create_server(handling, "127.0.0.1", 0)
        address = Address("127.0.0.1", listening.sockets[0].getsockname()[1])
        try:
            await driver("onvif", address, 0.5).identify()
        finally:
            listening.close()
            await handling.shutdown(timeout=0.01)

    with pytest.raises(BadAnswer, match="too large"):
        asyncio.run(ask(drip))
    with pytest.raises(Unreachable, match=r"0\.5 seconds"):
        asyncio.run(ask(slowly))


def test_a_device_that_asks_nobody_for_a_login_is_not_checked():
    def answer(request, body):
        if "GetUsers" in body:
            return web.Response(text=envelope(USERS))
        if "GetNetworkInterfaces" in body:
            return web.Response(text=envelope("<tds:GetNetworkInterfacesResponse/>"))
        return web.Response(text=IDENTITY)

    with pytest.raises(OpensToAnything):
        asyncio.run(_asked(answer, lambda onvif: onvif.check(LOGIN)))
    assert not asyncio.run(_asked(answer, lambda onvif: onvif.is_fresh()))


def test_the_check_uses_a_call_that_the_device_guards():
    def answer(request, body):
        if "GetDeviceInformation" in body:
            return web.Response(text=IDENTITY)
        if "UsernameToken" in body:
            return web.Response(status=400, text=fault("Sender", "NotAuthorized"))
        return web.Response(status=400, text=fault("Sender", "NotAuthorized"))

    assert asyncio.run(_asked(answer, lambda onvif: onvif.check(LOGIN))) is False


def test_an_empty_list_of_accounts_is_no_answer():
    def answer(request, body):
        if "UsernameToken" in body and "GetUsers" in body:
            return web.Response(text=envelope("<tds:GetUsersResponse/>"))
        return web.Response(status=400, text=fault("Sender", "NotAuthorized"))

    for username in ("guard", "Admin"):
        with pytest.raises(BadAnswer):
            asyncio.run(
                _asked(answer, lambda onvif, n=username: onvif.set_password(LOGIN, n, password()))
            )
    with pytest.raises(BadAnswer):
        asyncio.run(_asked(answer, lambda onvif: onvif.accounts(LOGIN)))


@pytest.mark.parametrize("said", [200, 500])
def test_a_change_with_a_strange_answer_may_have_been_made(said):
    def answer(request, body):
        if "UsernameToken" not in body:
            return web.Response(status=400, text=fault("Sender", "NotAuthorized"))
        if "GetUsers" in body:
            return web.Response(text=envelope(USERS))
        return web.Response(status=said, text="what?")

    with pytest.raises(BadAnswer) as caught:
        asyncio.run(_asked(answer, lambda onvif: onvif.set_password(LOGIN, "admin", password())))
    assert caught.value.maybe_done


def test_an_echoed_password_gets_into_no_message():
    def answer(request, body):
        return web.Response(status=400, text=fault("Sender", LOGIN.password, LOGIN.password))

    with pytest.raises(Declined) as caught:
        asyncio.run(_asked(answer, lambda onvif: onvif.identify(LOGIN)))
    assert LOGIN.password not in f"{caught.value!r} {caught.value} {caught.value.sentence}"


async def _asked(
    answer: Callable[[web.BaseRequest, str], web.Response],
    question: Callable[[Driver], Awaitable[Any]],
) -> Any:
    async with server(answer) as seen:
        return await question(driver("onvif", seen.address, 5))
