"""The adapter to a recorder's own page against virtual recorders, over TLS: each was written apart
from the other, and here they check each other."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

import pytest

from devices.drivers import Address, Driver, Login, StoredCamera, driver
from devices.drivers.errors import (
    BadAnswer,
    CameraRefused,
    ChannelTaken,
    FactoryFresh,
    NotAuthorised,
    NotSupported,
    UnknownCamera,
)
from devices.virtual import Auth, Character, DeviceSpec, Fleet, running_fleet
from devices.virtual.spec import NvrTraits, ServiceSpec
from tests.devices.drivers.made_up import Time, camera, password

RECORDER, GATE, QUAY, PIER = (f"220000000000{n}" for n in range(1, 5))
MACS = {GATE: "00:FF:00:13:31:01", QUAY: "00:FF:00:13:31:02", PIER: "00:FF:00:13:31:03"}


@dataclass
class Place:
    """A recorder with cameras on channels 2 and 3, and one camera that hangs nowhere."""

    fleet: Fleet
    time: Time
    specs: dict[str, DeviceSpec]
    page: Driver

    @property
    def admin(self) -> Login:
        return self.login(RECORDER)

    def login(self, serial: str) -> Login:
        return Login("admin", self.specs[serial].password)

    async def list(self) -> tuple[StoredCamera, ...]:
        return await self.page.cameras(self.admin)

    async def at(self, number: int) -> StoredCamera:
        [found] = [one for one in await self.list() if one.number == number]
        return found

    async def numbers(self) -> dict[str, int]:
        names = {mac: serial for serial, mac in MACS.items()}
        return {names[one.mac]: one.number for one in await self.list()}

    def calls(self, name: str, serial: str = RECORDER) -> int:
        return self.fleet.calls(serial).get(name, 0)


def at_the_place(story: Callable[[Place], Coroutine[Any, Any, None]], **traits: Any) -> None:
    async def run() -> None:
        time = Time()
        given = {"services": (ServiceSpec("vigi_recorder", tls=True),), "seed": "7", **traits}
        recorder = camera(serial=RECORDER, kind="nvr", name="Harbour recorder", **given)
        gate = camera(serial=GATE, nvr=RECORDER, channel=2, name="Gate 50%")
        quay = camera(serial=QUAY, nvr=RECORDER, channel=3, name="Möwe")
        specs = [recorder, gate, quay, camera(serial=PIER, name="Pier")]
        specs = [replace(s, mac=MACS.get(s.serial, s.mac), password=password()) for s in specs]
        async with running_fleet(specs, now=time) as fleet:
            host, port = fleet.address(RECORDER, "vigi_recorder")
            pin = fleet.certificate(RECORDER, "vigi_recorder")
            page = driver("vigi_recorder", Address(host, port, True, pin=pin), 10)
            await story(Place(fleet, time, {s.serial: s for s in specs}, page))

    asyncio.run(run())


@pytest.mark.parametrize("auth", list(Auth))
def test_the_list_says_where_each_camera_is_and_whether_its_password_opens_it(auth):
    async def story(place: Place) -> None:
        gate, quay = await place.list()
        host, port = place.fleet.address(GATE)
        assert (gate.number, gate.name, gate.host, gate.port) == (2, "Gate 50%", host, port)
        assert (gate.mac, gate.online, gate.opens) == (MACS[GATE], True, True)
        assert gate.key != quay.key
        assert gate.protocol
        place.fleet.change_password(GATE, "admin", password())
        await place.fleet.power(QUAY, on=False)
        gate, quay = await place.list()
        assert (gate.online, gate.opens) == (False, False)
        assert (quay.online, quay.opens) == (False, None)
        assert [c.number for c in await place.page.channels(place.admin)] == [2, 3]
        assert place.calls("login") == 1, "one session for all of it"

    at_the_place(story, auth=auth)


def test_a_camera_is_removed_and_put_back_on_its_channel():
    async def story(place: Place) -> None:
        gate = await place.at(2)
        await place.page.remove_camera(place.admin, gate)
        assert await place.numbers() == {QUAY: 3}
        with pytest.raises(UnknownCamera):
            await place.page.remove_camera(place.admin, gate)
        await place.page.add_camera(place.admin, gate, place.login(GATE))
        [added] = [one for one in await place.list() if one.key == gate.key]
        assert added.number == 1, "the first free channel"
        assert added.name != gate.name
        await place.page.move_camera(place.admin, added, 2)
        moved = await place.at(2)
        await place.page.set_camera_login(
            place.admin, replace(moved, name=gate.name), place.login(GATE)
        )
        assert await place.at(2) == gate

    at_the_place(story)


def test_the_stored_password_is_changed_and_the_cameras_is_not():
    async def story(place: Place) -> None:
        new = Login("admin", 'Aa1%2F+"\\:,=&é€' + password())
        place.fleet.change_password(GATE, "admin", new.password[:32])
        gate = await place.at(2)
        assert gate.opens is False
        await place.page.set_camera_login(place.admin, gate, Login("admin", new.password[:32]))
        assert (await place.at(2)).opens
        await place.page.set_camera_login(place.admin, gate, Login("admin", password()))
        assert (await place.at(2)).opens is False
        assert place.fleet.opens(GATE, "admin", new.password[:32])
        assert place.calls("failed_logins", GATE) == 1, "the recorder has tried it at the door"

    at_the_place(story)


def test_nothing_is_pushed_aside():
    async def story(place: Place) -> None:
        gate = await place.at(2)
        with pytest.raises(ChannelTaken):
            await place.page.move_camera(place.admin, gate, 3)
        await place.page.move_camera(place.admin, gate, 2)
        assert await place.numbers() == {GATE: 2, QUAY: 3}
        assert place.calls("chm_mod_dev_chn") == 0

    at_the_place(story)


def test_another_camera_on_the_channel_is_left_alone():
    async def story(place: Place) -> None:
        stale = replace(await place.at(2), number=3)
        for call in (
            place.page.remove_camera(place.admin, stale),
            place.page.move_camera(place.admin, stale, 9),
            place.page.set_camera_login(place.admin, stale, place.login(GATE)),
        ):
            with pytest.raises(UnknownCamera):
                await call
        assert await place.numbers() == {GATE: 2, QUAY: 3}

    at_the_place(story)


def test_a_session_that_has_ended_is_taken_up_once():
    async def story(place: Place) -> None:
        gate = await place.at(2)
        await place.fleet.reboot(RECORDER)
        await place.page.remove_camera(place.admin, gate)
        assert await place.numbers() == {QUAY: 3}
        assert place.calls("failed_logins") == 0
        with pytest.raises(NotAuthorised):
            await place.page.cameras(Login("admin", password()))

    at_the_place(story)


def test_a_recorder_keeps_its_list_without_power(tmp_path):
    async def run() -> None:
        services = (ServiceSpec("vigi_recorder", tls=True),)
        recorder = camera(serial=RECORDER, kind="nvr", services=services, password=password())
        gate = camera(serial=GATE, nvr=RECORDER, channel=2, name="Gate")
        admin = Login("admin", recorder.password)
        for expected in ((2, "Gate"), (5, "Front"), (5, "Front")):
            async with running_fleet([recorder, gate], memory=tmp_path / "memory") as fleet:
                host, port = fleet.address(RECORDER, "vigi_recorder")
                pin = fleet.certificate(RECORDER, "vigi_recorder")
                page = driver("vigi_recorder", Address(host, port, True, pin=pin), 10)
                [told] = await page.cameras(admin)
                assert (told.number, told.name) == expected
                if told.number == 2:
                    front = replace(told, name="Front")
                    await page.set_camera_login(admin, front, Login("admin", gate.password))
                    await page.move_camera(admin, front, 5)

    asyncio.run(run())


# -- recorders that do not do as they are told ---------------------------------------------------


def test_a_recorder_that_declines_says_so():
    async def story(place: Place) -> None:
        gate = await place.at(2)
        with pytest.raises(UnknownCamera):
            await place.page.remove_camera(place.admin, gate)
        with pytest.raises(BadAnswer) as caught:
            await place.page.add_camera(place.admin, gate, place.login(GATE))
        assert caught.value.maybe_done
        assert await place.numbers() == {GATE: 2, QUAY: 3}

    at_the_place(story, nvr_traits=NvrTraits.KEEPS | NvrTraits.REFUSES)


def test_a_recorder_that_only_nods_is_found_out_by_its_list():
    async def story(place: Place) -> None:
        before = await place.list()
        await place.page.remove_camera(place.admin, before[0])
        await place.page.move_camera(place.admin, before[0], 9)
        await place.page.set_camera_login(place.admin, before[0], Login("admin", password()))
        assert await place.list() == before

    at_the_place(story, nvr_traits=NvrTraits.NODS)


def test_a_strict_recorder_stores_no_wrong_password():
    async def story(place: Place) -> None:
        gate = await place.at(2)
        with pytest.raises(CameraRefused):
            await place.page.set_camera_login(place.admin, gate, Login("admin", password()))
        assert await place.at(2) == gate

    at_the_place(story, nvr_traits=NvrTraits.STRICT)


def test_a_hesitant_recorder_is_still_trying_for_a_while():
    async def story(place: Place) -> None:
        gate = await place.at(2)
        await place.page.set_camera_login(place.admin, gate, place.login(GATE))
        assert [(await place.at(2)).opens for _ in range(3)] == [None, None, True]

    at_the_place(story, nvr_traits=NvrTraits.HESITANT)


def test_without_its_key_no_password_is_sent():
    async def story(place: Place) -> None:
        gate = await place.at(2)
        with pytest.raises(NotSupported):
            await place.page.set_camera_login(place.admin, gate, place.login(GATE))
        with pytest.raises(NotSupported):
            await place.page.add_camera(place.admin, gate, place.login(GATE))
        assert place.calls("chm_edit_dev") == place.calls("chm_add_dev_list") == 0

    at_the_place(story, nvr_traits=NvrTraits.KEYLESS)


def test_a_full_recorder_takes_no_camera():
    async def story(place: Place) -> None:
        gate, quay = await place.list()
        await place.page.move_camera(place.admin, gate, 1)
        host, port = place.fleet.address(PIER)
        pier = replace(quay, host=host, port=port, key="")
        await place.page.move_camera(place.admin, quay, 2)
        with pytest.raises(BadAnswer):
            await place.page.add_camera(place.admin, pier, place.login(PIER))
        assert await place.numbers() == {GATE: 1, QUAY: 2}

    at_the_place(story, max_channels=2)


def test_whoever_may_only_look_changes_nothing():
    async def story(place: Place) -> None:
        looker = Login("looker", password())
        place.fleet.device(RECORDER).create_user("looker", looker.password, "User")
        [gate, _] = await place.page.cameras(looker)
        with pytest.raises(NotAuthorised):
            await place.page.remove_camera(looker, gate)
        assert await place.numbers() == {GATE: 2, QUAY: 3}

    at_the_place(story)


def test_a_fresh_recorder_says_so():
    async def story(place: Place) -> None:
        with pytest.raises(FactoryFresh):
            await place.list()

    at_the_place(story, fresh=True)


def test_an_open_recorder_is_no_reason_to_stop():
    async def story(place: Place) -> None:
        gate = await place.at(2)
        await place.page.remove_camera(Login("nobody", password()), gate)
        assert await place.numbers() == {QUAY: 3}

    at_the_place(story, character=Character.OPEN)
