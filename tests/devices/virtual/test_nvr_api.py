"""What a virtual recorder's OpenAPI enforces. The requests are written by hand, from the document,
not by the driver."""

import hashlib
import json
import re
from dataclasses import replace
from urllib.parse import quote, unquote

import pytest

from devices.virtual.device import ChannelCopy, Device
from devices.virtual.nvr_api import MAX_CLIENTS, REFRESH_LIFE, TOKEN_LIFE, NvrApi
from devices.virtual.service import Reply, Request
from devices.virtual.spec import Auth, Character
from tests.devices.drivers.made_up import camera, password

NOW = 1_790_000_000.0
TOKEN = "/openapi/token"
AUTHENTICATION_FAILED, SESSION_TIMEOUT, LOCKED, FACTORY_STATE = -40401, -40403, -40404, -40405
TOO_MANY, SYSTEM_LOCKED, PARAMETER, FORMAT, MISSING = -40406, -40408, -40209, -40210, -40211
NO_PERMISSION = -70303


def said(reply: Reply) -> dict:
    return json.loads(reply.body)


def code(reply: Reply) -> int:
    return said(reply)["error_code"]


class Client:
    """Asks one recorder as the document says, at a time that the test moves."""

    def __init__(self, device: Device, online=lambda channel: True, address: str = "10.0.0.7"):
        self.device = device
        self.api = NvrApi(device, online)
        self.address = address
        self.now = NOW

    def ask(self, method: str, target: str, authorization: str = "", body: bytes = b"") -> Reply:
        headers = {"authorization": authorization} if authorization else {}
        return self.api.answer(Request(method, target, headers, body, self.address, self.now))

    def login(self, username: str, word: str) -> Reply:
        challenge = self.ask("GET", TOKEN).headers["WWW-Authenticate"]
        return self.ask("GET", TOKEN, answered(challenge, username, word))

    def token(self) -> dict:
        return said(self.login("admin", self.device.spec.password))

    def bearer(self) -> str:
        return f"Bearer {unquote(self.token()['access_token'])}"


def answered(challenge: str, username: str, word: str, uri: str = TOKEN) -> str:
    given = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    name = {"SHA-256": "sha256", "MD5": "md5"}[given["algorithm"]]

    def h(*parts: str) -> str:
        return hashlib.new(name, ":".join(parts).encode()).hexdigest()

    response = h(h(username, given["realm"], word), given["nonce"], h("GET", uri))
    return (
        f'Digest username="{username}", realm="{given["realm"]}", nonce="{given["nonce"]}", '
        f'uri="{uri}", response="{response}", algorithm={given["algorithm"]}'
    )


def recorder(**traits) -> Device:
    device = Device(camera(kind="nvr", **traits))
    for number, (name, alias) in enumerate([("IPC OSD", "IPC"), ("Quay 50%", "Möwe")], start=1):
        device.channels[number] = ChannelCopy(
            serial=f"220000000000{number}",
            name=name,
            alias=alias,
            host=f"192.168.0.{number + 1}",
            port=80,
            mac=f"00-FF-00-13-31-0{number}",
            username="admin",
            password=password(),
        )
    return device


@pytest.mark.parametrize(
    ("auth", "status", "algorithm"),
    [
        (Auth.WS, 200, "SHA-256"),
        (Auth.DIGEST_SHA256, 401, "SHA-256"),
        (Auth.DIGEST_MD5, 401, "MD5"),
    ],
)
def test_the_challenge_comes_with_status_200_or_401_and_either_algorithm(auth, status, algorithm):
    client = Client(recorder(auth=auth))
    reply = client.ask("GET", TOKEN)
    assert reply.status == status
    assert re.fullmatch(
        r'Digest realm="TP-LINK NVR", nonce="[0-9a-f]{32}", '
        rf'algorithm="{algorithm}", url="/openapi/token"',
        reply.headers["WWW-Authenticate"],
    )
    assert code(reply) == AUTHENTICATION_FAILED
    token = client.token()
    assert (token["token_type"], token["expires_in"], token["error_code"]) == ("bearer", 1800, 0)


def test_an_answer_computed_by_the_book_logs_in():
    class Zeros(Device):
        def random_bytes(self, count: int) -> bytes:
            return bytes(count)

    client = Client(Zeros(camera(password="password")))
    client.ask("GET", TOKEN)
    a1 = hashlib.sha256(b"admin:TP-LINK NVR:password").hexdigest()
    a2 = hashlib.sha256(b"GET:/openapi/token").hexdigest()
    response = hashlib.sha256(f"{a1}:{'0' * 32}:{a2}".encode()).hexdigest()
    reply = client.ask(
        "GET",
        TOKEN,
        f'Digest username="admin", realm="TP-LINK NVR", nonce="{"0" * 32}", algorithm="SHA-256", '
        f'uri="/openapi/token", response="{response}"',
    )
    assert code(reply) == 0


def test_asking_for_the_challenge_costs_no_try_and_a_wrong_answer_one():
    client = Client(recorder())
    for _ in range(20):
        client.ask("GET", TOKEN)
    assert client.device.failed_logins == 0
    wrong = client.login("admin", password())
    assert code(wrong) == AUTHENTICATION_FAILED
    assert "WWW-Authenticate" in wrong.headers
    assert client.device.failed_logins == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda given: given.replace('realm="TP-LINK NVR"', 'realm="TP-LINK"'),
        lambda given: given.replace('uri="/openapi/token"', 'uri="/"'),
        lambda given: given.replace("algorithm=SHA-256", "algorithm=MD5"),
        lambda given: re.sub(r'response="..', 'response="zz', given),
        lambda given: given.replace('username="admin"', 'username="Admin"'),
        lambda given: given + ', qop=auth, nc=00000001, cnonce="ab"',
    ],
)
def test_a_digest_that_is_not_whole_does_not_log_in(spoil):
    client = Client(recorder())
    challenge = client.ask("GET", TOKEN).headers["WWW-Authenticate"]
    right = answered(challenge, "admin", client.device.spec.password)
    assert code(client.ask("GET", TOKEN, spoil(right))) == AUTHENTICATION_FAILED
    assert code(client.ask("GET", TOKEN, right)) == 0


def test_an_answer_to_an_old_challenge_says_nothing_of_the_password():
    client = Client(recorder())
    challenge = client.ask("GET", TOKEN).headers["WWW-Authenticate"]
    client.now += 61
    reply = client.ask("GET", TOKEN, answered(challenge, "admin", client.device.spec.password))
    assert "stale=true" in reply.headers["WWW-Authenticate"]
    assert client.device.failed_logins == 0


def test_tokens_are_percent_encoded_and_taken_decoded():
    client = Client(recorder())
    token = client.token()["access_token"]
    assert "%" in token
    assert code(client.ask("GET", "/openapi/added_devices", f"Bearer {unquote(token)}")) == 0
    encoded = client.ask("GET", "/openapi/added_devices", f"Bearer {token}")
    assert code(encoded) == SESSION_TIMEOUT


def test_the_added_devices_are_told_as_in_the_document():
    client = Client(recorder(), online=lambda channel: channel == 1)
    reply = client.ask("GET", "/openapi/added_devices", client.bearer())
    assert said(reply) == {
        "devices": [
            {
                "id": 1,
                "name": "IPC%20OSD",
                "alias": "IPC",
                "online": "1",
                "ip": "192.168.0.2",
                "mac": "00-ff-00-13-31-01",
            },
            {
                "id": 2,
                "name": "Quay%2050%25",
                "alias": "M%C3%B6we",
                "online": "0",
                "ip": "192.168.0.3",
                "mac": "00-ff-00-13-31-02",
            },
        ],
        "error_code": 0,
    }


def test_a_channel_goes_offline_when_the_recorders_copy_no_longer_opens_its_camera():
    eye = Device(camera())
    device = recorder()
    device.channels = {1: replace(device.channels[1], password=eye.spec.password)}
    copy = device.channels[1]
    client = Client(device, online=lambda channel: eye.opens(copy.username, copy.password))

    def online() -> str:
        listed = client.ask("GET", "/openapi/added_devices", client.bearer())
        return said(listed)["devices"][0]["online"]

    assert online() == "1"
    eye.change_password("admin", password())
    assert online() == "0"


@pytest.mark.parametrize("target", ["/openapi/added_devices", "/openapi/systemctl", "/openapi/x"])
def test_nothing_is_told_without_a_token(target):
    client = Client(recorder())
    assert code(client.ask("GET", target)) == AUTHENTICATION_FAILED
    assert code(client.ask("GET", target, "Basic YWRtaW46")) == AUTHENTICATION_FAILED
    assert code(client.ask("GET", target, "Bearer made-up")) == SESSION_TIMEOUT
    assert client.device.failed_logins == 0


def test_a_token_expires_after_half_an_hour_and_is_renewed_once():
    client = Client(recorder())
    token = client.token()
    bearer = f"Bearer {unquote(token['access_token'])}"
    client.now = NOW + TOKEN_LIFE - 1
    assert code(client.ask("GET", "/openapi/added_devices", bearer)) == 0
    client.now = NOW + TOKEN_LIFE
    assert code(client.ask("GET", "/openapi/added_devices", bearer)) == SESSION_TIMEOUT

    again = f"{TOKEN}?grant_type=refresh_token&refresh_token={token['refresh_token']}"
    renewed = said(client.ask("GET", again))
    assert renewed["expires_in"] == 1800
    assert code(client.ask("GET", again)) == SESSION_TIMEOUT
    bearer = f"Bearer {unquote(renewed['access_token'])}"
    assert code(client.ask("GET", "/openapi/added_devices", bearer)) == 0


def test_a_refresh_token_expires_too():
    client = Client(recorder())
    token = client.token()
    client.now += REFRESH_LIFE
    again = f"{TOKEN}?grant_type=refresh_token&refresh_token={token['refresh_token']}"
    assert code(client.ask("GET", again)) == SESSION_TIMEOUT


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("grant_type=refresh_token", MISSING),
        ("grant_type=password&refresh_token=a", PARAMETER),
        ("grant_type=refresh_token&refresh_token=a", SESSION_TIMEOUT),
    ],
)
def test_a_renewal_needs_its_parameters(query, wanted):
    assert code(Client(recorder()).ask("GET", f"{TOKEN}?{query}")) == wanted


def test_there_are_not_too_many_clients_at_a_time():
    client = Client(recorder())
    for _ in range(MAX_CLIENTS):
        assert client.token()["error_code"] == 0
    assert client.token()["error_code"] == TOO_MANY
    client.now += TOKEN_LIFE
    assert client.token()["error_code"] == 0


def test_a_changed_password_ends_what_was_had_for_the_old_one():
    client = Client(recorder())
    token = client.token()
    client.device.change_password("admin", password())
    bearer = f"Bearer {unquote(token['access_token'])}"
    assert code(client.ask("GET", "/openapi/added_devices", bearer)) == SESSION_TIMEOUT
    again = f"{TOKEN}?grant_type=refresh_token&refresh_token={token['refresh_token']}"
    assert code(client.ask("GET", again)) == SESSION_TIMEOUT


def test_a_locked_client_is_told_for_how_long_and_others_are_let_in():
    client = Client(recorder(lockout_tries=3, lockout_seconds=60))
    assert [code(client.login("admin", password())) for _ in range(2)] == [-40401, -40401]
    third = client.login("admin", password())
    assert said(third) == {"data": {"sec_left": 60}, "error_code": LOCKED}
    client.now += 59.5
    assert said(client.ask("GET", TOKEN)) == {"data": {"sec_left": 1}, "error_code": LOCKED}
    client.address = "10.0.0.8"
    assert client.token()["error_code"] == 0
    client.address = "10.0.0.7"
    client.now += 0.5
    assert client.token()["error_code"] == 0


def test_the_lock_is_the_devices_and_not_this_doors():
    client = Client(recorder(lockout_tries=3))
    for _ in range(3):
        client.device.failed(client.address, NOW)
    assert code(client.ask("GET", TOKEN)) == LOCKED


def test_a_right_login_sets_the_count_to_nothing():
    client = Client(recorder(lockout_tries=3))
    for _ in range(3):
        assert [code(client.login("admin", password())) for _ in range(2)] == [-40401, -40401]
        assert client.token()["error_code"] == 0


def test_a_device_that_is_locked_for_good_says_so():
    client = Client(recorder(character=Character.LOCKED))
    assert code(client.ask("GET", TOKEN)) == SYSTEM_LOCKED


def test_a_factory_fresh_recorder_says_so_at_every_path():
    client = Client(recorder(fresh=True))
    assert code(client.ask("GET", TOKEN)) == FACTORY_STATE
    assert code(client.ask("GET", "/openapi/added_devices", "Bearer a")) == FACTORY_STATE


def test_one_that_takes_any_login_takes_any_login():
    client = Client(recorder(character=Character.OPEN))
    assert code(client.login("nobody", password())) == 0
    assert client.device.failed_logins == 0


@pytest.mark.parametrize(
    ("body", "wanted", "then"),
    [
        (b'{"action":"reboot"}', 0, "restart"),
        (b'{"action":"%72eset"}', 0, "factory-reset"),
        (b'{"action":"sleep"}', PARAMETER, ""),
        (b"{}", MISSING, ""),
        (b"[]", FORMAT, ""),
        (b"\xff{", FORMAT, ""),
        (b"[" * 100_000, FORMAT, ""),
    ],
)
def test_systemctl_restarts_and_resets_and_refuses_the_rest(body, wanted, then):
    client = Client(recorder())
    reply = client.ask("POST", "/openapi/systemctl", client.bearer(), body)
    assert (code(reply), reply.then) == (wanted, then)


def test_an_operator_may_list_and_not_restart():
    client = Client(recorder())
    word = password()
    client.device.create_user("guard", word, "Operator")
    bearer = f"Bearer {unquote(said(client.login('guard', word))['access_token'])}"
    assert code(client.ask("GET", "/openapi/added_devices", bearer)) == 0
    reply = client.ask("POST", "/openapi/systemctl", bearer, b'{"action":"reboot"}')
    assert (code(reply), reply.then) == (NO_PERMISSION, "")


def test_a_path_that_is_not_there_is_told_only_to_those_who_logged_in():
    client = Client(recorder())
    assert client.ask("GET", "/openapi/x", client.bearer()).status == 404
    assert client.ask("POST", "/openapi/added_devices", client.bearer()).status == 404
    assert client.ask("POST", TOKEN).status == 405


@pytest.mark.parametrize("target", ["", "*", "//[", "/openapi/token?%ff&&=", "/%00", "/" * 9000])
def test_an_odd_target_or_header_is_answered(target):
    client = Client(recorder())
    for authorization in ("", "Digest", "Digest ,=", 'Digest nonce="\udcff"', "Bearer", "\udcff"):
        assert client.ask("GET", target, authorization).status in (200, 404)


def test_a_seeded_run_repeats_to_the_byte():
    def run() -> list[bytes]:
        client = Client(recorder(seed="7"))
        bearer = quote(client.bearer())
        return [client.login("admin", client.device.spec.password).body, bearer.encode()]

    assert run() == run()


def test_calls_are_counted_by_path():
    client = Client(recorder())
    client.ask("GET", "/openapi/added_devices", client.bearer())
    client.ask("GET", "/openapi/elsewhere")
    assert client.device.calls == {TOKEN: 2, "/openapi/added_devices": 1}
