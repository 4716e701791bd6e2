"""The ONVIF driver against virtual cameras over real sockets."""

import asyncio
import secrets

import pytest
from aiohttp import web

from devices.drivers import Account, Address, Login, PasswordRules, driver, http
from devices.drivers.errors import (
    AccountLimit,
    ActionFailed,
    ClockRefused,
    FixedAccount,
    LockedOut,
    NotAuthorised,
    PasswordRefused,
    UnknownAccount,
    Unreachable,
    UsernameClash,
    UsernameRefused,
)
from devices.virtual import Auth, Character
from devices.virtual.host import Host
from tests.devices.drivers.made_up import IDENTITY, Lab, Time, password, server, with_camera

every_auth = pytest.mark.parametrize("auth", list(Auth))


@every_auth
def test_only_the_right_login_opens_the_device(auth):
    async def story(lab: Lab):
        onvif = lab.driver()
        assert await onvif.check(lab.admin)
        assert not await onvif.check(Login("admin", password()))
        assert not await onvif.check(Login("nobody", lab.spec.password))
        assert await onvif.check(lab.admin)

    with_camera(story, auth=auth)


@every_auth
def test_a_wrong_login_costs_one_try_and_a_right_one_none(auth):
    async def story(lab: Lab):
        onvif = lab.driver()
        for wrong in range(1, 4):
            assert not await onvif.check(Login("admin", password()))
            assert await onvif.check(lab.admin)
            assert await onvif.accounts(lab.admin)
            assert lab.calls()["failed_logins"] == wrong

    with_camera(story, auth=auth)


@every_auth
def test_the_device_says_what_it_is(auth):
    async def story(lab: Lab):
        identity = await lab.driver().identify(lab.admin)
        assert (identity.serial, identity.model) == (lab.spec.serial, lab.spec.model)
        assert identity.firmware == lab.spec.firmware
        with pytest.raises(NotAuthorised):
            await lab.driver().identify()

    with_camera(story, auth=auth)


@every_auth
def test_an_account_is_made_given_a_password_and_deleted(auth):
    async def story(lab: Lab):
        onvif, first, second = lab.driver(), password(), password()
        await onvif.create_account(lab.admin, Login("guard", first), "Operator")
        assert await onvif.accounts(lab.admin) == (
            Account("admin", "Administrator"),
            Account("guard", "Operator"),
        )
        assert await onvif.check(Login("guard", first))
        await onvif.set_password(lab.admin, "guard", second)
        assert Account("guard", "Operator") in await onvif.accounts(lab.admin)
        assert not lab.opens(Login("guard", first))
        assert lab.opens(Login("guard", second))
        await onvif.delete_account(lab.admin, "guard")
        assert not await onvif.check(Login("guard", second))

    with_camera(story, auth=auth)


@every_auth
def test_an_account_changes_its_own_password(auth):
    async def story(lab: Lab):
        onvif, new = lab.driver(), Login("admin", password())
        await onvif.set_password(lab.admin, "admin", new.password)
        assert not await onvif.check(lab.admin)
        assert await onvif.check(new)

    with_camera(story, auth=auth)


def test_setting_the_same_password_again_does_no_harm():
    async def story(lab: Lab):
        onvif, new = lab.driver(), Login("admin", password())
        await onvif.set_password(lab.admin, "admin", new.password)
        await onvif.set_password(new, "admin", new.password)
        assert lab.opens(new)

    with_camera(story)


@every_auth
@pytest.mark.parametrize("difficult", ["<&>\"'\\ ]]>-1aA", "Zażółć-gęślą-7", "  spaces-8  "])
def test_a_password_arrives_as_it_was_meant(auth, difficult):
    async def story(lab: Lab):
        onvif, new = lab.driver(), Login('o"b\\b<&', difficult)
        await onvif.create_account(lab.admin, new)
        assert lab.opens(new)
        assert await onvif.check(new)

    with_camera(story, auth=auth)


def test_the_limits_are_read_without_a_login():
    async def story(lab: Lab):
        assert await lab.driver().rules() == PasswordRules(
            max_length=32, max_username_length=32, max_users=8, accounts_supported=True
        )

    with_camera(story)


@every_auth
def test_every_refusal_has_its_type(auth):
    async def story(lab: Lab):
        onvif, admin = lab.driver(), lab.admin
        guard = Login("guard", password())
        await onvif.create_account(admin, guard, "Operator")
        for error, asked in {
            UsernameClash: onvif.create_account(admin, Login("admin", password())),
            UsernameRefused: onvif.create_account(admin, Login("g" * 33, password())),
            AccountLimit: onvif.create_account(admin, Login("third", password())),
            UnknownAccount: onvif.set_password(admin, "nobody", password()),
            FixedAccount: onvif.delete_account(admin, "admin"),
            NotAuthorised: onvif.accounts(Login("admin", password())),
        }.items():
            with pytest.raises(error):
                await asked
        with pytest.raises(UnknownAccount):
            await onvif.delete_account(admin, "nobody")
        with pytest.raises(NotAuthorised):
            await onvif.create_account(guard, Login("third", password()))
        for reason, refused in {
            "too_weak": "abcxyz",
            "too_long": password() * 3,
            "characters": "with\nnewline-1A",
        }.items():
            with pytest.raises(PasswordRefused) as caught:
                await onvif.set_password(admin, "admin", refused)
            assert caught.value.reason == reason
            assert refused not in f"{caught.value} {caught.value.sentence}"
        assert lab.opens(admin)

    with_camera(story, auth=auth, max_users=2)


@every_auth
def test_a_refusal_without_a_reason_is_typed_too(auth):
    async def story(lab: Lab):
        onvif = lab.driver()
        assert await onvif.check(lab.admin)
        assert not await onvif.check(Login("admin", password()))
        with pytest.raises(ActionFailed):
            await onvif.delete_account(lab.admin, "nobody")

    with_camera(story, auth=auth, character=Character.TERSE)


@every_auth
def test_a_locked_device_says_so_until_it_unlocks(auth):
    async def story(lab: Lab):
        onvif = lab.driver()
        for _ in range(7):
            assert not await onvif.check(Login("admin", password()))
        with pytest.raises(LockedOut) as caught:
            await onvif.check(lab.admin)
        assert 55 <= caught.value.seconds_left <= 61
        lab.time.seconds += 61
        assert await onvif.check(lab.admin)

    with_camera(story, auth=auth)


@every_auth
def test_a_success_clears_the_count_of_failed_logins(auth):
    async def story(lab: Lab):
        onvif = lab.driver()
        for _ in range(2):
            for _ in range(6):
                assert not await onvif.check(Login("admin", password()))
            assert await onvif.check(lab.admin)

    with_camera(story, auth=auth)


def test_an_old_challenge_is_answered_anew_and_costs_no_try():
    async def story(lab: Lab):
        onvif = lab.driver()
        assert await onvif.check(lab.admin)
        lab.time.seconds += 3600
        assert await onvif.check(lab.admin)
        lab.time.seconds += 3600
        assert not await onvif.check(Login("admin", password()))
        lab.time.seconds += 3600
        assert await onvif.check(lab.admin)
        assert lab.calls()["failed_logins"] == 1

    with_camera(story, auth=Auth.DIGEST_SHA256)


def test_a_wrong_login_is_not_repeated_after_a_lock():
    async def story(lab: Lab):
        onvif, wrong = lab.driver(), Login("admin", password())
        for _ in range(7):
            assert not await onvif.check(wrong)
        with pytest.raises(LockedOut):
            await onvif.check(wrong)
        lab.time.seconds += 11
        assert not await onvif.check(wrong)
        assert lab.calls()["failed_logins"] == 8

    with_camera(story, auth=Auth.DIGEST_MD5, lockout_seconds=10)


def test_challenges_that_are_good_for_one_answer_cost_no_tries():
    fresh, answered = [], []

    def answer(request: web.BaseRequest, body: str) -> web.Response:
        given = request.headers.get("Authorization", "")
        used = next((nonce for nonce in fresh if f'nonce="{nonce}"' in given), None)
        if used:
            fresh.remove(used)
            answered.append(given)
            if 'username="wrong"' not in given:
                return web.Response(text=IDENTITY)
        fresh.append(secrets.token_hex(8))  # and it does not say that the other one was stale
        return web.Response(
            status=401, headers={"WWW-Authenticate": f'Digest realm="r", nonce="{fresh[-1]}"'}
        )

    async def story():
        async with server(answer) as seen:
            onvif, word = driver("onvif", seen.address), password()
            for username in ("one", "one", "two", "wrong", "two", "one", "wrong", "wrong"):
                assert await onvif.check(Login(username, word)) == (username != "wrong")
        assert len(answered) == 8

    asyncio.run(story())


def test_a_clock_beyond_reason_is_the_devices_problem():
    async def story(lab: Lab):
        with pytest.raises(ClockRefused):
            await lab.driver().check(lab.admin)

    with_camera(story, auth=Auth.WS, clock_skew=253_402_300_799 - Time().seconds)


@pytest.mark.parametrize("skew", [-86_400 * 400, -3600, 3600])
def test_a_login_is_signed_by_the_clock_of_the_device(skew):
    async def story(lab: Lab):
        onvif = lab.driver()
        assert await onvif.check(lab.admin)
        assert not await onvif.check(Login("admin", password()))
        assert lab.calls()["GetSystemDateAndTime"] == 1

    with_camera(story, auth=Auth.WS, clock_skew=skew)


def test_a_slow_device_is_left_after_the_time_out():
    async def story(lab: Lab):
        with pytest.raises(Unreachable) as caught:
            await lab.driver(timeout=0.05).check(lab.admin)
        assert not caught.value.maybe_done

    with_camera(story, character=Character.SLOW, delay=60)


def test_a_change_that_gets_no_answer_may_have_been_made(monkeypatch):
    real = Host.http

    def loses(host, door, request):
        reply = real(host, door, request)
        return None if b"SetUser" in request.body else reply

    async def story(lab: Lab):
        new = Login("admin", password())
        monkeypatch.setattr(Host, "http", loses)
        with pytest.raises(Unreachable) as caught:
            await lab.driver().set_password(lab.admin, "admin", new.password)
        assert caught.value.maybe_done
        assert lab.opens(new)

    with_camera(story)


def test_a_dead_device_is_unreachable_at_once():
    async def story(lab: Lab):
        with pytest.raises(Unreachable) as caught:
            await lab.driver().set_password(lab.admin, "admin", password())
        assert not caught.value.maybe_done

    with_camera(story, character=Character.DEAD)


def test_a_device_that_was_off_is_used_again():
    async def story(lab: Lab):
        onvif = lab.driver()
        assert await onvif.check(lab.admin)
        await lab.fleet.power(lab.spec.serial, False)
        with pytest.raises(Unreachable):
            await onvif.check(lab.admin)
        await lab.fleet.power(lab.spec.serial, True)
        assert await onvif.check(lab.admin)

    with_camera(story, auth=Auth.DIGEST_MD5)


def test_no_connection_outlives_its_event_loop():
    async def story(lab: Lab):
        assert await lab.driver().check(lab.admin)
        assert len(http._sessions) == 1

    with_camera(story)
    assert not http._sessions


def test_a_login_never_shows_its_password():
    login = Login("admin", password())
    assert login.password not in f"{login!r} {login}"


def test_an_unknown_driver_is_a_mistake_of_the_caller():
    with pytest.raises(KeyError):
        driver("telepathy", Address("127.0.0.1", 1))
