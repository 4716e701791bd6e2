"""A VIGI device's local web API: made up from what three public clients agree on."""

import asyncio
import base64
import hashlib
import json
import secrets
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from devices.drivers import Ability, Address, Driver, Identity, Login, driver, vigi_local
from devices.drivers.errors import (
    BadAnswer,
    Busy,
    FactoryFresh,
    LockedOut,
    NotAuthorised,
    NotSupported,
    TriesSpent,
    Unreachable,
)
from devices.drivers.http import Answer
from tests.devices.drivers.made_up import password, server

KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
INFO = {
    "device_model": "VIGI%20C340",
    "sw_version": "2.0.0%20Build%20230110",
    "hw_version": "1.0",
    "mac": "aa-bb-cc-00-11-22",
}


def der(key: Any = KEY) -> str:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(public).decode()


def pem() -> str:
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return public.decode()


@dataclass
class Camera:
    """Takes logins by encrypt_type 2. ``wrong`` is how many wrong ones it has seen, of ten."""

    status: int = 200
    key: str = field(default_factory=lambda: quote(der(), safe=""))
    encrypt_type: Any = field(default_factory=lambda: ["1", "2"])
    info: Any = field(default_factory=lambda: dict(INFO))
    counts: bool = True
    expired: bool = False
    wrong: int = 0
    logins: int = 0
    nonce: str = ""
    stok: str = ""
    connections: set[Any] = field(default_factory=set)
    requests: int = 0
    admin: Login = field(default_factory=lambda: Login("admin", password()))

    def __call__(self, request: web.BaseRequest, body: str) -> web.Response:
        assert request.method == "POST"
        self.requests += 1
        self.connections.add(request.transport.get_extra_info("peername"))
        asked = json.loads(body)
        if request.path == "/":
            if asked == {"method": "do", "user_management": {"get_encrypt_info": None}}:
                return self.refused()
            assert asked.keys() == {"method", "login"}
            return self.login(asked["login"])
        if self.expired or request.path != f"/stok={self.stok}/ds":
            return self.refused()
        assert asked == {"method": "get", "device_info": {"name": ["basic_info"]}}
        return web.json_response({"error_code": 0, "device_info": {"basic_info": self.info}})

    def refused(self) -> web.Response:
        self.nonce = secrets.token_hex(4)
        data = {"encrypt_type": self.encrypt_type, "key": self.key, "nonce": self.nonce}
        if self.counts:
            data |= {"time": 10 - self.wrong, "max_time": 10}
        return web.json_response({"error_code": -40401, "data": data}, status=self.status)

    def login(self, given: dict[str, str]) -> web.Response:
        self.logins += 1
        assert given["passwdType"] == "md5"
        assert given["encrypt_type"] == "2"
        sealed = base64.b64decode(unquote(given["password"]), validate=True)
        salted = f"TPCQ75NF2Y:{self.admin.password}".encode()
        wanted = f"{hashlib.md5(salted).hexdigest().upper()}:{self.nonce}"
        opened = KEY.decrypt(sealed, PKCS1v15()).decode()
        if (given["username"], opened) != (self.admin.username, wanted):
            self.wrong += 1
            return self.refused()
        self.wrong, self.stok = 0, secrets.token_hex(16)
        return web.json_response({"error_code": 0, "stok": self.stok, "user_group": "root"})


def at(camera: Any, story: Callable[[Driver], Coroutine[Any, Any, Any]]) -> Any:
    async def run() -> Any:
        async with server(camera) as seen:
            return await story(driver("vigi_local", seen.address, 5))

    return asyncio.run(run())


def says(answer: Any, status: int = 200) -> Callable[[web.BaseRequest, str], web.Response]:
    body = answer if isinstance(answer, str) else json.dumps(answer)
    return lambda *_: web.Response(status=status, text=body)


def test_a_password_is_hashed_as_the_reference_says():
    assert vigi_local.plain("TestPass123", "abcdefgh") == (
        "F8A44BD7A62BEC2512DE5EB295A68997:abcdefgh"
    )


@pytest.mark.parametrize("status", [200, 401])
def test_only_the_right_login_opens_the_device(status):
    camera = Camera(status)

    async def story(local: Driver):
        assert await local.check(camera.admin)
        assert not await local.check(Login("admin", password()))
        assert not await local.check(Login("somebody", camera.admin.password))
        assert await local.check(camera.admin)

    at(camera, story)
    assert camera.logins == 4


@pytest.mark.parametrize("key", [der(), quote(der(), safe=""), pem(), quote(pem(), safe="")])
def test_a_key_comes_in_many_dresses(key):
    camera = Camera(key=key)
    assert at(camera, lambda local: local.check(camera.admin))


def test_asking_for_the_tries_left_costs_none():
    camera = Camera(wrong=3)

    async def story(local: Driver):
        assert [await local.tries_left() for _ in range(5)] == [7] * 5

    at(camera, story)
    assert camera.logins == 0


def test_the_last_try_is_never_spent():
    camera = Camera()

    async def story(local: Driver):
        for _ in range(9):
            assert not await local.check(Login("admin", password()))
        for login in (Login("admin", password()), camera.admin):
            with pytest.raises(TriesSpent):
                await local.check(login)
            with pytest.raises(TriesSpent):
                await local.identify(login)

    at(camera, story)
    assert camera.logins == camera.wrong == 9


@pytest.mark.parametrize("left", [1, 0, -1, "1"])
def test_one_try_left_is_too_few(left):
    camera = Camera(wrong=9)

    def answer(request: web.BaseRequest, body: str) -> web.Response:
        assert "login" not in json.loads(body)
        data = {"nonce": "abc", "key": camera.key, "encrypt_type": ["2"], "time": left}
        return web.json_response({"error_code": -40401, "data": data})

    with pytest.raises(TriesSpent):
        at(answer, lambda local: local.check(camera.admin))


def test_a_device_that_does_not_count_is_tried():
    camera = Camera(counts=False)
    assert at(camera, lambda local: local.tries_left()) is None
    assert at(camera, lambda local: local.check(camera.admin))


def test_the_device_says_what_it_is():
    camera = Camera()
    assert at(camera, lambda local: local.identify(camera.admin)) == Identity(
        manufacturer="",
        model="VIGI C340",
        firmware="2.0.0 Build 230110",
        serial="",
        hardware="1.0",
        mac="AA:BB:CC:00:11:22",
    )


def test_each_question_has_a_connection_of_its_own():
    camera = Camera()
    at(camera, lambda local: local.identify(camera.admin))
    assert camera.requests == len(camera.connections) == 3


@pytest.mark.parametrize("login", [None, Login("admin", password())])
def test_nobody_is_told_what_it_is_without_the_right_login(login):
    with pytest.raises(NotAuthorised):
        at(Camera(), lambda local: local.identify(login))


@pytest.mark.parametrize("info", [{}, {"mac": "nonsense"}, {"device_model": "x" * 999}, [], None])
def test_an_identity_that_is_none_is_refused(info):
    camera = Camera(info=info)
    with pytest.raises(BadAnswer):
        at(camera, lambda local: local.identify(camera.admin))


def test_a_session_that_ends_at_once_is_no_wrong_login():
    camera = Camera(expired=True)
    with pytest.raises(Busy):
        at(camera, lambda local: local.identify(camera.admin))
    assert camera.logins == 1


def test_a_failure_shows_no_session(monkeypatch):
    stok, honest = secrets.token_hex(16), vigi_local.request

    async def breaks(address: Address, method: str, path: str, *rest: Any, **more: Any) -> Answer:
        if "stok" in path:
            raise Unreachable from ValueError(f"http://127.0.0.1{path}")
        return await honest(address, method, path, *rest, **more)

    def answer(request: web.BaseRequest, body: str) -> web.Response:
        if "login" in json.loads(body):
            return web.json_response({"error_code": 0, "stok": stok})
        return Camera().refused()

    monkeypatch.setattr(vigi_local, "request", breaks)
    with pytest.raises(Unreachable) as caught:
        at(answer, lambda local: local.identify(Login("admin", password())))
    assert stok not in "".join(traceback.format_exception(caught.value))


# -- the state of the device ----------------------------------------------------------------------


def test_a_device_as_from_the_factory_is_told_apart():
    assert at(says({"error_code": -40405}), lambda local: local.is_fresh())
    assert at(
        says({"error_code": -40401, "data": {"code": -40405}}), lambda local: local.is_fresh()
    )
    assert not at(Camera(), lambda local: local.is_fresh())
    assert not at(says({"error_code": -40404}), lambda local: local.is_fresh())
    with pytest.raises(BadAnswer):
        at(says("<html>"), lambda local: local.is_fresh())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"error_code": -40404, "data": {"sec_left": 17}}, LockedOut),
        ({"error_code": -40401, "data": {"code": -40404, "sec_left": "17"}}, LockedOut),
        ({"error_code": -40401, "data": {"sec_left": 17, "time": 10}}, LockedOut),
        ({"error_code": -40405}, FactoryFresh),
        ({"error_code": -40406}, Busy),
        ({"error_code": -40109}, Busy),
        ({"error_code": -40401}, BadAnswer),
        ({"error_code": 0}, BadAnswer),
        ({}, BadAnswer),
        ([], BadAnswer),
        ("", BadAnswer),
        ("<html>Log in</html>", BadAnswer),
    ],
)
def test_a_device_that_gives_no_challenge_is_told_no_login(answer, error):
    login, asked = Login("admin", password()), []

    def counted(request: web.BaseRequest, body: str) -> web.Response:
        asked.append(body)
        return says(answer)(request, body)

    with pytest.raises(error) as caught:
        at(counted, lambda local: local.check(login))
    with pytest.raises(error):
        at(counted, lambda local: local.tries_left())
    assert len(asked) == 2
    if isinstance(caught.value, LockedOut):
        assert caught.value.seconds_left == 17


def test_a_device_locked_for_good_says_so():
    with pytest.raises(LockedOut) as caught:
        at(says({"error_code": -40408}), lambda local: local.tries_left())
    assert caught.value.for_good


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_is_no_vigi_device_refuses_no_login(status):
    with pytest.raises(BadAnswer):
        at(says("Unauthorized", status), lambda local: local.check(Login("admin", password())))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"error_code": -40404, "data": {"sec_left": 1800}}, LockedOut),
        ({"error_code": -40405}, FactoryFresh),
        ({"error_code": -40406}, Busy),
        ({"error_code": 0}, BadAnswer),
        ({"error_code": 0, "stok": ""}, BadAnswer),
        ({"error_code": 0, "stok": "a/../b"}, BadAnswer),
        ({"error_code": 0, "stok": "a%0Ab"}, BadAnswer),
        ({"error_code": 0, "stok": "a" * 1000}, BadAnswer),
        ({"error_code": 0, "stok": 7}, BadAnswer),
        ({"error_code": -40401, "data": {"time": 9}}, None),
        ({"error_code": -70302}, None),
        ({"error_code": -70312}, None),
    ],
)
def test_the_answer_to_a_login_has_its_meaning(answer, error):
    def said(request: web.BaseRequest, body: str) -> web.Response:
        return web.json_response(answer) if "login" in json.loads(body) else Camera().refused()

    login = Login("admin", password())
    if error is None:
        assert at(said, lambda local: local.check(login)) is False
        return
    with pytest.raises(error):
        at(said, lambda local: local.check(login))


# -- how the password travels ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "challenge",
    [
        {"key": ""},
        {"key": "not base64"},
        {"key": base64.b64encode(b"no key").decode()},
        {"key": der(ec.generate_private_key(ec.SECP256R1()))},
        {"key": "A" * 100_000},
        {"key": "%FF%00"},
        {"key": der(rsa.generate_private_key(public_exponent=3, key_size=1024))[:-8]},
        {"nonce": ""},
        {"nonce": "n" * 65},
        {"nonce": "a b"},
        {"encrypt_type": ["3"]},
        {"encrypt_type": []},
    ],
)
def test_a_challenge_that_makes_no_sense_gets_no_password(challenge):
    good = {"key": der(), "nonce": "abcdefgh", "encrypt_type": ["2"], "time": 9}

    def answer(request: web.BaseRequest, body: str) -> web.Response:
        assert "login" not in json.loads(body)
        return web.json_response({"error_code": -40401, "data": good | challenge})

    with pytest.raises(BadAnswer):
        at(answer, lambda local: local.check(Login("admin", password())))


def test_the_bare_hash_is_sent_only_over_tls():
    bare = vigi_local._Encryption(encrypt_type=["1"])
    assert vigi_local._encrypted("TestPass123", bare, tls=True) == (
        "F8A44BD7A62BEC2512DE5EB295A68997",
        "1",
    )
    camera = Camera(encrypt_type=["1"])
    with pytest.raises(NotSupported, match="in the open"):
        at(camera, lambda local: local.check(camera.admin))
    assert not camera.logins


def test_a_name_travels_percent_encoded():
    seen = []

    def answer(request: web.BaseRequest, body: str) -> web.Response:
        asked = json.loads(body)
        if "login" in asked:
            seen.append(asked["login"]["username"])
        return Camera().refused()

    assert not at(answer, lambda local: local.check(Login("Größe & co", password())))
    assert seen == ["Gr%C3%B6%C3%9Fe%20%26%20co"]


def test_the_driver_only_reads():
    assert vigi_local.VigiLocal.abilities == {
        Ability.CHECK,
        Ability.IDENTIFY,
        Ability.IS_FRESH,
        Ability.TRIES_LEFT,
    }
