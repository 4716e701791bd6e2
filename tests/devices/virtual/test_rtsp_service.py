"""What a virtual device's RTSP enforces. The requests are written by hand, not by the driver."""

import hashlib
import re
from dataclasses import dataclass, field

import pytest

from devices.virtual.device import Device
from devices.virtual.rtsp_service import RtspService
from devices.virtual.spec import Auth, Character
from tests.devices.drivers.made_up import camera, password

NOW = 1_790_000_000.0
URL = "rtsp://192.168.0.2:554/stream1"


@dataclass
class Answer:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Client:
    """Asks one device over RTSP, at a time that the test moves."""

    def __init__(self, device: Device, address: str = "10.0.0.7"):
        self.device = device
        self.service = RtspService(device)
        self.address = address
        self.now = NOW
        self.sequence = 0

    def send(self, request: str) -> Answer:
        head, _, body = self.service.answer(request, self.address, self.now).partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        line = re.fullmatch(r"RTSP/1\.0 (\d{3}) [A-Za-z ]+", first)
        assert line is not None
        return Answer(int(line[1]), dict(one.split(": ", 1) for one in lines), body)

    def ask(self, method: str, url: str = URL, authorization: str = "") -> Answer:
        self.sequence += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self.sequence}"]
        if authorization:
            lines.append(f"Authorization: {authorization}")
        answer = self.send("\r\n".join([*lines, "", ""]))
        assert answer.headers["CSeq"] == str(self.sequence)
        return answer

    def describe(self, word: str, url: str = URL, username: str = "admin") -> Answer:
        asked = self.ask("DESCRIBE", url)
        if asked.status != 401:
            return asked
        given = answered(asked.headers["WWW-Authenticate"], username, word, url)
        return self.ask("DESCRIBE", url, given)


def answered(challenge: str, username: str, word: str, uri: str = URL) -> str:
    given = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    name = {"SHA-256": "sha256", "MD5": "md5"}[given["algorithm"]]

    def h(*parts: str) -> str:
        return hashlib.new(name, ":".join(parts).encode(errors="surrogateescape")).hexdigest()

    a1, a2 = h(username, given["realm"], word), h("DESCRIBE", uri)
    extra, middle = "", [given["nonce"]]
    if "qop" in given:
        extra, middle = ', qop=auth, nc=00000001, cnonce="0a"', [*middle, "00000001", "0a", "auth"]
    return (
        f'Digest username="{username}", realm="{given["realm"]}", nonce="{given["nonce"]}", '
        f'uri="{uri}", algorithm={given["algorithm"]}, response="{h(a1, *middle, a2)}"{extra}'
    )


def test_options_are_for_anybody():
    client = Client(Device(camera()))
    assert client.ask("OPTIONS").headers["Public"] == "OPTIONS, DESCRIBE"
    assert client.ask("OPTIONS", "*").status == 200


@pytest.mark.parametrize(
    ("auth", "algorithm", "qop"),
    [
        (Auth.WS, "MD5", False),
        (Auth.DIGEST_MD5, "MD5", True),
        (Auth.DIGEST_SHA256, "SHA-256", True),
    ],
)
def test_describe_is_guarded_by_digest_of_either_kind(auth, algorithm, qop):
    client = Client(Device(camera(auth=auth)))
    asked = client.ask("DESCRIBE")
    assert asked.status == 401
    challenge = asked.headers["WWW-Authenticate"]
    assert challenge.startswith('Digest realm="TP-LINK IP-Camera", nonce="')
    assert f'algorithm="{algorithm}"' in challenge
    assert ('qop="auth"' in challenge) is qop

    told = client.describe(client.device.spec.password)
    assert told.status == 200
    assert told.headers["Content-Type"] == "application/sdp"
    assert told.headers["Content-Base"] == f"{URL}/"
    assert int(told.headers["Content-Length"]) == len(told.body)
    assert told.body.startswith(b"v=0\r\no=- ") and b"\r\nm=video " in told.body
    assert client.describe(password()).status == 401
    assert client.device.failed_logins == 1


def test_a_digest_for_another_method_or_address_does_not_open():
    client = Client(Device(camera()))
    challenge = client.ask("DESCRIBE").headers["WWW-Authenticate"]
    word = client.device.spec.password
    other = answered(challenge, "admin", word, "rtsp://192.168.0.2:554/stream2")
    assert client.ask("DESCRIBE", URL, other).status == 401
    assert client.device.failed_logins == 1
    assert client.ask("DESCRIBE", URL, answered(challenge, "admin", word)).status == 200


def test_a_path_that_is_not_there_is_told_only_after_a_right_login():
    client = Client(Device(camera()))
    nowhere = "rtsp://192.168.0.2/elsewhere"
    assert client.describe(password(), nowhere).status == 401
    assert client.describe(client.device.spec.password, nowhere).status == 404
    assert client.describe(client.device.spec.password, "rtsp://192.168.0.2").status == 404
    assert client.describe(client.device.spec.password, f"{URL}?unicast=true").status == 200


def test_an_answer_to_an_old_challenge_says_nothing_of_the_password():
    client = Client(Device(camera()))
    challenge = client.ask("DESCRIBE").headers["WWW-Authenticate"]
    client.now += 61
    again = client.ask("DESCRIBE", URL, answered(challenge, "admin", client.device.spec.password))
    assert (again.status, "stale=true" in again.headers["WWW-Authenticate"]) == (401, True)
    assert client.device.failed_logins == 0


def test_with_a_qop_an_answer_is_taken_once():
    client = Client(Device(camera(auth=Auth.DIGEST_MD5)))
    challenge = client.ask("DESCRIBE").headers["WWW-Authenticate"]
    given = answered(challenge, "admin", client.device.spec.password)
    assert [client.ask("DESCRIBE", URL, given).status for _ in range(2)] == [200, 401]


def test_a_locked_client_is_refused_at_every_door_with_the_time_that_is_left():
    client = Client(Device(camera(lockout_tries=3, lockout_seconds=60)))
    client.device.failed(client.address, NOW)
    assert [client.describe(password()).status for _ in range(2)] == [401, 401]
    client.now += 0.5
    refused = client.describe(client.device.spec.password)
    assert (refused.status, refused.headers["Retry-After"]) == (403, "60")
    client.now += 59.5
    assert client.describe(client.device.spec.password).status == 200


def test_a_right_login_sets_the_count_to_nothing():
    client = Client(Device(camera(lockout_tries=3)))
    for _ in range(3):
        assert [client.describe(password()).status for _ in range(2)] == [401, 401]
        assert client.describe(client.device.spec.password).status == 200


def test_only_the_newest_challenges_are_remembered():
    client = Client(Device(camera()))
    word = client.device.spec.password
    given = [client.ask("DESCRIBE").headers["WWW-Authenticate"] for _ in range(40)]
    assert client.ask("DESCRIBE", URL, answered(given[0], "admin", word)).status == 401
    assert client.ask("DESCRIBE", URL, answered(given[-1], "admin", word)).status == 200
    assert client.device.failed_logins == 0


def test_a_device_that_is_locked_for_good_names_no_time():
    client = Client(Device(camera(character=Character.LOCKED)))
    refused = client.describe(client.device.spec.password)
    assert (refused.status, "Retry-After" in refused.headers) == (403, False)


def test_a_factory_fresh_device_opens_to_nothing_and_counts_nothing():
    client = Client(Device(camera(fresh=True)))
    assert [client.describe(password()).status for _ in range(20)] == [401] * 20
    assert client.device.failed_logins == 0


def test_a_lagging_device_goes_by_the_password_before():
    client = Client(Device(camera(character=Character.LAGGING)))
    old, new = client.device.spec.password, password()
    client.device.set_user("admin", new, "Administrator")
    assert client.device.opens("admin", new)
    assert client.describe(new).status == 401
    assert client.describe(old).status == 200


def test_one_that_takes_any_login_takes_any_login():
    client = Client(Device(camera(character=Character.OPEN)))
    assert client.describe(password(), username="nobody").status == 200


@pytest.mark.parametrize("method", ["SETUP", "PLAY", "GET_PARAMETER", "MADE_UP"])
def test_what_comes_after_the_door_is_not_built(method):
    assert Client(Device(camera())).ask(method).status == 501


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("", 400),
        ("\r\n\r\n", 400),
        ("DESCRIBE\r\nCSeq: 1\r\n\r\n", 400),
        (f"DESCRIBE {URL} HTTP/1.1\r\nCSeq: 1\r\n\r\n", 400),
        (f"DESCRIBE {URL} RTSP/2.0\r\nCSeq: 1\r\n\r\n", 505),
        (f"DESCRIBE {URL} RTSP/1.0\r\n\r\n", 400),
        (f"DESCRIBE {URL} RTSP/1.0\r\nCSeq: one\r\n\r\n", 400),
        (f"DESCRIBE {URL} RTSP/1.0\r\nCSeq: {'9' * 99}\r\n\r\n", 400),
        (f"DESCRIBE {URL} RTSP/1.0\r\nCSeq: 1\r\nno colon\r\n\r\n", 400),
        (f"DESCRIBE {URL} RTSP/1.0\nCSeq: 1\n\n", 400),
        ("DESCRIBE /stream1 RTSP/1.0\r\nCSeq: 1\r\n\r\n", 400),
        ("DESCRIBE http://192.168.0.2/ RTSP/1.0\r\nCSeq: 1\r\n\r\n", 400),
        (f"DESCRIBE {URL} RTSP/1.0\r\ncseq:1\r\n\r\n", 401),
        (f"DESCRIBE {URL} RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Digest \udcff\r\n\r\n", 401),
        (f"DESCRIBE {URL} RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Basic YTpi\r\n\r\n", 401),
    ],
)
def test_a_malformed_request_is_answered_and_costs_no_try(request_, status):
    client = Client(Device(camera()))
    assert client.send(request_).status == status
    assert client.device.failed_logins == 0


def test_a_digest_made_of_broken_bytes_is_a_wrong_login():
    client = Client(Device(camera()))
    challenge = client.ask("DESCRIBE").headers["WWW-Authenticate"]
    given = answered(challenge, "admin", client.device.spec.password)
    broken = re.sub(r'response="..', 'response="\udcff\udcfe', given)
    assert client.ask("DESCRIBE", URL, broken).status == 401
    assert client.ask("DESCRIBE", URL, given.replace("admin", "\udcff")).status == 401
    assert client.device.failed_logins == 2
    odd = f"{URL}?\udcff"
    challenge = client.ask("DESCRIBE").headers["WWW-Authenticate"]
    word = client.device.spec.password
    reply = client.service.answer(
        f"DESCRIBE {odd} RTSP/1.0\r\nCSeq: 1\r\n"
        f"Authorization: {answered(challenge, 'admin', word, odd)}\r\n\r\n",
        client.address,
        NOW,
    )
    assert b"stream1?\xff/" in reply


def test_a_seeded_run_repeats_to_the_byte():
    def run() -> list[bytes]:
        service = RtspService(Device(camera(seed="7")))
        request = f"DESCRIBE {URL} RTSP/1.0\r\nCSeq: 1\r\n\r\n"
        return [service.answer(request, "a", NOW) for _ in range(3)]

    first = run()
    assert len(set(first)) == 3
    assert first == run()


def test_calls_are_counted_by_method():
    client = Client(Device(camera()))
    client.describe(client.device.spec.password)
    client.ask("OPTIONS")
    client.ask("MADE_UP")
    assert client.device.calls == {"RTSP DESCRIBE": 2, "RTSP OPTIONS": 1, "RTSP": 1}
