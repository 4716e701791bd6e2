"""What a virtual recorder's own page enforces. The requests are written by hand, not by the
driver."""

import base64
import json
import re
from urllib.parse import quote, unquote

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from devices.virtual.device import ChannelCopy, Device
from devices.virtual.recorder_api import SCRIPT, RecorderApi
from devices.virtual.service import Found, Reply, Request
from devices.virtual.spec import Auth, NvrTraits
from tests.devices.drivers.made_up import camera, password
from tests.devices.virtual.test_local_api import ASK, BASIC_INFO, NOW, m

NOT_AUTHENTICATED, PARAMETER, MISSING = -40401, -40209, -40211
WRONG_CHANNEL, CAMERA_REFUSED, NO_PERMISSION = -71501, -71554, -70303
LIST = {"method": "get", "chm": {"table": "added_dev"}}


def said(reply: Reply) -> dict:
    return json.loads(reply.body)


class Network:
    """Cameras by their addresses, and the password of each; one that is away has none."""

    def __init__(self, recorder: Device):
        self.recorder = recorder
        self.passwords: dict[str, str | None] = {f"cam {n}": password() for n in (1, 2, 3)}
        self.tries: list[tuple[str, str]] = []
        for number in (1, 2):
            recorder.channels[number] = ChannelCopy(
                serial=f"cam {number}",
                name="IPC",
                alias=f"Möwe {number}",
                host=f"192.0.2.{number}",
                port=80,
                mac=f"00-FF-00-13-31-0{number}",
                username="admin",
                password=self.passwords[f"cam {number}"] or "",
            )

    def at(self, host: str, port: int) -> Found | None:
        serial = f"cam {host[-1]}"
        if port != 80 or self.passwords.get(serial) is None:
            return None
        return Found(serial, "VIGI C340", f"00-FF-00-13-31-0{host[-1]}")

    def opens(self, channel: int) -> bool | None:
        copy = self.recorder.channels[channel]
        known = self.passwords[copy.serial]
        return None if known is None else known == copy.password

    def tried(self, serial: str, username: str, word: str) -> None:
        self.tries.append((serial, word))


class Page:
    """Asks one recorder as its own page does."""

    def __init__(self, **traits):
        self.device = Device(camera(kind="nvr", **traits))
        self.network = Network(self.device)
        self.api = RecorderApi(self.device, self.network)
        self.stok = ""

    def post(self, target: str, body: object) -> Reply:
        raw = json.dumps(body).encode()
        return self.api.answer(Request("POST", target, {}, raw, "10.0.0.7", NOW))

    def log_in(self, username: str = "admin", word: str = "") -> None:
        data = said(self.post("/", ASK))["data"]
        login = {
            "username": username,
            "password": seal(unquote(data["key"]), f"{m(word or self.word)}:{data['nonce']}"),
            "passwdType": "md5",
            "encrypt_type": "2",
        }
        self.stok = said(self.post("/", {"method": "do", "login": login}))["stok"]

    @property
    def word(self) -> str:
        return self.device.spec.password

    def ask(self, body: object) -> dict:
        if not self.stok:
            self.log_in()
        return said(self.post(f"/stok={self.stok}/ds", body))

    def do(self, call: str, what: object) -> int:
        return self.ask({"method": "do", "chm": {call: what}})["error_code"]

    def rows(self) -> dict[int, dict[str, str]]:
        listed = self.ask(LIST)["chm"]["added_dev"]
        flat = [row if len(row) > 1 else next(iter(row.values())) for row in listed]
        return {int(row["id"]): {n: unquote(v) for n, v in row.items()} for row in flat}

    def sealed(self, word: str) -> dict[str, str]:
        reply = self.api.answer(Request("GET", SCRIPT, {}, b"", "10.0.0.7", NOW))
        found = re.search(
            r'encryptPub:"-----BEGIN PUBLIC KEY-----(.*?)-----END', reply.body.decode()
        )
        assert found
        return {"username": "admin", "ciphertext": seal(found[1].replace("\\n", ""), word)}

    def to_add(self, host: str, word: str, **given: str) -> dict:
        known = {"connect_prot": "onvif", "ip": host, "port": "80", "passwd_strength": "low"}
        return {"device_list": [known | self.sealed(word) | given]}


def seal(key: str, word: str) -> str:
    public = load_der_public_key(base64.b64decode(key))
    assert isinstance(public, RSAPublicKey)
    return quote(base64.b64encode(public.encrypt(word.encode(), PKCS1v15())), safe="")


@pytest.mark.parametrize("auth", list(Auth))
def test_the_list_tells_of_each_camera_and_of_no_password(auth):
    page = Page(auth=auth)
    rows = page.rows()
    assert {n: (row["name"], row["online"], row["auth_result"]) for n, row in rows.items()} == {
        1: ("Möwe 1", "1", "0"),
        2: ("Möwe 2", "1", "0"),
    }
    page.network.passwords |= {"cam 1": password(), "cam 2": None}
    refused, away = page.rows().values()
    assert (refused["online"], refused["auth_result"]) == ("0", "1")
    assert (away["online"], away["auth_result"]) == ("0", "-71558")
    told = json.dumps(page.ask(LIST))
    assert all(copy.password not in told for copy in page.device.channels.values())


def test_it_is_a_recorder_and_still_says_what_it_is():
    info = Page().ask(BASIC_INFO)["device_info"]["basic_info"]
    assert info["device_type"] == "SMART.NVR"


def test_nobody_gets_in_without_a_session():
    page = Page()
    assert said(page.post("/stok=abc/ds", LIST))["error_code"] == NOT_AUTHENTICATED
    page.rows()
    page.device.change_password("admin", password())
    assert page.ask(LIST)["error_code"] == NOT_AUTHENTICATED


def test_a_move_pushes_aside_whatever_is_there():
    page = Page()
    assert page.do("chm_mod_dev_chn", {"old_id": "2", "new_id": "1"}) == 0
    assert [row["name"] for row in page.rows().values()] == ["Möwe 2"]


def test_another_address_in_an_edited_row_is_ignored():
    page = Page()
    row = {n: quote(v, safe="") for n, v in page.rows()[1].items()}
    edited = row | {"ip": "192.0.2.9", "name": "Gate"} | page.sealed("new word")
    assert page.do("chm_edit_dev", edited) == 0
    assert page.rows()[1]["ip"] == "192.0.2.1"
    assert page.rows()[1]["name"] == "Gate"
    assert page.device.channels[1].password == "new word"
    assert page.network.tries == [("cam 1", "new word")]


def test_a_camera_is_added_on_the_first_free_channel_by_its_models_name():
    page = Page()
    word = page.network.passwords["cam 3"]
    assert page.do("chm_del_dev", {"ids": ["1"]}) == 0
    assert page.do("chm_add_dev_list", page.to_add("192.0.2.3", word)) == 0
    added = page.rows()[1]
    assert (added["name"], added["ip"], added["auth_result"]) == ("VIGI C340", "192.0.2.3", "0")
    assert page.network.tries == [("cam 3", word)]


@pytest.mark.parametrize(
    ("call", "what", "code"),
    [
        ("chm_del_dev", {"ids": ["9"]}, WRONG_CHANNEL),
        ("chm_del_dev", {"ids": "1"}, MISSING),
        ("chm_del_dev", [], PARAMETER),
        ("chm_mod_dev_chn", {"old_id": "9", "new_id": "3"}, WRONG_CHANNEL),
        ("chm_mod_dev_chn", {"old_id": "1", "new_id": "17"}, WRONG_CHANNEL),
        ("chm_add_dev_list", {"device_list": [7]}, MISSING),
        ("chm_add_dev_list", {"device_list": [{}]}, MISSING),
        ("chm_edit_dev", {"id": "1", "uuid": "another"}, WRONG_CHANNEL),
        ("chm_edit_dev", {"id": "1"}, MISSING),
        ("chm_forget_password", {}, PARAMETER),
    ],
)
def test_what_makes_no_sense_changes_nothing(call, what, code):
    page = Page()
    before = page.rows()
    assert page.do(call, what) == code
    assert page.rows() == before


def test_what_cannot_be_added_is_not():
    page = Page()
    word = page.network.passwords["cam 3"]
    for what in (
        page.to_add("192.0.2.9", word),
        page.to_add("192.0.2.1", word),
        page.to_add("192.0.2.3", word, port="x"),
        page.to_add("192.0.2.3", word, connect_prot="other"),
    ):
        assert page.do("chm_add_dev_list", what) == WRONG_CHANNEL
    assert page.do("chm_add_dev_list", page.to_add("192.0.2.3", word, ciphertext="?")) == PARAMETER
    assert set(page.rows()) == {1, 2}


def test_a_strict_one_puts_back_what_it_had():
    page = Page(nvr_traits=NvrTraits.STRICT)
    before = page.rows()
    row = {n: quote(v, safe="") for n, v in before[1].items()}
    assert page.do("chm_edit_dev", row | page.sealed("wrong")) == CAMERA_REFUSED
    assert page.do("chm_add_dev_list", page.to_add("192.0.2.3", "wrong")) == CAMERA_REFUSED
    assert page.rows() == before


def test_only_an_administrator_changes_the_list():
    page = Page()
    word = password()
    page.device.create_user("looker", word, "User")
    page.log_in("looker", word)
    assert set(page.rows()) == {1, 2}
    assert page.do("chm_del_dev", {"ids": ["1"]}) == NO_PERMISSION
    assert set(page.rows()) == {1, 2}
