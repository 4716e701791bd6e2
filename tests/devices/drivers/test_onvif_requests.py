"""What the driver sends: held against the ONVIF schema, offline, and against its own promises."""

import asyncio
import importlib.util
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from lxml import etree

from devices.drivers import Login, driver
from devices.drivers import onvif_messages as messages
from devices.drivers.soap import envelope, username_token
from devices.virtual import Auth
from tests.devices.drivers.made_up import IDENTITY, answers_of, camera, password, server

every_auth = pytest.mark.parametrize("auth", list(Auth))


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    """The device service's schema, from the wheel's own files; the network is never asked."""
    folder = Path(importlib.util.find_spec("onvif").submodule_search_locations[0]) / "wsdl"
    offline = etree.XMLParser(no_network=True)
    wsdl = etree.parse(folder / "devicemgmt.wsdl", offline)
    types = wsdl.find(".//{http://www.w3.org/2001/XMLSchema}schema")
    base = str(folder / "devicemgmt.xsd")
    return etree.XMLSchema(etree.fromstring(etree.tostring(types), offline, base_url=base))


def body_of(xml: str) -> etree._Element:
    return etree.fromstring(xml.encode()).find("{*}Body")[0]


@every_auth
def test_every_request_and_every_answer_follows_the_onvif_schema(auth, schema):
    bodies, answers = conversation(auth)[:2]
    operations = {etree.QName(body_of(body)).localname for body in bodies}
    assert operations >= {
        "GetServiceCapabilities",
        "GetDeviceInformation",
        "GetNetworkInterfaces",
        "GetNetworkProtocols",
        "GetUsers",
        "CreateUsers",
        "SetUser",
        "DeleteUsers",
    }
    assert ("GetSystemDateAndTime" in operations) == (auth is Auth.WS)
    for body in [*bodies, *answers]:
        schema.assertValid(body_of(body))


@every_auth
def test_the_requests_of_an_activation_follow_the_onvif_schema_too(auth, schema):
    spec = camera(auth=auth, fresh=True)

    async def talk() -> list[str]:
        async with server(answers_of(spec)) as seen:
            await driver("onvif", seen.address).activate(Login("admin", password()), "")
            return seen.bodies

    bodies = asyncio.run(talk())
    assert "CreateUsers" in bodies[-1]
    for body in bodies:
        schema.assertValid(body_of(body))


def test_the_schema_does_notice_a_wrong_order(schema):
    wrong = messages.set_user(Login("a", "b"), "User").replace("tt:Password", "tt:UserLevel", 2)
    assert not schema.validate(body_of(envelope(wrong).decode()))


@every_auth
def test_no_request_carries_both_kinds_of_authentication(auth):
    bodies, _, headers = conversation(auth)
    tokens = ["UsernameToken" in body for body in bodies]
    digests = ["Authorization" in header for header in headers]
    assert not any(map(all, zip(tokens, digests, strict=True)))
    assert any(tokens) == (auth is Auth.WS)
    assert any(digests) == (auth is not Auth.WS)


@every_auth
def test_no_password_travels_before_the_login_is_shown(auth):
    bodies, _, headers = conversation(auth)
    for body, header in zip(bodies, headers, strict=True):
        if "<tt:Password>" in body:
            assert "UsernameToken" in body or "Authorization" in header


def conversation(auth: Auth) -> tuple[list[str], list[str], list[dict[str, str]]]:
    """Every operation once: the request bodies, the bodies of good answers, request headers."""
    spec, answers = camera(auth=auth), []

    async def talk() -> tuple[list[str], list[dict[str, str]]]:
        async with server(answers_of(spec, answers)) as seen:
            onvif, admin = driver("onvif", seen.address), Login("admin", spec.password)
            await onvif.rules()
            await onvif.identify(admin)
            await onvif.services(admin)
            await onvif.create_account(admin, Login("<guard> & co", password()))
            await onvif.set_password(admin, "<guard> & co", password())
            await onvif.delete_account(admin, "<guard> & co")
            return seen.bodies, seen.headers

    bodies, headers = asyncio.run(talk())
    return bodies, answers, headers


@pytest.mark.parametrize("path", ["/onvif/device_service", "/a b/ü", "/cgi?name=1&x=%20"])
def test_the_path_that_is_signed_is_the_path_that_is_asked(path):
    def answer(request: web.BaseRequest, body: str) -> web.Response:
        if "Authorization" in request.headers:
            signed = request.headers["Authorization"]
            assert f'uri="{request.raw_path}"' in signed
            return web.Response(text=IDENTITY)
        return web.Response(status=401, headers={"WWW-Authenticate": 'Digest nonce="1"'})

    async def ask() -> bool:
        async with server(answer) as seen:
            address = replace(seen.address, path=path)
            return await driver("onvif", address).check(Login("admin", password()))

    assert asyncio.run(ask())


def test_a_token_is_never_the_same_twice():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    login = Login("admin", password())
    assert username_token(login, now) != username_token(login, now)
    assert login.password not in username_token(login, now)
