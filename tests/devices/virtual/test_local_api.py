"""What a virtual camera's local API enforces. Requests are written by hand, not by the driver."""

import base64
import hashlib
import json
from urllib.parse import quote, unquote

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from devices.virtual.device import Device
from devices.virtual.local_api import STOK_LIFE, LocalApi, scrambled
from devices.virtual.service import Reply, Request
from devices.virtual.spec import Auth, Character
from devices.virtual.vendor_keys import MANY, vendor_key
from tests.devices.drivers.made_up import camera, password

NOW = 1_790_000_000.0
NOT_AUTHENTICATED, LOCKED, FACTORY_STATE, SYSTEM_LOCKED = -40401, -40404, -40405, -40408
PARAMETER, FORMAT, MISSING = -40209, -40210, -40211
ASK = {"method": "do", "user_management": {"get_encrypt_info": None}}
BASIC_INFO = {"method": "get", "device_info": {"name": ["basic_info"]}}


def said(reply: Reply) -> dict:
    return json.loads(reply.body)


class Client:
    """Asks one camera as its own page does, at a time that the test moves."""

    def __init__(self, device: Device, address: str = "10.0.0.7"):
        self.device = device
        self.api = LocalApi(device)
        self.address = address
        self.now = NOW

    def post(self, target: str, body: object) -> Reply:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.api.answer(Request("POST", target, {}, raw, self.address, self.now))

    def challenge(self) -> dict:
        return said(self.post("/", ASK))["data"]

    def login(self, word: str, username: str = "admin", nonce: str = "") -> dict:
        data = self.challenge()
        key = load_der_public_key(base64.b64decode(unquote(data["key"])))
        assert isinstance(key, RSAPublicKey) and key.key_size == 1024
        text = f"{m(word)}:{nonce or data['nonce']}".encode()
        sealed = quote(base64.b64encode(key.encrypt(text, PKCS1v15())), safe="")
        return self.send(username, sealed, "2")

    def send(self, username: str, sealed: str, kind: str) -> dict:
        login = {
            "username": username,
            "password": sealed,
            "passwdType": "md5",
            "encrypt_type": kind,
        }
        return said(self.post("/", {"method": "do", "login": login}))

    def stok(self) -> str:
        return self.login(self.device.spec.password)["stok"]


def m(word: str) -> str:
    return hashlib.md5(f"TPCQ75NF2Y:{word}".encode()).hexdigest().upper()


def eye(**traits) -> Device:
    return Device(camera(**{"firmware": "1.2.0 Build 240101", **traits}))


def test_the_check_vector():
    assert f"{scrambled('TestPass123')}:abcdefgh" == "F8A44BD7A62BEC2512DE5EB295A68997:abcdefgh"


@pytest.mark.parametrize(("auth", "status"), [(Auth.WS, 200), (Auth.DIGEST_MD5, 401)])
def test_the_challenge_is_an_error_that_carries_key_nonce_and_tries(auth, status):
    reply = Client(eye(auth=auth)).post("/", ASK)
    assert (reply.status, said(reply)["error_code"]) == (status, NOT_AUTHENTICATED)
    data = said(reply)["data"]
    assert data["encrypt_type"] == ["1", "2"]
    assert len(data["nonce"]) == 8
    assert (data["time"], data["max_time"]) == (7, 7)


def test_asking_for_the_challenge_costs_no_try():
    client = Client(eye())
    assert [client.challenge()["time"] for _ in range(20)] == [7] * 20


def test_a_login_by_rsa_gives_a_stok_that_opens_the_cameras_facts():
    client = Client(eye(name="Quay 50%"))
    login = client.login(client.device.spec.password)
    assert (login["error_code"], login["user_group"]) == (0, "root")
    assert len(bytes.fromhex(login["stok"])) == 16
    facts = said(client.post(f"/stok={login['stok']}/ds", BASIC_INFO))
    spec, info = client.device.spec, facts["device_info"]["basic_info"]
    assert facts["error_code"] == 0
    assert unquote(info["device_model"]) == spec.model
    assert unquote(info["sw_version"]) == spec.firmware
    assert unquote(info["mac"]) == spec.mac
    assert info["device_alias"] == "Quay%2050%25"


def test_the_older_way_sends_the_scrambled_password_as_it_is():
    client = Client(eye())
    assert client.send("admin", m(client.device.spec.password), "1")["error_code"] == 0
    assert client.send("admin", m(password()), "1")["error_code"] == NOT_AUTHENTICATED
    assert client.send("admin", client.device.spec.password, "1")["error_code"] == NOT_AUTHENTICATED


def test_old_firmware_offers_only_the_older_way():
    client = Client(eye(firmware="1.0.3 Build 240101"))
    assert client.challenge()["encrypt_type"] == ["1"]
    assert client.login(client.device.spec.password)["error_code"] == PARAMETER
    assert client.send("admin", m(client.device.spec.password), "1")["error_code"] == 0


def test_a_failed_login_brings_a_new_challenge_with_one_try_less():
    client = Client(eye())
    failed = client.login(password())
    assert failed["error_code"] == NOT_AUTHENTICATED
    assert (failed["data"]["time"], failed["data"]["max_time"]) == (6, 7)
    assert {"key", "nonce", "encrypt_type"} <= failed["data"].keys()
    assert client.login(client.device.spec.password)["error_code"] == 0
    assert client.challenge()["time"] == 7


def test_tries_are_the_devices_and_not_this_doors():
    client = Client(eye())
    client.device.failed(client.address, NOW)
    assert client.challenge()["time"] == 6
    client.address = "10.0.0.8"
    assert client.challenge()["time"] == 7


def test_a_nonce_is_taken_once_and_not_for_long():
    client = Client(eye())
    word = client.device.spec.password
    nonce = client.challenge()["nonce"]
    assert client.login(word, nonce=nonce)["error_code"] == 0
    assert client.login(word, nonce=nonce)["error_code"] == NOT_AUTHENTICATED
    assert client.login(word, nonce="abcdefgh")["error_code"] == NOT_AUTHENTICATED
    nonce = client.challenge()["nonce"]
    client.now += 61
    assert client.login(word, nonce=nonce)["error_code"] == NOT_AUTHENTICATED
    assert client.device.failed_logins == 3


@pytest.mark.parametrize("sealed", ["", "AAAA", "no base64!", "QUJD" * 43, "\udcff"])
def test_what_the_key_did_not_seal_is_a_wrong_login(sealed):
    client = Client(eye())
    assert client.send("admin", sealed, "2")["error_code"] == NOT_AUTHENTICATED
    assert client.device.failed_logins == 1


def test_an_unknown_name_is_a_wrong_login():
    client = Client(eye())
    assert client.login(client.device.spec.password, "Admin")["error_code"] == NOT_AUTHENTICATED


def test_a_locked_client_is_told_for_how_long():
    client = Client(eye(lockout_tries=3, lockout_seconds=60))
    assert [client.login(password())["error_code"] for _ in range(2)] == [-40401, -40401]
    third = client.login(password())
    assert (third["error_code"], third["data"]["sec_left"]) == (LOCKED, 60)
    client.now += 59.5
    asked = said(client.post("/", ASK))
    assert (asked["error_code"], asked["data"]["sec_left"], asked["data"]["time"]) == (LOCKED, 1, 0)
    right = client.send("admin", m(client.device.spec.password), "1")
    assert right["error_code"] == LOCKED
    client.now += 0.5
    assert client.login(client.device.spec.password)["error_code"] == 0


def test_a_camera_that_is_locked_for_good_says_so():
    client = Client(eye(lockout_tries=1, lockout_for_good=1))
    assert client.login(password())["error_code"] == SYSTEM_LOCKED
    client.now += 1e9
    client.address = "10.0.0.8"
    asked = said(client.post("/", ASK))
    assert asked["error_code"] == SYSTEM_LOCKED
    assert "sec_left" not in asked["data"]


def test_a_factory_fresh_camera_says_so():
    client = Client(eye(fresh=True))
    assert said(client.post("/", ASK)) == {"error_code": FACTORY_STATE}
    assert said(client.post("/stok=0/ds", BASIC_INFO)) == {"error_code": FACTORY_STATE}


def test_a_stok_expires_and_that_costs_no_try():
    client = Client(eye())
    target = f"/stok={client.stok()}/ds"
    client.now += STOK_LIFE - 1
    assert said(client.post(target, BASIC_INFO))["error_code"] == 0
    client.now += 1
    assert said(client.post(target, BASIC_INFO)) == {"error_code": NOT_AUTHENTICATED}
    assert said(client.post("/stok=made-up/ds", BASIC_INFO)) == {"error_code": NOT_AUTHENTICATED}
    assert client.device.failed_logins == 0


def test_a_changed_password_ends_a_stok():
    client = Client(eye())
    target = f"/stok={client.stok()}/ds"
    client.device.change_password("admin", password())
    assert said(client.post(target, BASIC_INFO))["error_code"] == NOT_AUTHENTICATED


def test_one_that_takes_any_login_takes_any_login():
    client = Client(eye(character=Character.OPEN))
    target = f"/stok={client.login(password(), 'nobody')['stok']}/ds"
    assert said(client.post(target, BASIC_INFO))["error_code"] == 0


def test_nothing_can_be_written_here():
    client = Client(eye())
    change = {"method": "do", "user_management": {"change_user_info": {"username": "admin"}}}
    assert said(client.post(f"/stok={client.stok()}/ds", change))["error_code"] == PARAMETER
    assert said(client.post("/", change))["error_code"] == PARAMETER


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"", FORMAT),
        (b"\xff", FORMAT),
        (b"[]", FORMAT),
        (b"[" * 100_000, FORMAT),
        ({}, PARAMETER),
        ({"method": "do", "login": None}, PARAMETER),
        ({"method": "get", "login": {}}, PARAMETER),
        ({"method": "do", "login": {"username": "admin"}}, MISSING),
        (
            {"method": "do", "login": {"username": [], "password": {}, "encrypt_type": "2"}},
            PARAMETER,
        ),
        ({"method": "do", "user_management": []}, PARAMETER),
    ],
)
def test_a_malformed_request_is_refused_and_costs_no_try(body, wanted):
    client = Client(eye())
    assert said(client.post("/", body))["error_code"] == wanted
    assert client.device.failed_logins == 0


def test_other_paths_and_methods_are_not_there():
    client = Client(eye())
    assert client.post("/stok=/x", ASK).status == 404
    assert client.post("/stok=a/b/ds", ASK).status == 404
    assert client.api.answer(Request("GET", "/", {}, b"", "a", NOW)).status == 405


def test_memory_stays_small():
    client = Client(eye())
    first = client.stok()
    stoks = [client.stok() for _ in range(16)]
    assert said(client.post(f"/stok={first}/ds", BASIC_INFO))["error_code"] == NOT_AUTHENTICATED
    assert said(client.post(f"/stok={stoks[0]}/ds", BASIC_INFO))["error_code"] == 0


def test_a_seeded_run_repeats_to_the_byte():
    def run() -> list[bytes]:
        client = Client(eye(seed="7"))
        login = client.send("admin", m(client.device.spec.password), "1")
        return [client.post("/", ASK).body, login["stok"].encode()]

    assert run() == run()


def test_the_keys_are_shared_and_the_same_in_every_run():
    public = {vendor_key(number).public for number in range(MANY)}
    assert len(public) == MANY
    digest = hashlib.sha256("".join(sorted(public)).encode()).hexdigest()
    assert digest == "930f8085d99dc652a1ca034f4a726ebe356e5aa0145146299c801e6f17a82aca"
    assert {LocalApi(eye(seed=str(n)))._key for n in range(60)} == set(range(MANY))
