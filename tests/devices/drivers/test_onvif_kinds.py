"""The ONVIF driver against devices as they come: fresh, odd, half-open, elsewhere, behind TLS."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web

from devices.drivers import Account, Login, Service, driver, http
from devices.drivers.errors import (
    ActionFailed,
    BadAnswer,
    ClockRefused,
    FactoryFresh,
    LockedOut,
    NotAuthorised,
    NotFresh,
    NotSupported,
    OpensToAnything,
    PasswordRefused,
    UnknownAccount,
    UsernameRefused,
)
from devices.virtual import Auth, Character, DeviceSpec
from tests.devices.drivers.certificates import shown_by_a_device
from tests.devices.drivers.made_up import (
    IDENTITY,
    Lab,
    answers_of,
    camera,
    envelope,
    fault,
    password,
    server,
    with_camera,
)

every_auth = pytest.mark.parametrize("auth", list(Auth))
DIGEST = {"WWW-Authenticate": 'Digest realm="r", nonce="1", qop="auth"'}
REFUSED = fault("Sender", "NotAuthorized")


def asked(answer, question, tls=None):
    async def run():
        async with server(answer, tls) as seen:
            address = seen.address
            if tls:
                address = replace(address, pin=await http.certificate_of(address))
            return await question(driver("onvif", address, 5)), seen

    return asyncio.run(run())


def mac_of(spec: DeviceSpec) -> str:
    return spec.mac.replace("-", ":").upper()


# -- what a check costs ---------------------------------------------------------------------------


@pytest.mark.parametrize(("auth", "exchanges"), [(Auth.WS, 3), (Auth.DIGEST_SHA256, 2)])
@pytest.mark.parametrize("right", [True, False])
def test_a_check_by_a_new_driver_takes_no_more_exchanges_than_it_must(auth, exchanges, right):
    """Two with HTTP digest; with a token a third, since that is signed by the device's clock."""

    async def story(lab: Lab):
        login = lab.admin if right else Login("admin", password())
        assert await lab.driver().check(login) is right
        calls = lab.calls()
        assert sum(calls.values()) - calls["failed_logins"] == exchanges

    with_camera(story, auth=auth)


# -- fresh ----------------------------------------------------------------------------------------


@every_auth
def test_a_fresh_device_is_activated_and_asks_for_the_password_from_then_on(auth):
    async def story(lab: Lab):
        onvif, admin = lab.driver(), Login("admin", password())
        assert await onvif.is_fresh()
        with pytest.raises(FactoryFresh):
            await onvif.check(admin)
        await onvif.activate(admin, "site@example.org", b"key")
        assert not await onvif.is_fresh()
        assert await onvif.check(admin)
        assert not await onvif.check(Login("admin", password()))
        assert await onvif.accounts(admin) == (Account("admin", "Administrator"),)

    with_camera(story, auth=auth, fresh=True)


@every_auth
def test_a_device_with_a_password_is_not_activated(auth):
    async def story(lab: Lab):
        onvif = lab.driver()
        assert not await onvif.is_fresh()
        with pytest.raises(NotFresh):
            await onvif.activate(Login("admin", password()), "")
        assert lab.opens(lab.admin)
        assert "CreateUsers" not in lab.calls()

    with_camera(story, auth=auth)


def test_a_password_that_a_fresh_device_refuses_leaves_it_fresh():
    async def story(lab: Lab):
        onvif = lab.driver()
        for refused, error in (
            (Login("admin", "short"), PasswordRefused),
            (Login("admin", "new\nline-1A"), PasswordRefused),
            (Login("", password()), UsernameRefused),
        ):
            with pytest.raises(error):
                await onvif.activate(refused, "")
        assert await onvif.is_fresh()

    with_camera(story, fresh=True)


@pytest.mark.parametrize("said", [401, 400])
def test_a_device_that_lets_nobody_make_an_account_is_not_fresh_after_all(said):
    def answer(request: web.BaseRequest, body: str) -> web.Response:
        if "CreateUsers" in body:
            return web.Response(status=said, text=fault("Sender", "NotAuthorized"))
        return open_to_anybody(request, body)

    with pytest.raises(NotFresh):
        asked(answer, lambda onvif: onvif.activate(Login("admin", password()), ""))


def open_to_anybody(request: web.BaseRequest, body: str) -> web.Response:
    for operation in ("GetUsers", "GetNetworkInterfaces"):
        if operation in body:
            return web.Response(text=envelope(f"<tds:{operation}Response/>"))
    return web.Response(text=IDENTITY)


@pytest.mark.parametrize(
    "refusal",
    [(400, REFUSED), (401, ""), (403, ""), (500, fault("Receiver")), (500, REFUSED)],
)
@pytest.mark.parametrize("guarded", ["GetDeviceInformation", "GetUsers", "GetNetworkInterfaces"])
def test_a_device_that_guards_one_call_is_not_fresh_and_is_checked_by_it(guarded, refusal):
    def answer(request: web.BaseRequest, body: str) -> web.Response:
        if guarded in body and "<wsse:Username>admin<" not in body:
            return web.Response(status=refusal[0], text=refusal[1])
        return open_to_anybody(request, body)

    assert not asked(answer, lambda onvif: onvif.is_fresh())[0]
    assert asked(answer, lambda onvif: onvif.check(Login("admin", password())))[0]
    assert not asked(answer, lambda onvif: onvif.check(Login("other", password())))[0]


def test_a_call_that_a_device_has_not_guards_nothing():
    def answer(request: web.BaseRequest, body: str) -> web.Response:
        if "GetDeviceInformation" in body:
            return web.Response(text=IDENTITY)
        return web.Response(status=500, text=fault("Receiver", "ActionNotSupported"))

    assert not asked(answer, lambda onvif: onvif.is_fresh())[0]
    with pytest.raises(OpensToAnything):
        asked(answer, lambda onvif: onvif.check(Login("admin", password())))


def test_what_is_no_onvif_service_is_asked_once():
    with pytest.raises(NotSupported):
        asked(
            lambda *_: web.Response(status=404), lambda onvif: onvif.check(Login("a", password()))
        )


# -- what it tells --------------------------------------------------------------------------------


@every_auth
def test_with_a_login_a_device_tells_its_mac_address(auth):
    async def story(lab: Lab):
        assert (await lab.driver().identify(lab.admin)).mac == mac_of(lab.spec)

    with_camera(story, auth=auth)


def test_a_device_without_network_interfaces_is_identified_without_a_mac_address():
    async def story(lab: Lab):
        found = await lab.driver().identify(lab.admin)
        assert (found.serial, found.mac) == (lab.spec.serial, "")

    with_camera(story, character=Character.NAMELESS)


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, REFUSED), (403, ""), (500, fault("Receiver", "ActionNotSupported")), (200, "what?")],
)
def test_a_device_that_does_not_tell_its_mac_address_is_identified_all_the_same(status, body):
    def answer(request: web.BaseRequest, asked_for: str) -> web.Response:
        if "UsernameToken" not in asked_for:
            return web.Response(status=400, text=REFUSED)
        if "GetNetworkInterfaces" in asked_for:
            return web.Response(status=status, text=body)
        return web.Response(text=IDENTITY)

    found, _ = asked(answer, lambda onvif: onvif.identify(Login("admin", password())))
    assert (found.serial, found.mac) == ("42", "")


def test_a_lock_between_two_questions_is_said():
    def answer(request: web.BaseRequest, body: str) -> web.Response:
        if "GetNetworkInterfaces" in body:
            return web.Response(status=429)
        if "UsernameToken" not in body:
            return web.Response(status=400, text=REFUSED)
        return web.Response(text=IDENTITY)

    with pytest.raises(LockedOut):
        asked(answer, lambda onvif: onvif.identify(Login("admin", password())))


@every_auth
def test_a_device_tells_where_its_rtsp_is(auth):
    def answer(request: web.BaseRequest, body: str) -> web.Response:
        if "Authorization" not in request.headers and "UsernameToken" not in body:
            headers = {} if auth is Auth.WS else DIGEST
            return web.Response(status=401, headers=headers)
        protocols = [
            ("HTTP", "true", 80), ("HTTPS", "true", 443), ("RTSP", "true", 8554),
            ("rtsp", "1", 8554), ("RTSP", "false", 554), ("RTSP", "true", 0),
            ("RTSP", "true", 99999), ("RTSP", "true", "²"),
        ]  # fmt: skip
        told = "".join(
            f"<tds:NetworkProtocols><tt:Name>{name}</tt:Name><tt:Enabled>{on}</tt:Enabled>"
            f"<tt:Port>{port}</tt:Port></tds:NetworkProtocols>"
            for name, on, port in protocols
        )
        return web.Response(
            text=envelope(
                f"<tds:GetNetworkProtocolsResponse>{told}</tds:GetNetworkProtocolsResponse>"
            )
        )

    found, _ = asked(answer, lambda onvif: onvif.services(Login("admin", password())))
    assert found == (Service("rtsp", 8554),)


# -- odd ones -------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", [Auth.DIGEST_MD5, Auth.DIGEST_SHA256])
def test_a_device_that_takes_both_kinds_of_login_gets_one(auth):
    async def story(lab: Lab):
        onvif = lab.driver()
        assert await onvif.check(lab.admin)
        assert not await onvif.check(Login("admin", password()))
        assert await onvif.check(lab.admin)
        assert lab.calls()["failed_logins"] == 1

    with_camera(story, auth=auth, character=Character.TWO_WAYS)


@every_auth
@pytest.mark.parametrize("skew", [-3600, 3600])
@pytest.mark.parametrize("character", [Character.HONEST, Character.TIMELESS])
def test_a_clock_an_hour_off_keeps_nobody_out(auth, skew, character):
    async def story(lab: Lab):
        assert await lab.driver().check(lab.admin)
        assert not await lab.driver().check(Login("admin", password()))

    with_camera(story, auth=auth, clock_skew=skew, character=character)


@every_auth
def test_a_device_that_lists_no_accounts_is_neither_fresh_nor_open(auth):
    async def story(lab: Lab):
        onvif, new = lab.driver(), password()
        assert not await onvif.is_fresh()
        assert await onvif.check(lab.admin)
        assert not await onvif.check(Login("admin", password()))
        with pytest.raises(BadAnswer):
            await onvif.set_password(lab.admin, "guard", new)
        await onvif.set_password(lab.admin, "admin", new)
        assert lab.opens(Login("admin", new))

    with_camera(story, auth=auth, character=Character.MUTE)


@every_auth
def test_a_password_is_set_for_no_account_that_is_not_there(auth):
    async def story(lab: Lab):
        with pytest.raises(UnknownAccount):
            await lab.driver().set_password(lab.admin, "guard", password())
        assert "SetUser" not in lab.calls()

    with_camera(story, auth=auth, character=Character.MAKER)


@pytest.mark.parametrize("status", [400, 403, 500])
@every_auth
def test_a_wrong_login_is_told_from_a_right_one_whatever_status_refuses_it(auth, status):
    async def story(lab: Lab):
        onvif = lab.driver()
        assert not await onvif.check(Login("admin", password()))
        assert await onvif.check(lab.admin)
        with pytest.raises((NotAuthorised, ActionFailed)):
            await onvif.accounts(Login("admin", password()))
        assert await onvif.check(lab.admin)
        assert lab.calls()["failed_logins"] == 2

    with_camera(story, auth=auth, refusal_status=status)


def test_the_clock_of_a_device_that_was_set_is_asked_anew():
    clocks, asked_for = [0, 3600], []

    def answer(request: web.BaseRequest, body: str) -> web.Response:
        if "GetSystemDateAndTime" in body:
            asked_for.append(clocks.pop(0))
            return web.Response(status=500, text=fault("Receiver"))
        if "UsernameToken" not in body:
            return web.Response(status=400, text=REFUSED)
        if len(asked_for) == 1:
            return web.Response(status=400, text=fault("Sender", "MessageExpired"))
        return web.Response(text=IDENTITY)

    async def story(onvif):
        with pytest.raises(ClockRefused):
            await onvif.check(Login("admin", password()))
        return await onvif.check(Login("admin", password()))

    assert asked(answer, story)[0]


# -- elsewhere, and behind TLS --------------------------------------------------------------------


@every_auth
def test_a_service_at_another_path_is_found_there_and_nowhere_else(auth):
    async def story(lab: Lab):
        assert await lab.driver().check(lab.admin)
        usual = driver("onvif", replace(lab.address, path="/onvif/device_service"))
        with pytest.raises(NotSupported):
            await usual.check(lab.admin)

    with_camera(story, auth=auth, path="/cgi-bin/onvif?service=device")


@every_auth
def test_everything_works_behind_tls(auth):
    spec = camera(auth=auth)
    context, _ = shown_by_a_device()

    async def story(onvif):
        admin, new = Login("admin", spec.password), Login("admin", password())
        assert await onvif.check(admin)
        await onvif.set_password(admin, "admin", new.password)
        assert not await onvif.check(admin)
        assert await onvif.check(new)
        return (await onvif.identify(new)).mac

    assert asked(answers_of(spec), story, context)[0] == mac_of(spec)
