"""Virtual devices on real sockets: their doors, their certificates, their restarts."""

import asyncio
import hashlib
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from devices.virtual import (
    Auth,
    Character,
    DeviceSpec,
    Fleet,
    ServiceSpec,
    fleet_in_thread,
    running_fleet,
    uniform_scenario,
)
from devices.virtual.certificates import OLD_CIPHERS, shown
from devices.virtual.host import CannotListen, PortTaken
from devices.virtual.layout import Layout
from tests.devices.drivers.made_up import Time, camera, password
from tests.devices.virtual.asking import PATH, asking, authorization, signed, user


def with_fleet(
    story: Callable[[Fleet], Coroutine[Any, Any, None]], *specs: DeviceSpec, **options: Any
) -> None:
    async def run() -> None:
        async with running_fleet(specs, **options) as fleet:
            await story(fleet)

    asyncio.run(run())


def posted(body: bytes, *headers: str, path: str = PATH) -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: h", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def said(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The head and the body of the next answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
    return head, await reader.readexactly(length)


async def exchange(fleet: Fleet, serial: str, sent: bytes, service: str = "onvif") -> bytes:
    """All that comes back until the device or a moment of silence ends it; b"" if it breaks."""
    reader, writer = await asyncio.open_connection(*fleet.address(serial, service))
    writer.write(sent)
    try:
        head, body = await said(reader)
        return head + body
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    finally:
        writer.close()


TIME = posted(asking("GetSystemDateAndTime"))


def logged_in(spec: DeviceSpec, operation: str, nonce: bytes, content: str = "") -> bytes:
    header = signed("admin", spec.password, nonce, "2026-09-21T14:13:20Z")  # Time's own
    return posted(asking(operation, header, content))


# -- the stream -----------------------------------------------------------------------------------


def test_requests_are_cut_out_of_the_stream_wherever_it_breaks():
    spec = camera()

    async def story(fleet: Fleet) -> None:
        reader, writer = await asyncio.open_connection(*fleet.address(spec.serial))
        three = TIME * 3
        for start in range(0, len(three), 100):
            writer.write(three[start : start + 100])
            await asyncio.sleep(0)
        answers = [await said(reader) for _ in range(3)]
        assert all(head.startswith(b"HTTP/1.1 200 OK\r\n") for head, _ in answers)
        assert len({body for _, body in answers}) == 1
        writer.close()

    with_fleet(story, spec, now=Time())
    assert fleet_calls_of(spec) == {"GetSystemDateAndTime": 1}


def fleet_calls_of(spec: DeviceSpec) -> dict[str, int]:
    calls: dict[str, int] = {}

    async def story(fleet: Fleet) -> None:
        await exchange(fleet, spec.serial, TIME)
        calls.update(fleet.device(spec.serial).calls)

    with_fleet(story, spec)
    return calls


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / SIP/2.0\r\n\r\n", b"400"),
        (b"GET " + PATH.encode() + b" HTTP/1.1\r\n\r\n", b"405"),
        (posted(b"", path="/"), b"404"),
        (posted(b"<"), b"400"),
        (posted(b"", "Content-Length: 99999999"), b""),
        (b"X" * 40_000, b""),
    ],
)
def test_what_is_no_request_is_answered_or_cut_off(sent, status):
    spec = camera()

    async def story(fleet: Fleet) -> None:
        assert (await exchange(fleet, spec.serial, sent))[9:12] == status
        assert (await exchange(fleet, spec.serial, TIME))[9:12] == b"200"

    with_fleet(story, spec)


@pytest.mark.parametrize("auth", [Auth.DIGEST_MD5, Auth.DIGEST_SHA256])
def test_a_name_of_any_letters_logs_in(auth):
    spec, word = camera(auth=auth), password()

    async def story(fleet: Fleet) -> None:
        fleet.device(spec.serial).create_user("Jürgen 李", word, "Administrator")
        body = asking("GetUsers")
        first = await exchange(fleet, spec.serial, posted(body))
        challenge = first.partition(b"WWW-Authenticate: ")[2].partition(b"\r\n")[0].decode()
        header = f"Authorization: {authorization(challenge, PATH, word, 'Jürgen 李')}"
        answer = await exchange(fleet, spec.serial, posted(body, header))
        assert answer[9:12] == b"200"

    with_fleet(story, spec)


def test_a_connection_is_closed_when_the_client_asks_for_it():
    spec = camera()

    async def story(fleet: Fleet) -> None:
        reader, writer = await asyncio.open_connection(*fleet.address(spec.serial))
        writer.write(posted(asking("GetSystemDateAndTime"), "Connection: close"))
        head, _ = await said(reader)
        assert b"\r\nConnection: close\r\n" in head
        assert await reader.read() == b""
        writer.close()

    with_fleet(story, spec)


def test_a_device_that_loses_power_before_its_answer_has_done_nothing():
    spec = camera(delay=0.05)

    async def story(fleet: Fleet) -> None:
        reader, writer = await asyncio.open_connection(*fleet.address(spec.serial))
        writer.write(TIME)
        while not any(c._busy for c in fleet.hosts[spec.serial]._connections):
            await asyncio.sleep(0)
        await fleet.power(spec.serial, False)
        assert await reader.read() == b""
        await asyncio.sleep(2 * spec.delay)  # past the moment at which it would have answered
        assert fleet.device(spec.serial).calls == {}
        writer.close()

    with_fleet(story, spec)


# -- doors ----------------------------------------------------------------------------------------

ALL = tuple(ServiceSpec(name) for name in ("rtsp", "vigi_local", "vigi_nvr", "recovery"))


def test_every_service_answers_at_its_own_door():
    spec = camera(services=ALL)

    async def story(fleet: Fleet) -> None:
        assert len(set(fleet.device(spec.serial).ports.values())) == 5
        describe = b"DESCRIBE rtsp://h/stream1 RTSP/1.0\r\nCSeq: 1\r\n\r\n"
        reader, writer = await asyncio.open_connection(*fleet.address(spec.serial, "rtsp"))
        writer.write(describe)
        assert (await reader.readuntil(b"\r\n")).startswith(b"RTSP/1.0 401")
        writer.close()
        for service in ("vigi_local", "vigi_nvr", "recovery"):
            assert (await exchange(fleet, spec.serial, posted(b"{}", path="/"), service))[:5] == (
                b"HTTP/"
            )

    with_fleet(story, spec)


def test_a_device_has_an_address_of_its_own_where_the_system_has_more_than_one():
    layout = Layout(0, addresses=True)
    assert [layout.host(index) for index in (0, 253, 254)] == [
        "127.16.0.1", "127.16.0.254", "127.16.1.1"]  # fmt: skip
    spec = camera(host="127.16.0.1")
    if sys.platform == "darwin":
        with pytest.raises(CannotListen, match=r"127\.16\.0\.1"):
            Fleet([spec])
        return
    with fleet_in_thread([spec]) as fleet:
        assert fleet.address(spec.serial)[0] == "127.16.0.1"
        socket.create_connection(fleet.address(spec.serial)).close()


def test_a_service_whose_port_is_taken_is_named_and_lets_go_of_the_others():
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("", 0)) as free:
        port, other = taken.getsockname()[1], free.getsockname()[1]
        free.close()
        spec = camera(port=other, services=(ServiceSpec("rtsp", port),))
        with pytest.raises(PortTaken, match=str(port)):
            with_fleet(lambda fleet: asyncio.sleep(0), spec)
        socket.create_server(("127.0.0.1", other)).close()


# -- TLS ------------------------------------------------------------------------------------------


def certificate(address: tuple[str, int], ciphers: str = "") -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if ciphers:
        context.set_ciphers(ciphers)
    with socket.create_connection(address) as plain, context.wrap_socket(plain) as tls:
        return hashlib.sha256(tls.getpeercert(binary_form=True) or b"").hexdigest()


def test_a_certificate_stays_over_a_restart_unless_the_device_is_fickle():
    steady = camera(tls=True)
    fickle = replace(steady, serial="fickle", character=Character.FICKLE)
    with fleet_in_thread([steady, fickle]) as fleet:
        before = {s.serial: certificate(fleet.address(s.serial)) for s in (steady, fickle)}
        for serial, seen in before.items():
            assert fleet.certificate(serial) == seen
            fleet.reboot(serial)
        after = {s.serial: certificate(fleet.address(s.serial)) for s in (steady, fickle)}
        assert after[steady.serial] == before[steady.serial]
        assert after["fickle"] == fleet.certificate("fickle") != before["fickle"]


def test_a_certificate_follows_from_its_seed():
    first = shown("a").fingerprint
    shown.cache_clear()
    assert shown("a").fingerprint == first
    assert shown("b").fingerprint != first


def test_an_old_device_speaks_one_cipher_suite():
    spec = camera(tls=True, character=Character.OLD_TLS)
    with fleet_in_thread([spec]) as fleet:
        address = fleet.address(spec.serial)
        assert certificate(address, OLD_CIPHERS) == fleet.certificate(spec.serial)
        with pytest.raises(ssl.SSLError):
            certificate(address, "ECDHE+AESGCM")


def test_very_many_devices_share_a_few_certificates():
    specs = [replace(spec, tls=True) for spec in uniform_scenario(1, 150, 0)]
    fleet = Fleet(specs)
    try:
        seeds = {fleet.certificate_of(host.device) for host in fleet.hosts.values()}
        assert 16 < len(seeds) <= 64
    finally:
        fleet._close()


# -- restarts and flapping ------------------------------------------------------------------------


def test_a_device_restarts_when_it_is_told_to_and_is_away_meanwhile():
    spec = camera(restart_seconds=0.05)

    async def story(fleet: Fleet) -> None:
        told = await exchange(fleet, spec.serial, logged_in(spec, "SystemReboot", b"1"))
        assert told[9:12] == b"200"
        while fleet.hosts[spec.serial].on:
            await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            await exchange(fleet, spec.serial, TIME)
        while not fleet.hosts[spec.serial].on:
            await asyncio.sleep(0.01)
        assert (await exchange(fleet, spec.serial, TIME))[9:12] == b"200"

    with_fleet(story, spec, now=Time())


def test_power_that_goes_during_a_restart_stays_off():
    spec = camera(restart_seconds=30)

    async def story(fleet: Fleet) -> None:
        await exchange(fleet, spec.serial, logged_in(spec, "SystemReboot", b"1"))
        host = fleet.hosts[spec.serial]
        while host.on:
            await asyncio.sleep(0)
        restarting = host._restarting
        await fleet.power(spec.serial, False)
        assert restarting is not None
        await asyncio.wait([restarting])
        assert restarting.cancelled()
        assert not host.on

    with_fleet(story, spec, now=Time())


def test_a_reset_to_the_factorys_state_is_kept(tmp_path):
    spec, word = camera(), password()
    with fleet_in_thread([spec], memory=tmp_path / "flash") as fleet:
        fleet.factory_reset(spec.serial)
        assert not fleet.opens(spec.serial, "admin", spec.password)

    async def story(fleet: Fleet) -> None:
        assert fleet.device(spec.serial).fresh
        made = posted(asking("CreateUsers", "", user("admin", word)))
        assert (await exchange(fleet, spec.serial, made))[9:12] == b"200"
        assert fleet.opens(spec.serial, "admin", word)

    with_fleet(story, spec, memory=tmp_path / "flash")


def test_a_flapping_device_breaks_every_connection_while_it_is_away():
    spec, time = camera(flapping=20, seed="1/1"), Time(0.0)

    async def story(fleet: Fleet) -> None:
        device = fleet.device(spec.serial)
        for turn in range(12):
            time.seconds = 20.0 * turn
            answer = await exchange(fleet, spec.serial, TIME)
            assert bool(answer) == device.there(time.seconds), turn

    with_fleet(story, spec, now=time)


# -- a recorder -----------------------------------------------------------------------------------


def recorder_and_camera() -> tuple[DeviceSpec, DeviceSpec]:
    nvr, cam = uniform_scenario(5, 2, 0)
    return replace(nvr, kind="nvr"), replace(cam, nvr=nvr.serial, channel=1)


def test_a_recorder_reaches_a_camera_for_as_long_as_its_copy_opens_it(tmp_path):
    nvr, cam = recorder_and_camera()
    word = password()
    with fleet_in_thread([nvr, cam], memory=tmp_path / "flash") as fleet:
        inner = fleet._fleet
        copy = inner.device(nvr.serial).channels[1]
        assert (copy.serial, (copy.host, copy.port), copy.mac) == (
            cam.serial, fleet.address(cam.serial), cam.mac)  # fmt: skip
        assert inner.reaches(nvr.serial, 1)
        fleet.change_password(cam.serial, "admin", word)
        assert not inner.reaches(nvr.serial, 1)
        fleet.change_copy(nvr.serial, 1, "admin", word)
        assert inner.reaches(nvr.serial, 1)
        fleet.power(cam.serial, False)
        assert not inner.reaches(nvr.serial, 1)
        assert not inner.reaches(nvr.serial, 2)
        assert inner.device(cam.serial).failed_logins == 0
    with fleet_in_thread([nvr, cam], memory=tmp_path / "flash") as fleet:
        assert fleet._fleet.reaches(nvr.serial, 1)
        fleet.factory_reset(nvr.serial)
        assert not fleet._fleet.reaches(nvr.serial, 1)
