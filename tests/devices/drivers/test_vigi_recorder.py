"""The adapter to a recorder's own page: made up from what one public client does."""

import asyncio
import base64
import json
import secrets
import textwrap
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from devices.drivers import Ability, Driver, Login, StoredCamera, driver, vigi_recorder
from devices.drivers.errors import (
    BadAnswer,
    Busy,
    CameraRefused,
    ChannelTaken,
    Declined,
    DeviceError,
    NotAuthorised,
    NotSupported,
    PasswordRefused,
    UnknownCamera,
    Unreachable,
)
from tests.devices.drivers.certificates import shown_by_a_device
from tests.devices.drivers.made_up import password, server
from tests.devices.drivers.test_vigi_local import Camera, der

KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
ROW = {
    "id": "2",
    "uuid": "A1%2FB2",
    "name": "Gate%2050%25",
    "ip": "192.0.2.21",
    "port": "80",
    "mac": "00-ff-00-13-31-01",
    "connect_prot": "onvif",
    "username": "admin",
    "online": "1",
    "conn_status": "0",
    "auth_result": "0",
    "channel_secret": "kept%20as%20it%20is",
}
GATE = StoredCamera(
    2, "Gate 50%", True, "192.0.2.21", "00:FF:00:13:31:01", 80, "A1/B2", "onvif", True
)
OPENED_BY = Login("admin", password())


def script(key: Any = KEY, ends: str = "\\n") -> str:
    lines = ends.join(["", *textwrap.wrap(der(key), 64), ""])
    pem = f"-----BEGIN PUBLIC KEY-----{lines}-----END PUBLIC KEY-----"
    return f'jQuery.extend({{encryptEnable:!0,encryptPub:"{pem}",other:1}});'


@dataclass
class Recorder(Camera):
    """A recorder's page. ``said`` is answered to a change; ``dies`` breaks the line instead."""

    rows: Any = field(default_factory=lambda: [dict(ROW)])
    script: str = field(default_factory=script)
    said: Any = field(default_factory=lambda: {"error_code": 0})
    dies: bool = False
    changes: list[Any] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def __call__(self, request: web.BaseRequest, body: str) -> web.Response:
        self.paths.append(request.path)
        if request.method == "GET":
            found = request.path == "/web-static/lib/jquery-1.10.1.js"
            return web.Response(text=self.script, status=200 if found else 404)
        asked = json.loads(body)
        if request.path == "/" or self.expired or request.path != f"/stok={self.stok}/ds":
            return super().__call__(request, body)
        if asked["method"] == "get":
            assert asked == {"method": "get", "chm": {"table": "added_dev"}}
            return web.json_response({"error_code": 0, "chm": {"added_dev": self.rows}})
        assert asked.keys() == {"method", "chm"}
        assert asked["method"] == "do"
        self.changes.append(asked["chm"])
        if self.dies:
            request.transport.abort()
        return web.json_response(self.said)


def at(
    recorder: Callable[..., web.Response],
    story: Callable[[Driver], Coroutine[Any, Any, Any]],
    tls: bool = True,
) -> Any:
    async def run() -> Any:
        context, pin = shown_by_a_device() if tls else (None, "")
        async with server(recorder, context) as seen:
            return await story(driver("vigi_recorder", replace(seen.address, pin=pin), 5))

    return asyncio.run(run())


def opened(ciphertext: str) -> str:
    return KEY.decrypt(base64.b64decode(unquote(ciphertext), validate=True), PKCS1v15()).decode()


# --- the list -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [[ROW], [{"chn_2": ROW}], [{**ROW, "id": 2, "port": 80}]])
def test_the_list_comes_in_different_dresses(rows):
    recorder = Recorder(rows=rows)
    assert at(recorder, lambda page: page.cameras(recorder.admin)) == (GATE,)


@pytest.mark.parametrize(
    ("told", "opens"),
    [
        ({"auth_result": "0", "conn_status": "0"}, True),
        ({"auth_result": 0, "conn_status": 0}, True),
        ({"auth_result": "1", "conn_status": "1"}, False),
        ({"auth_result": "-71554"}, False),
        ({"auth_result": "-71558", "conn_status": "-71558"}, None),
        ({"auth_result": "0", "conn_status": "-71559"}, None),
        ({"auth_result": "7"}, None),
        ({"auth_result": ""}, None),
    ],
)
def test_only_what_the_recorder_is_sure_of_counts(told, opens):
    recorder = Recorder(rows=[ROW | told])
    [camera] = at(recorder, lambda page: page.cameras(recorder.admin))
    assert camera.opens is opens


def test_a_camera_is_known_by_what_there_is():
    for gone, key in (("uuid", GATE.mac), ("mac", f"{GATE.host}:80")):
        recorder = Recorder(rows=[{n: v for n, v in ROW.items() if n not in ("uuid", gone)}])
        [camera] = at(recorder, lambda page, r=recorder: page.cameras(r.admin))
        assert camera.key == key


@pytest.mark.parametrize(
    "rows",
    [
        None,
        {},
        "",
        [7],
        [{}],
        [{"id": "x"}],
        [{"id": "0"}],
        [{**ROW, "ip": "nowhere"}],
        [{**ROW, "mac": "nonsense"}],
        [{**ROW, "name": "x" * 999}],
        [{**ROW, "uuid": ["x"]}],
        [ROW, ROW],
        [ROW] * 2000,
    ],
)
def test_a_list_that_is_none_is_refused(rows):
    recorder = Recorder(rows=rows)
    with pytest.raises(BadAnswer):
        at(recorder, lambda page: page.cameras(recorder.admin))


def test_many_questions_cost_one_login():
    recorder = Recorder()

    async def story(page: Driver):
        for _ in range(3):
            await page.cameras(recorder.admin)
        await page.remove_camera(recorder.admin, GATE)
        with pytest.raises(NotAuthorised):
            await page.cameras(Login("admin", password()))
        await page.cameras(recorder.admin)

    at(recorder, story)
    assert recorder.logins == 2, "a wrong one ends no session"


def test_a_session_that_ends_at_once_is_no_wrong_login_and_no_circle():
    recorder = Recorder(expired=True)

    async def story(page: Driver):
        for _ in range(2):
            with pytest.raises(Busy):
                await page.cameras(recorder.admin)

    at(recorder, story)
    assert recorder.logins == 2


# --- changes --------------------------------------------------------------------------------------


def test_removing_names_the_channel():
    recorder = Recorder()
    at(recorder, lambda page: page.remove_camera(recorder.admin, GATE))
    assert recorder.changes == [{"chm_del_dev": {"ids": ["2"]}}]


def test_adding_sends_the_password_sealed_by_the_pages_key():
    recorder = Recorder(rows=[])
    given = replace(GATE, protocol="a b")
    at(recorder, lambda page: page.add_camera(recorder.admin, given, OPENED_BY))
    [change] = recorder.changes
    [added] = change["chm_add_dev_list"]["device_list"]
    assert opened(added.pop("ciphertext")) == OPENED_BY.password
    assert added == {
        "connect_prot": "a%20b",
        "ip": "192.0.2.21",
        "port": "80",
        "username": "admin",
        "passwd_strength": "low",
    }


def test_changing_the_login_gives_the_row_back_as_it_was():
    recorder = Recorder()
    to = replace(GATE, name="Möwe")
    at(
        recorder,
        lambda page: page.set_camera_login(recorder.admin, to, Login("a b", OPENED_BY.password)),
    )
    [change] = recorder.changes
    row = change["chm_edit_dev"]
    assert opened(row.pop("ciphertext")) == OPENED_BY.password
    assert row == ROW | {"name": quote("Möwe"), "username": "a%20b"}


def test_moving_names_both_channels():
    recorder = Recorder()
    at(recorder, lambda page: page.move_camera(recorder.admin, GATE, 7))
    assert recorder.changes == [{"chm_mod_dev_chn": {"old_id": "2", "new_id": "7"}}]


def test_nothing_is_changed_where_another_camera_is():
    recorder = Recorder(rows=[ROW | {"uuid": "other"}, ROW | {"id": "3"}])

    async def story(page: Driver):
        for call in (
            page.remove_camera(recorder.admin, GATE),
            page.move_camera(recorder.admin, GATE, 9),
            page.set_camera_login(recorder.admin, GATE, OPENED_BY),
        ):
            with pytest.raises(UnknownCamera):
                await call
        with pytest.raises(ChannelTaken):
            await page.move_camera(recorder.admin, replace(GATE, number=3), 2)

    at(recorder, story)
    assert not recorder.changes


@pytest.mark.parametrize(
    ("said", "error", "maybe"),
    [
        ({"error_code": -71554}, CameraRefused, False),
        ({"error_code": -71520}, UnknownCamera, False),
        ({"error_code": -71559}, Busy, False),
        ({"error_code": -70303}, NotAuthorised, False),
        ({"error_code": -79999}, Declined, False),
        ({"error_code": -71501}, BadAnswer, True),
        ({}, BadAnswer, True),
        ("yes", BadAnswer, True),
    ],
)
def test_what_a_recorder_says_to_a_change_has_its_meaning(said, error, maybe):
    recorder = Recorder(said=said)
    with pytest.raises(error) as caught:
        at(recorder, lambda page: page.remove_camera(recorder.admin, GATE))
    assert type(caught.value) is error
    assert caught.value.maybe_done is maybe


def test_a_line_that_breaks_leaves_it_open_whether_it_was_done():
    recorder = Recorder(dies=True)
    with pytest.raises(Unreachable) as caught:
        at(recorder, lambda page: page.remove_camera(recorder.admin, GATE))
    assert caught.value.maybe_done
    assert len(recorder.changes) == 1, "and it is not sent again"


# --- what is not sent -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [
        "",
        "encryptPub",
        'encryptPub:""',
        'encryptPub:"-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----"',
        'encryptPub:"-----BEGIN PUBLIC KEY-----nonsense-----END PUBLIC KEY-----"',
    ],
)
def test_without_a_key_there_is_no_password_to_send(page):
    recorder = Recorder(script=page)
    with pytest.raises((NotSupported, BadAnswer)):
        at(recorder, lambda nvr: nvr.set_camera_login(recorder.admin, GATE, OPENED_BY))
    assert not recorder.changes


@pytest.mark.parametrize("ends", ["\\n", "\\r\\n", "\n", ""])
def test_the_key_may_be_folded_in_any_way(ends):
    recorder = Recorder(script=script(ends=ends))
    at(recorder, lambda page: page.set_camera_login(recorder.admin, GATE, OPENED_BY))
    assert opened(recorder.changes[0]["chm_edit_dev"]["ciphertext"]) == OPENED_BY.password


@pytest.mark.parametrize("call", ["add_camera", "set_camera_login"])
def test_a_cameras_password_is_not_sent_in_the_open(call):
    recorder = Recorder()
    with pytest.raises(NotSupported, match="in the open"):
        at(recorder, lambda page: getattr(page, call)(recorder.admin, GATE, OPENED_BY), tls=False)
    assert not recorder.changes
    assert "/web-static/lib/jquery-1.10.1.js" not in recorder.paths


@pytest.mark.parametrize("word", ["x" * 118, "é" * 59])
def test_a_password_that_the_key_does_not_take_is_refused(word):
    recorder = Recorder()
    with pytest.raises(PasswordRefused) as caught:
        at(
            recorder,
            lambda page: page.set_camera_login(recorder.admin, GATE, Login("admin", word)),
        )
    assert caught.value.reason == "too_long"
    assert not recorder.changes


def test_a_way_of_talking_that_nobody_knows_is_not_made_up():
    recorder = Recorder()
    with pytest.raises(NotSupported):
        at(
            recorder,
            lambda page: page.add_camera(recorder.admin, replace(GATE, protocol=""), OPENED_BY),
        )
    assert not recorder.changes


def test_a_failure_shows_neither_session_nor_password(monkeypatch):
    honest = vigi_recorder.VigiLocal._post
    recorder = Recorder()

    async def breaks(self, path: str, question: Any, *, changes: bool = False):
        if "stok" in path and question["method"] == "do":
            raise Unreachable from ValueError(f"http://127.0.0.1{path}")
        return await honest(self, path, question, changes=changes)

    monkeypatch.setattr(vigi_recorder.VigiLocal, "_post", breaks)
    with pytest.raises(Unreachable) as caught:
        at(recorder, lambda page: page.set_camera_login(recorder.admin, GATE, OPENED_BY))
    told = "".join(traceback.format_exception(caught.value))
    assert recorder.stok not in told
    assert OPENED_BY.password not in told
    stok = secrets.token_hex(16)
    assert stok not in repr(vigi_recorder._Session(OPENED_BY, stok))


def test_no_other_answer_of_a_stranger_gets_through():
    for answer in (b"", b"\xff\xfe", b"[" * 100_000, b'{"error_code":0,"chm":[]}'):
        recorder = Recorder()

        def strange(
            request: web.BaseRequest, body: str, recorder: Recorder = recorder, raw: bytes = answer
        ) -> web.Response:
            honest = recorder(request, body)
            return web.Response(body=raw) if "stok" in request.path else honest

        with pytest.raises(DeviceError):
            at(strange, lambda page, r=recorder: page.cameras(r.admin))


def test_the_driver_can_do_what_it_says():
    assert vigi_recorder.VigiRecorder.abilities == {
        Ability.CHECK,
        Ability.IDENTIFY,
        Ability.IS_FRESH,
        Ability.TRIES_LEFT,
        Ability.CHANNELS,
        Ability.CAMERAS,
        Ability.REMOVE_CAMERA,
        Ability.ADD_CAMERA,
        Ability.MOVE_CAMERA,
        Ability.SET_CAMERA_LOGIN,
    }
