"""The driver of a VIGI recorder's OpenAPI against recorders that are made up."""

import asyncio
import traceback
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote, unquote

import pytest
from aiohttp import web

from devices.drivers import Ability, Channel, Driver, Login, driver, vigi_nvr
from devices.drivers.errors import (
    BadAnswer,
    Busy,
    Declined,
    FactoryFresh,
    LockedOut,
    NotAuthorised,
    NotSupported,
    OpensToAnything,
    Unreachable,
)
from devices.drivers.http import Answer
from tests.devices.drivers.made_up import password, server
from tests.devices.drivers.recorder import EXAMPLE, Recorder


def at(recorder: Any, story: Callable[[Driver], Coroutine[Any, Any, Any]]) -> Any:
    async def run() -> Any:
        async with server(recorder) as seen:
            return await story(driver("vigi_nvr", seen.address, 5))

    return asyncio.run(run())


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
@pytest.mark.parametrize("challenge_status", [401, 200])
def test_only_the_right_login_opens_the_recorder(algorithm, challenge_status):
    recorder = Recorder(algorithm, challenge_status)

    async def story(nvr: Driver):
        assert await nvr.check(recorder.admin)
        assert not await nvr.check(Login("admin", password()))
        assert not await nvr.check(Login("somebody", recorder.admin.password))
        assert await nvr.check(recorder.admin)

    at(recorder, story)
    assert recorder.logins == 4


@pytest.mark.parametrize("challenge_status", [401, 200])
def test_a_wrong_login_is_tried_once(challenge_status):
    recorder, wrong = Recorder(challenge_status=challenge_status), Login("admin", password())

    async def story(nvr: Driver):
        assert not await nvr.check(wrong)
        assert recorder.logins == 1
        with pytest.raises(NotAuthorised):
            await nvr.channels(wrong)
        assert recorder.logins == 2

    at(recorder, story)


def test_a_check_tries_the_login_though_there_is_a_session():
    recorder = Recorder()

    async def story(nvr: Driver):
        await nvr.channels(recorder.admin)
        right, recorder.admin = recorder.admin, Login("admin", password())
        assert not await nvr.check(right)

    at(recorder, story)


def test_the_channels_are_those_of_the_documents_example():
    found = at(recorder := Recorder(), lambda nvr: nvr.channels(recorder.admin))
    assert found == (Channel(1, "IPC", True, "192.168.0.2", "00:FF:00:13:31:01"),)


@pytest.mark.parametrize(
    ("said", "attribute", "understood"),
    [
        ({"id": "7"}, "number", 7),
        ({"online": "0"}, "online", False),
        ({"online": 1}, "online", True),
        ({"alias": ""}, "name", "IPC OSD"),
        ({"alias": "T%C3%BCr%20%26%20Tor%0A"}, "name", "Tür & Tor"),
        ({"alias": "%FF%00"}, "name", "\ufffd"),
        ({"mac": ""}, "mac", ""),
        ({"mac": "00%3Aff%3A00%3A13%3A31%3A01"}, "mac", "00:FF:00:13:31:01"),
        ({"mac": "00ff00133101"}, "mac", "00:FF:00:13:31:01"),
        ({"mac": "00-00-00-00-00-00"}, "mac", ""),
        ({"ip": "0.0.0.0"}, "host", ""),
        ({"ip": ""}, "host", ""),
        ({"ip": "fe80%3A%3A1"}, "host", "fe80::1"),
    ],
)
def test_what_a_channel_says_is_understood(said, attribute, understood):
    recorder = Recorder(devices=[EXAMPLE | said])
    (channel,) = at(recorder, lambda nvr: nvr.channels(recorder.admin))
    assert getattr(channel, attribute) == understood


def test_one_camera_on_two_channels_is_told_as_it_is():
    recorder = Recorder(devices=[EXAMPLE, EXAMPLE | {"id": 2}])
    one, two = at(recorder, lambda nvr: nvr.channels(recorder.admin))
    assert (one.number, two.number) == (1, 2)
    assert one.mac == two.mac


def test_a_recorder_without_cameras_has_no_channels():
    assert at(recorder := Recorder(devices=[]), lambda nvr: nvr.channels(recorder.admin)) == ()


@pytest.mark.parametrize(
    "devices",
    [
        [EXAMPLE, EXAMPLE],
        [EXAMPLE | {"id": 0}],
        [EXAMPLE | {"id": -1}],
        [EXAMPLE | {"id": 1.5}],
        [EXAMPLE | {"id": 10**30}],
        [EXAMPLE | {"id": "one"}],
        [EXAMPLE | {"online": "maybe"}],
        [{key: value for key, value in EXAMPLE.items() if key != "online"}],
        [{key: value for key, value in EXAMPLE.items() if key != "id"}],
        [EXAMPLE | {"ip": "not%20an%20address"}],
        [EXAMPLE | {"ip": "192.168.0.2/../../"}],
        [EXAMPLE | {"mac": "00-ff-00-13-31"}],
        [EXAMPLE | {"mac": "zz-ff-00-13-31-01"}],
        [EXAMPLE | {"alias": "x" * 1000}],
        [EXAMPLE | {"alias": None}],
        [EXAMPLE | {"id": number} for number in range(1, 2000)],
        [[]],
        {"1": EXAMPLE},
        "none",
        None,
    ],
)
def test_a_list_that_makes_no_sense_is_refused(devices):
    recorder = Recorder(devices=devices)
    with pytest.raises(BadAnswer):
        at(recorder, lambda nvr: nvr.channels(recorder.admin))


# -- tokens ---------------------------------------------------------------------------------------


def test_a_token_is_used_for_as_long_as_it_lives():
    recorder = Recorder()

    async def story(nvr: Driver):
        for _ in range(3):
            await nvr.channels(recorder.admin)

    at(recorder, story)
    assert recorder.logins == 1


def test_a_token_is_nobody_elses():
    recorder = Recorder()

    async def story(nvr: Driver):
        await nvr.channels(recorder.admin)
        with pytest.raises(NotAuthorised):
            await nvr.channels(Login("admin", password()))

    at(recorder, story)


def test_a_token_is_renewed_before_its_end(monkeypatch):
    recorder, now = Recorder(), [1000.0]
    monkeypatch.setattr(vigi_nvr, "monotonic", lambda: now[0])

    async def story(nvr: Driver):
        await nvr.channels(recorder.admin)
        first, now[0] = recorder.access, 1000.0 + 1800 - 10
        await nvr.channels(recorder.admin)
        assert recorder.access != first

    at(recorder, story)
    assert recorder.logins == 1
    assert unquote(recorder.asked[-2]).startswith(
        "/openapi/token?grant_type=refresh_token&refresh_token="
    )


def test_a_token_that_cannot_be_renewed_is_taken_anew():
    recorder = Recorder(expires_in=0, refreshes=False)

    async def story(nvr: Driver):
        await nvr.channels(recorder.admin)
        await nvr.channels(recorder.admin)

    at(recorder, story)
    assert recorder.logins == 2


def test_a_session_that_timed_out_is_taken_anew_and_the_question_repeated():
    recorder = Recorder(codes=[-40403])
    assert len(at(recorder, lambda nvr: nvr.channels(recorder.admin))) == 1
    assert recorder.logins == 2


@pytest.mark.parametrize("code", [-40403, -40401])
def test_a_session_is_taken_anew_only_once(code):
    recorder = Recorder(codes=[code] * 9)
    with pytest.raises(Busy):
        at(recorder, lambda nvr: nvr.channels(recorder.admin))
    assert recorder.logins == 2
    assert len(recorder.codes) == 7


def test_a_bare_refusal_of_a_session_means_that_it_is_over():
    recorder = Recorder()

    def answer(request: web.BaseRequest, body: str) -> web.Response:
        if request.path == "/openapi/added_devices" and recorder.logins == 1:
            return web.Response(status=401)
        return recorder(request, body)

    assert len(at(answer, lambda nvr: nvr.channels(recorder.admin))) == 1
    assert recorder.logins == 2


def test_a_password_changed_meanwhile_is_tried_once_more_and_no_more():
    recorder = Recorder()

    async def story(nvr: Driver):
        await nvr.channels(recorder.admin)
        right, recorder.admin, recorder.access = recorder.admin, Login("admin", password()), ""
        with pytest.raises(NotAuthorised):
            await nvr.channels(right)

    at(recorder, story)
    assert recorder.logins == 2


def test_a_failure_while_renewing_shows_no_token(monkeypatch):
    recorder = Recorder(expires_in=0)

    async def breaks(address: object, method: str, path: str, **_: object) -> Answer:
        raise Unreachable from ValueError(f"http://127.0.0.1{path}")

    async def story(nvr: Driver) -> str:
        await nvr.channels(recorder.admin)
        monkeypatch.setattr(vigi_nvr, "request", breaks)
        with pytest.raises(Unreachable) as caught:
            await nvr.channels(recorder.admin)
        return "".join(traceback.format_exception(caught.value))

    shown = at(recorder, story)
    assert recorder.refresh not in shown
    assert quote(recorder.refresh, safe="") not in shown
    assert recorder.refresh not in repr(vigi_nvr._Session(recorder.admin, "", recorder.refresh, 0))


# -- errors ---------------------------------------------------------------------------------------

CODES = [
    (-40401, NotAuthorised),
    (-40403, Busy),
    (-40404, LockedOut),
    (-40405, FactoryFresh),
    (-40406, Busy),
    (-40408, LockedOut),
    (-40108, Busy),
    (-40109, Busy),
    (-40110, BadAnswer),
    (-40209, BadAnswer),
    (-40210, BadAnswer),
    (-40211, BadAnswer),
    (-70302, NotAuthorised),
    (-70303, NotAuthorised),
    (-70312, NotAuthorised),
    (-99999, Declined),
    (-(10**12), Declined),
]


def asks_then_says(**answer: Any) -> Callable[[web.BaseRequest, str], web.Response]:
    """Ask for a digest login, and answer that with a JSON text."""

    def said(request: web.BaseRequest, body: str) -> web.Response:
        if "Authorization" in request.headers:
            return web.json_response(answer)
        return web.Response(status=401, headers={"WWW-Authenticate": 'Digest nonce="1"'})

    return said


@pytest.mark.parametrize(("code", "error"), CODES)
def test_each_error_code_has_its_typed_error(code, error):
    login = Login("admin", password())
    with pytest.raises(error):
        at(asks_then_says(error_code=code), lambda nvr: nvr.channels(login))
    if error is NotAuthorised:
        assert at(asks_then_says(error_code=code), lambda nvr: nvr.check(login)) is False
    else:
        with pytest.raises(error):
            at(asks_then_says(error_code=code), lambda nvr: nvr.check(login))


@pytest.mark.parametrize("told", [{"error_code": -40404}, {"error_code": -40401}])
def test_a_locked_recorder_tells_how_long(told):
    locked = asks_then_says(**told, data={"code": -40404, "sec_left": 17})
    with pytest.raises(LockedOut) as caught:
        at(locked, lambda nvr: nvr.check(Login("admin", password())))
    assert caught.value.seconds_left == 17


def test_a_recorder_locked_for_good_says_so():
    with pytest.raises(LockedOut) as caught:
        at(asks_then_says(error_code=-40408), lambda nvr: nvr.check(Login("admin", password())))
    assert caught.value.for_good
    assert "does not unlock" in caught.value.sentence


@pytest.mark.parametrize(("code", "error"), [(-40404, LockedOut), (-40405, FactoryFresh)])
@pytest.mark.parametrize("challenge", [{}, {"WWW-Authenticate": 'Digest nonce="1"'}])
def test_no_login_is_spent_on_a_recorder_that_says_no_before(code, error, challenge):
    def answer(request: web.BaseRequest, body: str) -> web.Response:
        assert "Authorization" not in request.headers
        return web.json_response({"error_code": code}, headers=challenge)

    with pytest.raises(error):
        at(answer, lambda nvr: nvr.check(Login("admin", password())))


@pytest.mark.parametrize(
    ("status", "headers", "body", "error"),
    [
        (200, {}, '{"access_token": "abc", "expires_in": 1800}', OpensToAnything),
        (200, {}, "<html>Welcome</html>", BadAnswer),
        (401, {}, "", BadAnswer),
        (401, {"WWW-Authenticate": 'Basic realm="x"'}, "", BadAnswer),
        (404, {}, "", NotSupported),
        (429, {"Retry-After": "60"}, "", LockedOut),
        (503, {}, "", Busy),
        (302, {"Location": "http://127.0.0.1:1/"}, "", BadAnswer),
        (500, {}, "", BadAnswer),
    ],
)
def test_a_recorder_that_asks_for_no_digest_is_told_no_login(status, headers, body, error):
    def answer(request: web.BaseRequest, _: str) -> web.Response:
        assert "Authorization" not in request.headers
        return web.Response(status=status, headers=headers, text=body)

    with pytest.raises(error):
        at(answer, lambda nvr: nvr.check(Login("admin", password())))


def test_a_fresh_challenge_that_is_called_old_says_nothing_of_the_login():
    def answer(request: web.BaseRequest, _: str) -> web.Response:
        header = f'Digest nonce="1", stale={"Authorization" in request.headers}'
        return web.Response(status=401, headers={"WWW-Authenticate": header})

    with pytest.raises(BadAnswer):
        at(answer, lambda nvr: nvr.check(Login("admin", password())))


@pytest.mark.parametrize("token", ["", "a%0D%0AX: y", "a%20b", "%00", "\u00e9", "x" * 10_000, 7])
def test_a_token_that_is_none_gets_into_no_header(token):
    answer = asks_then_says(access_token=token)
    with pytest.raises(BadAnswer):
        at(answer, lambda nvr: nvr.check(Login("admin", password())))


@pytest.mark.parametrize("name", ["a\r\nX: y", "a\x00", "\ud800"])
def test_a_name_that_no_header_can_carry_opens_nothing(name):
    assert at(recorder := Recorder(), lambda nvr: nvr.check(Login(name, password()))) is False
    assert not recorder.asked


def test_a_recorder_that_is_not_there_is_unreachable():
    async def story():
        async with server(Recorder()) as seen:
            address = seen.address
        with pytest.raises(Unreachable):
            await driver("vigi_nvr", address, 5).check(Login("admin", password()))

    asyncio.run(story())


def test_the_driver_can_check_and_list_channels_and_nothing_else():
    assert vigi_nvr.VigiNvr.abilities == {Ability.CHECK, Ability.CHANNELS}
