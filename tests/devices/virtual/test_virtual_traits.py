"""How virtual devices misbehave, one by one and together."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from devices.virtual import Auth, Character, PasswordPolicy, ServiceSpec, Vendor
from devices.virtual.device import Device, Fault
from devices.virtual.draw import drawn
from devices.virtual.layout import Layout
from devices.virtual.onvif_service import OnvifService
from devices.virtual.rtsp_service import RtspService
from devices.virtual.vendors import LOCKOUTS
from tests.devices.drivers.made_up import camera, password
from tests.devices.virtual.asking import (
    NOW,
    ask,
    asking,
    authorization,
    logged_in,
    signed,
    subcodes,
    user,
)

every_auth = pytest.mark.parametrize("auth", list(Auth))


def texts(body: bytes, name: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(body).iter() if
            element.tag.endswith("}" + name)]  # fmt: skip


def test_traits_are_combined_and_named():
    both = Character("slow+liar")
    assert both == Character.LIAR | Character.SLOW
    assert both.names == "liar+slow"
    assert Character("honest") is Character.HONEST
    with pytest.raises(ValueError, match="'grumpy' is none of honest, liar"):
        Character("grumpy")


# -- factory-fresh --------------------------------------------------------------------------------


@every_auth
def test_a_fresh_device_takes_its_first_administrator_from_anybody_and_then_nobody(auth):
    spec, word = camera(auth=auth, fresh=True), password()
    device = Device(spec)
    service = OnvifService(device)
    listed = ask(service, asking("GetUsers"))
    assert (listed.status, texts(listed.body, "User")) == (200, [])
    guest = ask(service, asking("CreateUsers", "", user("guard", word, "Operator")))
    assert guest.status == 400
    assert device.fresh
    made = ask(service, asking("CreateUsers", "", user("admin", word)))
    assert (made.status, made.changed) == (200, True)
    assert device.opens("admin", word)
    for operation, content in (("GetUsers", ""), ("CreateUsers", user("mallory", word))):
        refused = ask(service, asking(operation, "", content))
        assert refused.status == (400 if auth is Auth.WS else 401)
    assert logged_in(service, spec, "GetUsers", word=word).status == 200


@every_auth
def test_a_fresh_device_does_nothing_else_and_counts_no_failed_login(auth):
    spec = camera(auth=auth, fresh=True, lockout_tries=1)
    device = Device(spec)
    service = OnvifService(device)
    for operation in ("SetUser", "DeleteUsers", "SystemReboot"):
        assert ask(service, asking(operation)).status in (400, 401)
        assert logged_in(service, spec, operation).status in (400, 401)
    assert device.failed_logins == 0


def test_the_button_makes_a_device_fresh():
    device = Device(camera())
    device.flash["reset_email"] = "office@example.com"
    device.factory_reset()
    assert device.fresh
    assert device.flash == {}


# -- lock-outs ------------------------------------------------------------------------------------


def made_by(vendor: Vendor, kind: str = "camera", **traits):
    rule = LOCKOUTS[vendor, kind]
    return drawn(1, 0, kind, "One", "yard", Layout(0), vendor=vendor, **rule, **traits)


@pytest.mark.parametrize(
    ("vendor", "kind", "name", "tries", "seconds"),
    [
        (Vendor.HIKVISION, "camera", "admin", 7, 1800),
        (Vendor.HIKVISION, "camera", "guard", 5, 1800),
        (Vendor.HIKVISION, "nvr", "admin", 7, 60),
        (Vendor.DAHUA, "camera", "admin", 5, 300),
    ],
)
def test_a_vendors_device_locks_as_the_vendor_says(vendor, kind, name, tries, seconds):
    device = Device(made_by(vendor, kind))
    for _ in range(tries):
        assert device.locked_for("a", NOW) == 0
        device.failed("a", NOW, name)
    assert device.locked_for("a", NOW) == seconds
    assert device.locked_for("b", NOW) == 0
    assert device.locked_for("a", NOW + seconds) == 0
    assert device.locks.times == 1


def test_wrong_logins_at_all_doors_are_one_count():
    spec = camera(lockout_tries=2, auth=Auth.DIGEST_MD5, services=(ServiceSpec("rtsp"),))
    device = Device(spec)
    onvif, rtsp = OnvifService(device), RtspService(device)
    assert logged_in(onvif, spec, "GetUsers", word=password()).status == 401
    describe = "DESCRIBE rtsp://h/stream1 RTSP/1.0\r\nCSeq: 1\r\n{}\r\n"
    challenge = rtsp.answer(describe.format(""), "a", NOW).decode()
    wrong = authorization(challenge, "rtsp://h/stream1", password())
    rtsp.answer(describe.format(f"Authorization: {wrong}\r\n"), "a", NOW)
    assert device.locked_for("a", NOW) == 60
    locked = logged_in(onvif, spec, "GetUsers")
    assert (locked.status, locked.headers["Retry-After"]) == (403, "61")


@pytest.mark.parametrize(("resets", "locked"), [(True, 0), (False, 60)])
def test_a_right_login_may_or_may_not_set_the_count_to_nothing(resets, locked):
    device = Device(camera(lockout_tries=2, lockout_resets=resets))
    device.failed("a", NOW)
    device.succeeded("a")
    device.failed("a", NOW)
    assert device.locked_for("a", NOW) == locked


def test_a_device_may_stay_locked_until_it_is_set_back():
    device = Device(camera(lockout_tries=1, lockout_for_good=2))
    for start in (NOW, NOW + 100):
        device.failed("a", start)
    device.restarted()
    assert device.locked_for("b", NOW + 9e9) == float("inf")
    assert device.locks.tries_left("b", NOW) == 0
    device.factory_reset()
    assert device.locked_for("b", NOW) == 0


def test_a_device_that_somebody_has_locked_refuses_the_right_password():
    spec = camera(auth=Auth.DIGEST_MD5, character=Character.LOCKED)
    refused = logged_in(OnvifService(Device(spec)), spec, "GetUsers")
    assert subcodes(refused.body) == ["Sender", "NotAuthorized", "AccountLocked"]


# -- passwords ------------------------------------------------------------------------------------


def test_a_password_is_cut_in_silence():
    spec, word = camera(policy=PasswordPolicy(cut=10)), password()
    device = Device(spec)
    assert logged_in(OnvifService(device), spec, "SetUser", user("admin", word)).status == 200
    assert not device.opens("admin", word)
    assert device.opens("admin", word[:10])


def test_rtsp_may_go_by_the_password_before_until_it_is_changed_on_the_device():
    device, first, second = Device(camera(character=Character.LAGGING)), password(), password()
    old = device.spec.password
    for word in (first, second):
        device.set_user("admin", word, "Administrator")
        assert device.passwords_of("admin") == [word]
        assert device.passwords_of("admin", "rtsp") == [old]
    device.change_password("admin", first)
    assert device.passwords_of("admin", "rtsp") == [first]


def test_a_liar_may_be_slow_and_terse_at_once():
    spec = camera(character=Character.LIAR | Character.TERSE, delay=1.5)
    device, word = Device(spec), password()
    service = OnvifService(device)
    assert logged_in(service, spec, "SetUser", user("admin", word)).status == 200
    assert device.opens("admin", spec.password)
    weak = logged_in(service, spec, "SetUser", user("admin", "weak"))
    assert (weak.status, subcodes(weak.body)) == (500, ["Receiver"])


def test_a_user_that_is_not_there_is_made_by_a_maker_alone():
    word = password()
    with pytest.raises(Fault):
        Device(camera()).set_user("guard", word, "Operator")
    device = Device(camera(character=Character.MAKER))
    device.set_user("guard", word, "Operator")
    assert device.opens("guard", word)


# -- logins ---------------------------------------------------------------------------------------


@every_auth
def test_a_mute_device_lists_no_users_to_anybody_and_still_guards_the_rest(auth):
    spec = camera(auth=auth, character=Character.MUTE)
    service = OnvifService(Device(spec))
    listed = ask(service, asking("GetUsers"))
    assert (listed.status, texts(listed.body, "User")) == (200, [])
    refused = ask(service, asking("CreateUsers", "", user("mallory", password())))
    assert refused.status == (400 if auth is Auth.WS else 401)


@pytest.mark.parametrize("auth", [Auth.DIGEST_MD5, Auth.DIGEST_SHA256])
def test_a_device_may_take_a_token_as_well(auth):
    spec = camera(auth=auth, character=Character.TWO_WAYS)
    service = OnvifService(Device(spec))
    assert logged_in(service, replace(spec, auth=Auth.WS), "GetUsers").status == 200
    assert logged_in(service, spec, "GetUsers").status == 200
    told = ask(service, asking("GetServiceCapabilities")).body
    assert b'UsernameToken="true" HttpDigest="true"' in told
    assert ask(service, asking("GetUsers")).status == 401


@every_auth
@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_wrong_login_may_be_refused_with_another_status(auth, status):
    spec = camera(auth=auth, refusal_status=status)
    device = Device(spec)
    service = OnvifService(device)
    refused = logged_in(service, spec, "GetUsers", word=password())
    assert (refused.status, device.failed_logins) == (status, 1)
    assert "WWW-Authenticate" not in refused.headers
    assert logged_in(service, spec, "GetUsers").status == 200


@pytest.mark.parametrize(("character", "status"), [("honest", 400), ("timeless", 200)])
def test_the_time_of_a_token_may_be_ignored(character, status):
    spec = camera(auth=Auth.WS, clock_skew=3600, character=Character(character))
    header = signed("admin", spec.password, b"once")
    assert ask(OnvifService(Device(spec)), asking("GetUsers", header)).status == status


@every_auth
def test_an_open_device_asks_for_a_login_and_takes_any(auth):
    spec = camera(auth=auth, character=Character.OPEN)
    device = Device(spec)
    service = OnvifService(device)
    assert ask(service, asking("GetUsers")).status == (400 if auth is Auth.WS else 401)
    anybody = logged_in(service, spec, "GetUsers", word=password(), name="nobody")
    assert (anybody.status, device.failed_logins) == (200, 0)


# -- what it says of itself -----------------------------------------------------------------------


def test_the_service_is_at_its_path_alone():
    spec = camera(path="/cgi-bin/onvif")
    service = OnvifService(Device(spec))
    assert logged_in(service, spec, "GetUsers").status == 200
    assert ask(service, asking("GetUsers")).status == 404


@pytest.mark.parametrize(("character", "macs"), [("honest", 1), ("nameless", 0)])
def test_a_device_tells_its_mac_or_not(character, macs):
    spec = camera(character=Character(character))
    told = logged_in(OnvifService(Device(spec)), spec, "GetNetworkInterfaces")
    assert texts(told.body, "HwAddress") == [spec.mac] * macs


def test_a_device_tells_its_other_ports():
    spec = camera()
    device = Device(spec)
    device.ports = {"onvif": 80, "vigi_local": 443, "rtsp": 554, "recovery": 800}
    told = logged_in(OnvifService(device), spec, "GetNetworkProtocols")
    assert texts(told.body, "Name") == ["HTTP", "HTTPS", "RTSP"]
    assert texts(told.body, "Port") == ["80", "443", "554"]


def test_a_device_restarts_and_is_set_back_when_its_administrator_says_so():
    spec = camera()
    service = OnvifService(Device(spec))
    assert logged_in(service, spec, "SystemReboot").then == "restart"
    assert logged_in(service, spec, "SetSystemFactoryDefault").then == "factory-reset"
    assert ask(service, asking("SystemReboot")).then == ""


def test_a_flapping_device_comes_and_goes_by_the_clock_and_the_seed():
    device = Device(camera(flapping=20, seed="1/1"))
    starts = [20.0 * turn for turn in range(200)]
    turns = [device.there(start) for start in starts]
    assert turns == [Device(device.spec).there(start + 19.9) for start in starts]
    assert 60 < sum(turns) < 140
