"""Over TLS nothing is sent before the certificate is the pinned one."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web

from devices.drivers import Address, Login, driver, http
from devices.drivers.errors import CertificateChanged, DeviceError, Unreachable
from tests.devices.drivers.certificates import elliptic, of_rsa, shown_by_a_device
from tests.devices.drivers.made_up import IDENTITY, password, server


def identity(*_) -> web.Response:
    return web.Response(text=IDENTITY)


@contextlib.asynccontextmanager
async def listener(context: ssl.SSLContext) -> AsyncIterator[tuple[Address, list[bytes]]]:
    """A TLS server that says nothing; every byte that came over TLS."""
    came: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while piece := await reader.read(4096):
                came.append(piece)
        writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    async with listening:
        yield Address("127.0.0.1", listening.sockets[0].getsockname()[1], tls=True), came
        await asyncio.sleep(0.05)  # what is under way still comes


def test_a_device_with_the_pinned_certificate_is_talked_to():
    context, hash_of_it = shown_by_a_device()

    async def ask() -> str:
        async with server(identity, context) as seen:
            pin = await http.certificate_of(seen.address)
            assert pin == hash_of_it
            assert not seen.bodies
            found = await driver("onvif", replace(seen.address, pin=pin)).identify()
            assert len(seen.bodies) == 1
            return found.serial

    assert asyncio.run(ask()) == "42"


def test_asking_for_the_certificate_sends_nothing():
    context, hash_of_it = shown_by_a_device()

    async def ask() -> list[bytes]:
        async with listener(context) as (address, came):
            assert await http.certificate_of(address) == hash_of_it
        return came

    assert asyncio.run(ask()) == []


def test_another_certificate_stops_everything_before_a_byte_is_sent():
    context, hash_of_it = shown_by_a_device()
    login = Login("admin", password())

    async def ask() -> list[bytes]:
        async with listener(context) as (address, came):
            pinned = replace(address, pin=shown_by_a_device()[1])
            onvif = driver("onvif", pinned)
            for asking in (
                http.request(pinned, "GET", "/", headers={"Authorization": login.password}),
                http.request(pinned, "POST", "/", b"secret", fresh_connection=True, changes=True),
                onvif.check(login),
                onvif.set_password(login, "admin", password()),
            ):
                with pytest.raises(CertificateChanged) as caught:
                    await asking
                assert (caught.value.port, caught.value.seen) == (address.port, hash_of_it)
                assert not caught.value.maybe_done
        return came

    assert asyncio.run(ask()) == []


def test_a_connection_made_under_one_pin_serves_no_other():
    context, right = shown_by_a_device()
    wrong = shown_by_a_device()[1]

    async def ask() -> None:
        async with server(identity, context) as seen:
            for pin in (right, right, wrong, right, wrong):
                asking = http.request(replace(seen.address, pin=pin), "GET", "/")
                if pin == right:
                    assert (await asking).status == 200
                else:
                    with pytest.raises(CertificateChanged):
                        await asking
            assert len(seen.bodies) == 3

    asyncio.run(ask())


def test_a_certificate_that_changes_between_two_questions_is_noticed():
    (before, old), (after, new) = shown_by_a_device(), shown_by_a_device()

    async def ask() -> None:
        async with server(identity, before) as seen:
            pinned = replace(seen.address, pin=old)
            assert (await http.request(pinned, "GET", "/")).status == 200
        async with server(identity, after, port=pinned.port) as seen:
            with pytest.raises(CertificateChanged) as caught:
                await http.request(pinned, "GET", "/")
            assert caught.value.seen == new
            assert not seen.bodies

    asyncio.run(ask())


@pytest.mark.parametrize("pin", ["", "abc", "zz" * 32, "00" * 16])
def test_tls_without_a_usable_pin_is_a_mistake_of_the_caller(pin):
    address = Address("127.0.0.1", 1, tls=True, pin=pin)
    with pytest.raises(ValueError):  # noqa: PT011 - each says it in its own words
        asyncio.run(http.request(address, "GET", "/"))


@pytest.mark.parametrize(
    ("key", "ciphers"),
    [
        (elliptic, ""),
        (of_rsa, ""),
        (of_rsa, "AES256-GCM-SHA384"),
        (of_rsa, "AES128-SHA:@SECLEVEL=0"),
        (lambda: of_rsa(1024), "ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0"),
    ],
)
def test_the_tls_of_old_devices_is_spoken(key, ciphers):
    """Among them such as offer one cipher only, and such as have a key that is short by now."""
    context, hash_of_it = shown_by_a_device(key(), ciphers)

    async def ask() -> None:
        async with server(identity, context) as seen:
            pin = await http.certificate_of(seen.address)
            assert pin == hash_of_it
            await http.request(replace(seen.address, pin=pin), "GET", "/")

    asyncio.run(ask())


def test_a_certificate_that_ran_out_is_as_good_as_its_pin():
    context, hash_of_it = shown_by_a_device(days=-10)

    async def ask() -> int:
        async with server(identity, context) as seen:
            return (await http.request(replace(seen.address, pin=hash_of_it), "GET", "/")).status

    assert asyncio.run(ask()) == 200


def test_what_speaks_no_tls_is_unreachable_by_it():
    async def ask() -> None:
        async with server(identity) as seen:
            for asking in (
                http.certificate_of(replace(seen.address, tls=True)),
                http.request(replace(seen.address, tls=True, pin="0" * 64), "GET", "/"),
            ):
                with pytest.raises(Unreachable):
                    await asking

    asyncio.run(ask())


@pytest.mark.parametrize(
    "said", [b"", b"\x15\x03\x01\x00\x02\x02\x28", b"\x16\x03\x03\xff\xff", None]
)
def test_a_handshake_that_goes_wrong_is_a_typed_error(said):
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        if said is None:
            with contextlib.suppress(ConnectionError):
                await reader.read()  # and never answers
        else:
            writer.write(said)
        writer.close()

    async def ask() -> None:
        listening = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with listening:
            address = Address("127.0.0.1", listening.sockets[0].getsockname()[1], tls=True)
            for asking in (
                http.certificate_of(address, timeout=0.3),
                http.request(replace(address, pin="0" * 64), "GET", "/", timeout=0.3),
            ):
                with pytest.raises(DeviceError) as caught:
                    await asking
                assert type(caught.value) is Unreachable

    asyncio.run(ask())
