"""What a virtual device enforces. The requests are written by hand, not by the driver."""

import asyncio
import secrets

import aiohttp
import pytest

from devices.virtual import Auth, PasswordPolicy, running_fleet
from devices.virtual.device import Device, Fault
from devices.virtual.onvif_service import OnvifService
from tests.devices.drivers.made_up import camera, password
from tests.devices.virtual.asking import (
    NOW,
    PATH,
    ask,
    asking,
    authorization,
    signed,
    subcodes,
    token,
)

# The worked example of the ONVIF Application Programmer's Guide.
GUIDE = ("tuOSpGlFlIXsozq4HFNeeGeFLEI=", "LKqI6G/AikKCQrN0zqZFlg==", "2010-09-16T07:50:45Z")


def test_the_worked_example_of_the_onvif_guide_logs_in():
    service = OnvifService(Device(camera(password="userpassword")))
    header = token("admin", *GUIDE)
    assert ask(service, asking("GetUsers", header), NOW).status == 200


def test_a_token_works_once():
    service = OnvifService(Device(camera(password="userpassword")))
    request = asking("GetUsers", token("admin", *GUIDE))
    ask(service, request, NOW)
    again = ask(service, request, NOW)
    assert (again.status, subcodes(again.body)) == (400, ["Sender", "NotAuthorized"])


@pytest.mark.parametrize(("skew", "status"), [(299, 200), (-299, 200), (301, 400), (-301, 400)])
def test_a_token_from_another_time_is_refused(skew, status):
    spec = camera(clock_skew=skew)
    service = OnvifService(Device(spec))
    request = asking("GetUsers", signed("admin", spec.password, b"n" * 16))
    reply = ask(service, request, NOW)
    assert reply.status == status
    if status == 400:
        assert "MessageExpired" in subcodes(reply.body)


@pytest.mark.parametrize("auth", list(Auth))
@pytest.mark.parametrize(
    "operation", ["GetDeviceInformation", "GetUsers", "SetUser", "DeleteUsers", "Reboot"]
)
def test_nothing_is_done_without_a_login(auth, operation):
    service = OnvifService(Device(camera(auth=auth)))
    reply = ask(service, asking(operation), NOW)
    assert reply.status == (400 if auth is Auth.WS else 401)
    assert subcodes(reply.body) == ["Sender", "NotAuthorized"]
    assert reply.headers.get("WWW-Authenticate", "").startswith("Digest ") == (auth != Auth.WS)


@pytest.mark.parametrize("auth", [Auth.DIGEST_MD5, Auth.DIGEST_SHA256])
def test_a_token_does_not_open_a_device_that_does_http_digest(auth):
    spec = camera(auth=auth)
    service = OnvifService(Device(spec))
    request = asking("GetUsers", signed("admin", spec.password, b"n" * 16))
    assert ask(service, request, NOW).status == 401


@pytest.mark.parametrize("operation", ["GetSystemDateAndTime", "GetServiceCapabilities"])
def test_time_and_capabilities_are_for_anybody(operation):
    assert ask(OnvifService(Device(camera())), asking(operation)).status == 200


def test_a_lock_is_for_one_client_and_ends():
    spec = camera(lockout_tries=3, lockout_seconds=60)
    service = OnvifService(Device(spec))

    def login(word: str, client: str, now: float) -> list[str]:
        request = asking("GetUsers", signed("admin", word, secrets.token_bytes(16)))
        return subcodes(ask(service, request, now, client=client).body)

    for _ in range(3):
        assert login("nonsense", "a", NOW) == ["Sender", "NotAuthorized"]
    assert login(spec.password, "a", NOW + 59) == ["Sender", "NotAuthorized", "AccountLocked"]
    assert login(spec.password, "b", NOW) == []
    assert login(spec.password, "a", NOW + 60) == []


def test_an_operator_may_look_and_not_touch():
    device = Device(camera())
    word = password()
    device.create_user("guard", word, "Operator")
    service = OnvifService(device)
    for number, (operation, status) in enumerate(
        {"GetDeviceInformation": 200, "GetUsers": 403, "SetUser": 403}.items()
    ):
        request = asking(operation, signed("guard", word, b"n%d" % number))
        assert ask(service, request, NOW).status == status


@pytest.mark.parametrize("body", [b"", b"<", b"<a/>", b"<!DOCTYPE a><a/>", b"\xff\xfe", b"{}"])
def test_what_is_no_request_gets_a_fault(body):
    reply = ask(OnvifService(Device(camera())), body)
    assert (reply.status, subcodes(reply.body)) == (400, ["Sender", "WellFormed"])


@pytest.mark.parametrize(
    ("word", "refusal"),
    [
        ("Ab1", "PasswordTooWeak"),
        ("abcdefgh", "PasswordTooWeak"),
        ("Ab1" * 5, "PasswordTooLong"),
        (None, "PasswordTooWeak"),
        ("abcdefg1", None),
        ("Ab1" * 4, None),
    ],
)
def test_a_password_has_to_follow_the_rules(word, refusal):
    device = Device(camera(policy=PasswordPolicy(min_length=8, max_length=12, classes=2)))
    if refusal is None:
        device.set_user("admin", word, "Administrator")
        assert device.opens("admin", word)
    else:
        with pytest.raises(Fault) as caught:
            device.set_user("admin", word, "Administrator")
        assert caught.value.subcodes == ("OperationProhibited", refusal)
        assert device.opens("admin", device.spec.password)


def test_the_built_in_account_stays_an_administrator():
    device = Device(camera())
    for change in (
        lambda: device.set_user("admin", password(), "User"),
        lambda: device.delete_user("admin"),
    ):
        with pytest.raises(Fault) as caught:
            change()
        assert caught.value.subcodes == ("InvalidArgVal", "FixedUser")


@pytest.mark.parametrize("auth", [Auth.DIGEST_MD5, Auth.DIGEST_SHA256])
def test_another_clients_http_digest_opens_the_device(auth):
    spec = camera(auth=auth)

    async def ask(word: str) -> int:
        async with running_fleet([spec]) as fleet:
            url = "http://{}:{}/onvif/device_service".format(*fleet.address(spec.serial))
            digest = aiohttp.DigestAuthMiddleware("admin", word)
            async with (
                aiohttp.ClientSession(middlewares=(digest,)) as session,
                session.post(url, data=asking("GetUsers")) as answer,
            ):
                return answer.status

    assert asyncio.run(ask(spec.password)) == 200
    assert asyncio.run(ask(password())) == 401


def test_an_answer_to_a_challenge_works_once_and_for_one_path():
    spec = camera(auth=Auth.DIGEST_MD5, lockout_tries=99)
    service, body = OnvifService(Device(spec)), asking("GetUsers")

    def challenge(answer: str | None = None, now: float = NOW) -> str:
        return ask(service, body, now, answer).headers["WWW-Authenticate"]

    assert ask(service, body, NOW, authorization(challenge(), "/", spec.password)).status == 401
    for field in (" realm=", " uri=", " qop=", " cnonce=", "username="):
        whole = authorization(challenge(), PATH, spec.password)
        assert ask(service, body, NOW, whole.replace(field, " x=")).status == 401
    right = authorization(challenge(), PATH, spec.password)
    assert ask(service, body, NOW, right).status == 200
    assert "stale=true" in challenge(right)
    late = authorization(challenge(), PATH, spec.password)
    assert "stale=true" in challenge(late, NOW + 61)
