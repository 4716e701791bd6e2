"""Each driver of the VIGI and RTSP doors against each virtual service, over real sockets.

Drivers and devices were written apart, both from the protocol documents: here they check each
other. Virtual time is the test's.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from devices.drivers import Address, Driver, Login, driver, vigi_nvr
from devices.drivers.base import Channel
from devices.drivers.errors import (
    Busy,
    FactoryFresh,
    LockedOut,
    NotAuthorised,
    NotSupported,
    TriesSpent,
)
from devices.drivers.http import certificate_of
from devices.virtual import Auth, Character, DeviceSpec, Fleet, running_fleet
from devices.virtual.nvr_api import MAX_CLIENTS, TOKEN_LIFE
from devices.virtual.spec import ServiceSpec
from tests.devices.drivers.made_up import Time, camera, password

RECORDER, GATE, QUAY = "2200000000001", "2200000000002", "2200000000003"
DOORS = ("vigi_nvr", "vigi_local", "rtsp")
SERVICES = tuple(ServiceSpec(name, tls=name != "rtsp") for name in DOORS)
NEW_FIRMWARE = "1.2.0 Build 240101"


@dataclass
class Place:
    """A recorder and two cameras on its channels; ``serial`` has all the doors."""

    fleet: Fleet
    time: Time
    recorder: DeviceSpec

    @property
    def admin(self) -> Login:
        return Login("admin", self.recorder.password)

    def address(self, door: str) -> Address:
        host, port = self.fleet.address(RECORDER, door)
        return Address(host, port, door != "rtsp", pin=self.fleet.certificate(RECORDER, door))

    def driver(self, door: str) -> Driver:
        return driver(door, self.address(door), 10)

    def calls(self, name: str) -> int:
        return self.fleet.calls(RECORDER).get(name, 0)

    async def spend(self, tries: int) -> None:
        """Log in wrongly at the door that never holds back."""
        for _ in range(tries):
            assert not await self.driver("rtsp").check(wrong())


def wrong() -> Login:
    return Login("admin", password())


def at_the_place(story: Callable[[Place], Coroutine[Any, Any, None]], **traits: Any) -> None:
    async def run() -> None:
        time = Time()
        given = {"firmware": NEW_FIRMWARE, "seed": "7", "services": SERVICES, **traits}
        recorder = camera(serial=RECORDER, kind="nvr", name="Harbour recorder", **given)
        cameras = [
            camera(serial=GATE, nvr=RECORDER, channel=1, name="Gate 50%", mac="00-FF-00-13-31-01"),
            camera(serial=QUAY, nvr=RECORDER, channel=2, name="Möwe", mac="00-FF-00-13-31-02"),
        ]
        async with running_fleet([recorder, *cameras], now=time) as fleet:
            await story(Place(fleet, time, recorder))

    asyncio.run(run())


@pytest.mark.parametrize("auth", list(Auth))
@pytest.mark.parametrize("door", DOORS)
def test_a_right_login_opens_and_a_wrong_one_costs_one_try(door, auth):
    async def story(place: Place) -> None:
        assert await place.driver(door).check(place.admin)
        assert place.calls("failed_logins") == 0
        assert not await place.driver(door).check(wrong())
        assert place.calls("failed_logins") == 1
        assert not await place.driver(door).check(Login("nobody", place.admin.password))
        assert place.calls("failed_logins") == 2
        one = place.driver(door)  # one driver object, asked again and again
        assert [await one.check(login) for login in (place.admin, wrong(), place.admin)] == [
            True,
            False,
            True,
        ]

    at_the_place(story, auth=auth)


@pytest.mark.parametrize("door", DOORS)
def test_a_password_of_odd_signs_opens(door):
    async def story(place: Place) -> None:
        odd = 'Aa1 %2F+"\\:,=&é€'
        place.fleet.change_password(RECORDER, "admin", odd)
        assert await place.driver(door).check(Login("admin", odd))
        assert not await place.driver(door).check(place.admin)

    at_the_place(story)


@pytest.mark.parametrize("auth", list(Auth))
@pytest.mark.parametrize("name", ['a "b\\c" %41', "Möwe", "日本"])
def test_a_user_name_of_odd_signs_opens(name, auth):
    async def story(place: Place) -> None:
        login = Login(name, password())
        place.fleet.device(RECORDER).create_user(name, login.password, "Administrator")
        for door in DOORS:
            assert await place.driver(door).check(login), door

    at_the_place(story, auth=auth)


@pytest.mark.parametrize("auth", list(Auth))
@pytest.mark.parametrize("door", DOORS)
def test_a_locked_device_says_for_how_long_and_then_opens_again(door, auth):
    async def story(place: Place) -> None:
        await place.spend(3)
        place.time.seconds += 20
        with pytest.raises(LockedOut) as locked:
            await place.driver(door).check(place.admin)
        assert locked.value.seconds_left == 40
        place.time.seconds += 40
        assert await place.driver(door).check(place.admin)

    at_the_place(story, auth=auth, lockout_tries=3, lockout_seconds=60)


@pytest.mark.parametrize("door", DOORS)
def test_a_device_that_is_locked_for_good_names_no_time(door):
    async def story(place: Place) -> None:
        with pytest.raises(LockedOut) as locked:
            await place.driver(door).check(place.admin)
        assert locked.value.seconds_left is None
        assert locked.value.for_good is (door != "rtsp")  # RTSP has no word for it

    at_the_place(story, character=Character.LOCKED)


@pytest.mark.parametrize("auth", list(Auth))
def test_a_factory_fresh_device_is_known_as_such(auth):
    async def story(place: Place) -> None:
        for door in ("vigi_nvr", "vigi_local"):
            with pytest.raises(FactoryFresh):
                await place.driver(door).check(wrong())
        assert await place.driver("vigi_local").is_fresh()
        assert not await place.driver("rtsp").check(wrong())
        assert place.calls("failed_logins") == 0

    at_the_place(story, auth=auth, fresh=True)


@pytest.mark.parametrize("door", DOORS)
def test_one_that_takes_any_login_takes_a_wrong_one(door):
    async def story(place: Place) -> None:
        assert await place.driver(door).check(wrong())

    at_the_place(story, character=Character.OPEN)


def test_the_tries_that_are_left_are_those_of_all_doors():
    async def story(place: Place) -> None:
        local = place.driver("vigi_local")
        assert [await local.tries_left() for _ in range(5)] == [7] * 5
        await place.spend(2)
        assert not await place.driver("vigi_nvr").check(wrong())
        assert await local.tries_left() == 4
        assert not await local.is_fresh()

    at_the_place(story)


def test_the_last_try_is_never_spent_at_the_door_that_tells_of_it():
    async def story(place: Place) -> None:
        local = place.driver("vigi_local")
        assert [await local.check(wrong()) for _ in range(6)] == [False] * 6
        for login in (wrong(), place.admin):
            with pytest.raises(TriesSpent):
                await local.check(login)
        assert await local.tries_left() == 1
        assert not place.fleet.locks(RECORDER)["locked"]

    at_the_place(story)


def test_a_camera_tells_what_it_is():
    async def story(place: Place) -> None:
        told, spec = await place.driver("vigi_local").identify(place.admin), place.recorder
        assert (told.model, told.firmware) == (spec.model, NEW_FIRMWARE)
        assert told.mac == spec.mac.replace("-", ":")
        with pytest.raises(NotAuthorised):
            await place.driver("vigi_local").identify(wrong())

    at_the_place(story)


def test_the_older_way_to_log_in_is_taken_over_tls_alone():
    async def story(place: Place) -> None:
        local = place.driver("vigi_local")
        assert [await local.check(login) for login in (place.admin, wrong())] == [True, False]

    async def in_the_open(place: Place) -> None:
        host, port = place.fleet.address(RECORDER, "vigi_local")
        with pytest.raises(NotSupported):
            await driver("vigi_local", Address(host, port), 10).check(place.admin)
        assert place.calls("login") == 0

    old = {"firmware": "1.0.2 Build 240101"}
    at_the_place(story, **old)
    at_the_place(in_the_open, services=(ServiceSpec("vigi_local"),), **old)


def channel(place: Place, number: int, name: str, online: bool) -> Channel:
    host, _ = place.fleet.address(GATE)
    return Channel(number, name, online, host, f"00:FF:00:13:31:0{number}")


def test_a_recorder_lists_its_channels_and_a_stale_copy_takes_one_offline():
    async def story(place: Place) -> None:
        nvr, new = place.driver("vigi_nvr"), password()
        gate, quay = channel(place, 1, "Gate 50%", True), channel(place, 2, "Möwe", True)
        assert await nvr.channels(place.admin) == (gate, quay)
        place.fleet.change_password(GATE, "admin", new)
        assert await nvr.channels(place.admin) == (channel(place, 1, "Gate 50%", False), quay)
        place.fleet.change_copy(RECORDER, 1, "admin", new)
        assert await nvr.channels(place.admin) == (gate, quay)
        await place.fleet.power(QUAY, False)
        assert await nvr.channels(place.admin) == (gate, channel(place, 2, "Möwe", False))
        with pytest.raises(NotAuthorised):
            await nvr.channels(wrong())

    at_the_place(story)


def test_a_token_that_the_recorder_has_forgotten_is_had_anew():
    async def story(place: Place) -> None:
        nvr = place.driver("vigi_nvr")
        assert len(await nvr.channels(place.admin)) == 2
        asked = place.calls("/openapi/token")
        await nvr.channels(place.admin)
        assert place.calls("/openapi/token") == asked  # the token is used as long as it is good
        place.time.seconds += TOKEN_LIFE
        assert len(await nvr.channels(place.admin)) == 2
        await place.fleet.reboot(RECORDER)
        assert len(await nvr.channels(place.admin)) == 2
        assert place.calls("failed_logins") == 0

    at_the_place(story)


def test_a_token_is_renewed_without_a_login(monkeypatch):
    drivers = Time()
    monkeypatch.setattr(vigi_nvr, "monotonic", drivers)

    async def story(place: Place) -> None:
        nvr = place.driver("vigi_nvr")
        await nvr.channels(place.admin)
        asked = place.calls("/openapi/token")
        for _ in range(3):
            drivers.seconds += TOKEN_LIFE
            place.time.seconds += TOKEN_LIFE
            assert len(await nvr.channels(place.admin)) == 2
        assert place.calls("/openapi/token") == asked + 3  # a login would have asked twice

    at_the_place(story)


def test_a_changed_password_ends_a_token_and_the_old_login_is_refused_once():
    async def story(place: Place) -> None:
        nvr = place.driver("vigi_nvr")
        await nvr.channels(place.admin)
        place.fleet.change_password(RECORDER, "admin", password())
        with pytest.raises(NotAuthorised):
            await nvr.channels(place.admin)
        assert place.calls("failed_logins") == 1

    at_the_place(story)


def test_a_recorder_with_too_many_clients_is_busy_and_no_try_is_spent():
    async def story(place: Place) -> None:
        for _ in range(MAX_CLIENTS):
            assert await place.driver("vigi_nvr").check(place.admin)
        with pytest.raises(Busy):
            await place.driver("vigi_nvr").check(place.admin)
        assert place.calls("failed_logins") == 0

    at_the_place(story)


def test_rtsp_of_a_lagging_device_goes_by_the_password_before():
    async def story(place: Place) -> None:
        new = Login("admin", password())
        place.fleet.device(RECORDER).set_user("admin", new.password, "Administrator")
        assert [await place.driver(door).check(new) for door in DOORS] == [True, True, False]
        assert await place.driver("rtsp").check(place.admin)

    at_the_place(story, character=Character.LAGGING)


def test_the_certificate_that_is_shown_is_the_one_to_be_pinned():
    async def story(place: Place) -> None:
        for door in ("vigi_nvr", "vigi_local"):
            address = place.address(door)
            assert await certificate_of(Address(address.host, address.port)) == address.pin

    at_the_place(story)
