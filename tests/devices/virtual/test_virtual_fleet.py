"""The fleet as a process: its seed, its memory, its ports, its back door."""

import asyncio
import json
import signal
import socket
import stat
import threading
import tracemalloc
from collections import Counter
from dataclasses import replace

import aiohttp
import pytest

from devices.drivers import Address, Login, driver
from devices.virtual import (
    Character,
    default_scenario,
    fleet_in_thread,
    running_fleet,
    uniform_scenario,
)
from devices.virtual.control import control_app, serve
from devices.virtual.device import Device
from devices.virtual.server import PortTaken
from tests.devices.drivers.made_up import camera, password


def opens(address, login: Login) -> bool:
    return asyncio.run(driver("onvif", Address(*address), 5).check(login))


def test_a_seed_always_makes_the_same_fleet():
    assert default_scenario(1) == default_scenario(1)
    assert not {spec.serial for spec in default_scenario(1)} & {
        spec.serial for spec in default_scenario(2)
    }


@pytest.mark.parametrize("seed", range(20))
def test_the_demo_has_two_places_and_three_bad_devices(seed):
    specs = default_scenario(seed)
    assert Counter(spec.kind for spec in specs) == {"nvr": 2, "camera": 12}
    assert {spec.place for spec in specs} == {"harbour", "museum"}
    characters = Counter(spec.character for spec in specs)
    assert characters == {
        Character.HONEST: 11,
        Character.LIAR: 1,
        Character.SLOW: 1,
        Character.DEAD: 1,
    }
    assert [spec.port for spec in specs] == list(range(18000, 18014))
    for unique in ("serial", "name", "mac", "password"):
        assert len({getattr(spec, unique) for spec in specs}) == len(specs)
    nvrs = {spec.serial: spec.place for spec in specs if spec.kind == "nvr"}
    for spec in specs:
        assert spec.nvr is None or nvrs[spec.nvr] == spec.place
        assert (spec.nvr is None) == (spec.channel is None)
        Device(spec).change_password("admin", spec.password)  # it follows the device's own rules


def test_a_fleet_for_load_is_uniformly_honest():
    specs = uniform_scenario(1, 50)
    assert len({spec.serial for spec in specs}) == 50
    assert {spec.character for spec in specs} == {Character.HONEST}


def test_ten_thousand_devices_fit_into_one_process():
    specs = uniform_scenario(1, 200, 0)
    tracemalloc.start()
    try:
        with fleet_in_thread(specs):
            used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert used / len(specs) < 20_000  # bytes; 1.5 GB would be 150,000 of each


def test_a_restarted_fleet_remembers_its_passwords(tmp_path):
    memory, spec, new = tmp_path / "deep" / "flash.json", camera(), Login("admin", password())
    with fleet_in_thread([spec], memory=memory) as fleet:
        address = Address(*fleet.address(spec.serial))
        old = Login("admin", spec.password)
        asyncio.run(driver("onvif", address).set_password(old, "admin", new.password))
    with fleet_in_thread([spec], memory=memory) as fleet:
        assert fleet.opens(spec.serial, "admin", new.password)
        assert not fleet.opens(spec.serial, "admin", spec.password)
        fleet.change_password(spec.serial, "admin", spec.password)
    with fleet_in_thread([spec, *uniform_scenario(2, 1, 0)], memory=memory) as fleet:
        assert opens(fleet.address(spec.serial), old)
    assert stat.S_IMODE(memory.stat().st_mode) == 0o600
    assert [file.name for file in memory.parent.iterdir()] == ["flash.json"]


def test_a_change_is_remembered_before_the_device_says_yes(tmp_path, monkeypatch):
    memory, spec, new = tmp_path / "flash.json", camera(), password()
    with fleet_in_thread([spec], memory=memory) as fleet:
        address = Address(*fleet.address(spec.serial))
        admin = Login("admin", spec.password)
        asyncio.run(driver("onvif", address).set_password(admin, "admin", new))
        last = json.loads(memory.read_text().splitlines()[-1])
        assert last["serial"] == spec.serial
        assert last["keeps"]["users"]["admin"]["password"] == new


def test_a_device_without_power_refuses_connections():
    spec = camera()
    with fleet_in_thread([spec]) as fleet:
        address = fleet.address(spec.serial)
        fleet.power(spec.serial, False)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        fleet.power(spec.serial, True)
        assert fleet.address(spec.serial) == address
        assert opens(address, Login("admin", spec.password))


def test_a_restart_of_the_device_ends_a_lock():
    spec = camera(lockout_tries=1)
    with fleet_in_thread([spec]) as fleet:
        assert not opens(fleet.address(spec.serial), Login("admin", password()))
        fleet.power(spec.serial, False)
        fleet.power(spec.serial, True)
        assert opens(fleet.address(spec.serial), Login("admin", spec.password))
        assert fleet.calls(spec.serial)["failed_logins"] == 1


def test_other_paths_and_methods_are_not_there():
    async def story():
        spec = camera()
        async with running_fleet([spec]) as fleet, aiohttp.ClientSession() as session:
            base = "http://{}:{}".format(*fleet.address(spec.serial))
            async with session.post(f"{base}/") as answer:
                assert answer.status == 404
            async with session.get(f"{base}/onvif/device_service") as answer:
                assert answer.status == 405

    asyncio.run(story())


def test_a_taken_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            asyncio.run(serve([camera()], control_port=port, memory=None, say=print))

        async def run():
            async with running_fleet([camera(port=port)]):
                pass

        with pytest.raises(PortTaken, match=str(port)):
            asyncio.run(run())


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals reach it only there"
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_fleet_cleanly(number):
    lines = []

    def ready(line: str) -> None:
        lines.append(line)
        signal.raise_signal(number)

    asyncio.run(serve([camera(), *uniform_scenario(2, 2, 0)], control_port=0, memory=None,
                      say=ready))  # fmt: skip
    assert len(lines) == 1
    assert "3 devices on 127.0.0.1" in lines[0]


# -- the back door --------------------------------------------------------------------------------


def at_the_back_door(story, *specs):
    async def run():
        async with running_fleet(specs) as fleet:
            runner = aiohttp.web.AppRunner(control_app(fleet))
            await runner.setup()
            await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
            base = "http://{}:{}".format(*runner.addresses[0])
            async with aiohttp.ClientSession(base) as session:
                await story(session)
            await runner.cleanup()

    asyncio.run(run())


async def asked(session, method, path, status=200, **given):
    async with session.request(method, path, json=given or None) as answer:
        assert answer.status == status
        return await answer.json()


def test_the_back_door_shows_devices_and_no_passwords():
    specs = default_scenario(1, 0)

    async def story(session):
        shown = await asked(session, "GET", "/devices")
        assert [device["serial"] for device in shown["devices"]] == [s.serial for s in specs]
        assert shown["devices"][0]["accounts"] == {"admin": "Administrator"}
        assert not [spec for spec in specs if spec.password in json.dumps(shown)]

    at_the_back_door(story, *specs)


def test_the_back_door_changes_a_password_and_tells_what_opens():
    spec, new = camera(), password()

    async def story(session):
        path = f"/devices/{spec.serial}"
        login = {"username": "admin", "password": new}
        assert await asked(session, "POST", f"{path}/opens", **login) == {"opens": False}
        await asked(session, "POST", f"{path}/password", **login)
        assert await asked(session, "POST", f"{path}/opens", **login) == {"opens": True}
        calls = await asked(session, "GET", f"{path}/calls")
        assert calls == {"failed_logins": 0}
        weak = await asked(session, "POST", f"{path}/password", 400, username="admin", password="")
        assert "refuses" in weak["error"]
        await asked(session, "POST", f"{path}/password", 400, username="nobody", password=new)

    at_the_back_door(story, spec)


def test_the_back_door_switches_power():
    spec = camera()

    async def story(session):
        path = f"/devices/{spec.serial}/power"
        assert (await asked(session, "POST", path, on=False))["on"] is False
        assert (await asked(session, "POST", path, on=True))["on"] is True

    at_the_back_door(story, spec)


def test_the_back_door_restarts_a_device_and_sets_it_back():
    spec = camera(tls=True)

    async def story(session):
        path = f"/devices/{spec.serial}"
        shown = await asked(session, "GET", f"{path}/shown")
        assert len(shown["onvif"]) == 64
        async with session.post(f"{path}/reboot", json={}) as answer:
            assert (await answer.json())["fresh"] is False
        async with session.post(f"{path}/factory-reset", json={}) as answer:
            pictured = await answer.json()
        assert (pictured["fresh"], pictured["accounts"]) == (True, {})
        assert await asked(session, "GET", f"{path}/shown") == shown

    at_the_back_door(story, spec)


def test_the_back_door_tells_of_locks():
    spec = camera(lockout_tries=1)

    async def story(session):
        path = f"/devices/{spec.serial}/locks"
        untouched = {"locked": False, "clients": {}, "for_everybody": False, "times": 0}
        assert await asked(session, "GET", path) == untouched
        device = (await asked(session, "GET", "/devices"))["devices"][0]
        wrong = Login("admin", password())
        assert not await driver("onvif", Address(device["host"], device["port"]), 5).check(wrong)
        locked = await asked(session, "GET", path)
        assert (locked["locked"], locked["times"]) == (True, 1)
        assert 0 < locked["clients"]["127.0.0.1"] <= 60

    at_the_back_door(story, spec)


def test_the_back_door_changes_a_recorders_copy():
    nvr, cam = uniform_scenario(5, 2, 0)
    cam = replace(cam, nvr=nvr.serial, channel=1)

    async def story(session):
        path, login = f"/devices/{nvr.serial}/copy", {"username": "admin", "password": password()}
        await asked(session, "POST", path, channel=1, **login)
        await asked(session, "POST", path, 400, channel=2, **login)

    at_the_back_door(story, nvr, cam)


def test_the_back_door_refuses_nonsense():
    spec = camera()

    async def story(session):
        await asked(session, "GET", "/devices/nobody/calls", 404)
        await asked(session, "POST", f"/devices/{spec.serial}/power", 400, on="yes")
        await asked(session, "POST", f"/devices/{spec.serial}/opens", 400)
        form = {"username": "admin", "password": spec.password}
        async with session.post(f"/devices/{spec.serial}/opens", data=form) as answer:
            assert answer.status == 400
        text = {"data": json.dumps(form), "headers": {"Content-Type": "text/plain"}}
        async with session.post(f"/devices/{spec.serial}/opens", **text) as answer:
            assert answer.status == 400

    at_the_back_door(story, spec)
