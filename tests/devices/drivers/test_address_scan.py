"""Scanning addresses of loopback for made-up devices, and for what is none."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from unittest.mock import AsyncMock, Mock

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from devices.drivers import address_scan, reach, ws_discovery
from devices.drivers.address_scan import look, look_at, one_by_one, scan, spread
from devices.drivers.errors import Unreachable
from devices.drivers.found import Found
from devices.virtual import Character, running_fleet
from tests.devices.drivers.certificates import shown_by_a_device
from tests.devices.drivers.made_up import IDENTITY, camera, envelope, fault, server

NETWORK = ip_network("127.0.77.0/28")
TIME = envelope(
    "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime/></tds:GetSystemDateAndTimeResponse>"
)


@pytest.fixture(autouse=True)
def _devices_on_this_machine():
    before = reach.current()
    reach.configure(allowed=["127.0.0.0/8"])
    yield
    reach.configure(map(str, before.allowed), before.own_ports)


@dataclass
class Farm:
    """What listens at several addresses, at one port."""

    port: int = 0
    requests: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    connected: list[tuple[float, str]] = field(default_factory=list)


def telling(body, who):
    """A device that tells anybody who it is."""
    return web.Response(text=IDENTITY if "GetDeviceInformation" in body else TIME)


def reticent(body, who):
    """A device that answers to anybody what ONVIF demands, and no more."""
    if "GetSystemDateAndTime" in body:
        return web.Response(text=TIME)
    return web.Response(status=400, text=fault("Sender", "NotAuthorized"))


@asynccontextmanager
async def farm(*ends: int, answer=telling, tls=None) -> AsyncIterator[Farm]:
    """HTTP servers at 127.0.77.<end>, all at one port that was free."""
    seen = Farm()

    class Handler(web.RequestHandler):
        def connection_made(self, transport):
            seen.connected.append((time.monotonic(), transport.get_extra_info("sockname")[0]))
            super().connection_made(transport)

    async def handle(request):
        body, who = await request.text(), request.transport.get_extra_info("sockname")[0]
        seen.requests.append((who, dict(request.headers), body))
        return answer(body, who)

    handling = web.Server(handle, access_log=None)
    loop, listening = asyncio.get_running_loop(), []

    def handler():
        return Handler(handling, loop=loop, access_log=None)

    try:
        for end in ends:
            host = f"127.0.77.{end}"
            listening.append(await loop.create_server(handler, host, seen.port, ssl=tls))
            seen.port = listening[0].sockets[0].getsockname()[1]
        yield seen
    finally:
        for each in listening:
            each.close()
        await handling.shutdown(timeout=0.01)


async def all_of(steps):
    return [device async for step in steps for device in step.found]


def scanned(*ends, **traits):
    """What a scan finds of a farm at one port, and what the farm saw of it."""

    async def run():
        async with farm(*ends, **traits) as seen:
            return await all_of(scan(NETWORK, [seen.port], rate=5000, timeout=1)), seen

    return asyncio.run(run())


# -- what is found -------------------------------------------------------------------------------


def test_devices_are_found_with_what_they_tell_without_a_login():
    found, seen = scanned(2, 9, 14)
    assert {device.host for device in found} == {"127.0.77.2", "127.0.77.9", "127.0.77.14"}
    assert {(d.port, d.tls, d.manufacturer, d.model, d.serial) for d in found} == {
        (seen.port, False, "Nobody", "Model 1", "42")
    }


def test_a_device_that_does_not_say_what_it_is_is_found_all_the_same():
    (device,), _ = scanned(3, answer=reticent)
    assert (device.host, device.model, device.serial) == ("127.0.77.3", "", "")


def test_a_device_that_speaks_only_https_is_found():
    (device,), _ = scanned(3, tls=shown_by_a_device()[0])
    assert device.tls and device.model == "Model 1"


def test_no_login_is_ever_sent():
    _, seen = scanned(2, 9, answer=reticent)
    assert len(seen.requests) >= 4
    for _, headers, body in seen.requests:
        assert "Authorization" not in headers
        assert "UsernameToken" not in body


@pytest.mark.parametrize(
    "answer",
    [
        lambda *_: web.Response(status=404),
        lambda *_: web.Response(status=401, headers={"WWW-Authenticate": 'Digest realm="a"'}),
        lambda *_: web.Response(text="<html>It works</html>", content_type="text/html"),
        lambda *_: web.Response(text=fault("Receiver", "ActionNotSupported"), status=500),
        lambda *_: web.Response(text=envelope("<tds:GetUsersResponse/>")),
        lambda *_: web.Response(status=302, headers={"Location": "http://127.0.77.9/"}),
        lambda *_: web.Response(body=b"\xff" * 3_000_000),
    ],
)
def test_a_web_server_that_is_no_onvif_device_is_not_found(answer):
    assert scanned(3, answer=answer)[0] == []


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.6\r\n", b"", b"\0" * 5000, None])
def test_what_accepts_a_connection_and_speaks_no_http_is_not_found(greeting):
    async def run():
        async def greet(reader, writer):
            if greeting is None:  # says nothing, and does not hang up
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(9)
            with contextlib.suppress(OSError):
                writer.write(greeting or b"")
                await writer.drain()
            writer.close()

        async with await asyncio.start_server(greet, "127.0.77.3", 0) as other:
            port = other.sockets[0].getsockname()[1]
            return await all_of(scan(NETWORK, [port], rate=5000, timeout=0.2))

    assert asyncio.run(run()) == []


def test_a_device_with_a_mad_identity_is_found_without_one():
    def mad(body, who):
        known = "GetSystemDateAndTime" in body
        return web.Response(text=TIME if known else IDENTITY.replace("Model 1", "x" * 9999))

    (device,), _ = scanned(3, answer=mad)
    assert device.model == ""


def test_what_is_out_of_reach_is_not_even_connected_to():
    async def run():
        async with farm(3) as seen:
            reach.configure(allowed=["127.0.0.0/8"], own_ports=[seen.port])
            found = await all_of(scan(NETWORK, [seen.port], rate=5000))
            return found, seen

    found, seen = asyncio.run(run())
    assert found == [] and seen.connected == []


# -- how it goes about it ------------------------------------------------------------------------


class OwnClock(asyncio.SelectorEventLoop):
    """A loop whose time is what it has waited: how busy the machine is makes no difference."""

    def __init__(self):
        super().__init__()
        self.now, self.select = 0.0, self._selector.select
        self._selector.select = self.wait

    def time(self):
        return self.now

    def wait(self, timeout=None):
        self.now += timeout or 0
        return self.select(0)


def test_connections_are_begun_no_faster_than_the_rate(monkeypatch):
    begun = []

    async def connect(*_):
        begun.append(asyncio.get_running_loop().time())
        return None, AsyncMock(close=Mock())

    async def ask(*_, **__):
        begun.append(asyncio.get_running_loop().time())
        raise Unreachable("127.0.77.1")

    monkeypatch.setattr(asyncio, "open_connection", connect)
    monkeypatch.setattr(address_scan, "post", ask)
    with asyncio.Runner(loop_factory=OwnClock) as runner:
        runner.run(all_of(scan(NETWORK, [80], rate=100)))
    assert len(begun) == 28  # two for each address
    # Any eleven in a row take a tenth of a second, less what one may be late.
    assert min(last - first for first, last in zip(begun, begun[10:], strict=False)) > 0.08


def test_no_more_addresses_are_asked_at_once_than_allowed(monkeypatch):
    asked, most = set(), 0

    async def slow(host, *_):
        nonlocal most
        asked.add(host)
        most = max(most, len(asked))
        await asyncio.sleep(0.01)
        asked.remove(host)
        return False

    monkeypatch.setattr(address_scan, "_accepts", slow)
    list(one_by_one(scan(NETWORK, [1], at_once=3)))
    assert most == 3


def test_every_port_is_asked_and_no_host_at_all_its_ports_in_a_row():
    async def run():
        async with farm(3, 4, 5) as one, farm(3, 4, 5) as other:
            found = await all_of(scan(NETWORK, [one.port, other.port], rate=5000, at_once=1))
            hosts = [who for _, who in sorted(one.connected + other.connected)]
            return found, hosts

    found, hosts = asyncio.run(run())
    assert len(found) == 6
    assert len(list(itertools.groupby(hosts))) == 6


@given(st.integers(1, 5000))
def test_each_address_comes_once_and_neighbours_far_apart(count):
    order = list(spread([str(n) for n in range(count)]))
    assert sorted(order, key=int) == [str(n) for n in range(count)]
    if count > 10:
        apart = (abs(int(a) - int(b)) for a, b in itertools.pairwise(order))
        assert min(apart) > count / 4


@pytest.mark.parametrize(
    ("network", "count"),
    [("127.0.77.0/28", 14), ("127.0.77.8/31", 2), ("127.0.77.9", 1), ("2001:db8::/120", 255)],
)
def test_the_addresses_of_the_network_itself_and_of_all_are_left_out(network, count):
    assert len(address_scan._hosts(ip_network(network))) == count


@pytest.mark.parametrize("ports", [[], range(1, 18)])
def test_a_scan_takes_one_to_sixteen_ports(ports):
    with pytest.raises(ValueError, match="16"):
        scan(NETWORK, ports)


def test_a_pause_of_the_job_does_not_end_in_a_burst(monkeypatch):
    monkeypatch.setattr(address_scan, "STEP_SECONDS", 0.02)
    began = []

    async def noting(*args):
        await args[2].turn()
        began.append(time.monotonic())
        return False

    monkeypatch.setattr(address_scan, "_accepts", noting)
    for step in one_by_one(scan(NETWORK, [1], rate=100)):
        if step.done < 5:
            time.sleep(0.1)  # the job writes down what it has
    assert min(last - first for first, last in zip(began, began[4:], strict=False)) > 0.02


# -- in steps ------------------------------------------------------------------------------------


def test_a_scan_says_how_far_it_is(monkeypatch):
    monkeypatch.setattr(address_scan, "STEP_SECONDS", 0.02)

    async def run():
        async with farm(*range(1, 15)) as seen:
            return [step async for step in scan(NETWORK, [seen.port], rate=100)]

    steps = asyncio.run(run())
    done = [step.done for step in steps]
    assert len(set(done)) >= 4 and done == sorted(done)
    assert {step.total for step in steps} == {14} and done[-1] == 14
    assert len([device for step in steps for device in step.found]) == 14


def test_what_is_found_while_a_step_is_worked_on_is_in_the_next(monkeypatch):
    monkeypatch.setattr(address_scan, "STEP_SECONDS", 0.01)

    async def run():
        found = []
        async with farm(*range(1, 15)) as seen:
            async for step in scan(NETWORK, [seen.port], rate=500):
                await asyncio.sleep(0.02)
                found += step.found
        return found

    assert len(asyncio.run(run())) == 14


def test_a_job_that_is_not_asynchronous_takes_the_steps_one_by_one():
    steps = list(one_by_one(scan(NETWORK, [1], rate=5000)))
    assert steps[-1].done == steps[-1].total == 14


def test_a_job_that_stops_early_leaves_nothing_running(monkeypatch):
    monkeypatch.setattr(address_scan, "STEP_SECONDS", 0.01)
    cancelled = []

    async def endless(*_):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(1)
            raise

    monkeypatch.setattr(address_scan, "_accepts", endless)
    steps = one_by_one(scan(NETWORK, [1], at_once=5))
    assert next(steps).done == 0
    steps.close()
    assert len(cancelled) == 5


def test_an_asynchronous_job_that_stops_early_leaves_nothing_running_either(monkeypatch, caplog):
    monkeypatch.setattr(address_scan, "STEP_SECONDS", 0.01)

    async def run():
        async with asyncio.timeout(5), contextlib.aclosing(scan(NETWORK, [1], rate=1)) as steps:
            await anext(steps)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(run()) == set()
    assert not caplog.records


def test_a_mistake_of_ours_ends_the_scan_and_is_not_kept_back(monkeypatch):
    async def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(address_scan, "_accepts", broken)
    with pytest.raises(ZeroDivisionError):
        list(one_by_one(scan(NETWORK, [1])))


# -- looking at what was found ---------------------------------------------------------------------


def test_what_was_found_is_completed_by_what_it_tells():
    async def run():
        async with server(lambda _, body: telling(body, "")) as seen:
            at = seen.address
            return await look(Found(at.host, at.port, name="Gate", endpoint="urn:1", model="Old"))

    device = asyncio.run(run())
    assert (device.endpoint, device.name) == ("urn:1", "Gate")
    assert (device.manufacturer, device.model, device.serial) == ("Nobody", "Model 1", "42")


def test_a_fresh_device_is_told_from_one_with_a_password_by_scan_and_by_probe():
    fleet = [
        camera(serial="1", host="127.0.77.3", fresh=True),
        camera(serial="2", host="127.0.77.4", tls=True),
        camera(serial="3", host="127.0.77.5", character=Character.OPEN),
    ]

    async def run():
        async with running_fleet(fleet, discovery_port=0) as running:
            ports = [running.address(spec.serial)[1] for spec in fleet]
            by_scan = await all_of(scan(NETWORK, ports, rate=5000, timeout=1))
            by_probe = await ws_discovery.probe(
                interface="127.0.0.1",
                within=[NETWORK],
                port=running.discovery.port,
                seconds=0.5,
            )
            return by_scan, await all_of(look_at(by_probe)), ports

    by_scan, by_probe, ports = asyncio.run(run())
    for found in (by_scan, by_probe):
        assert {(device.host, device.port, device.tls, device.fresh) for device in found} == {
            ("127.0.77.3", ports[0], False, True),
            ("127.0.77.4", ports[1], True, False),
            ("127.0.77.5", ports[2], False, False),
        }
    assert all(device.endpoint and device.mac for device in by_probe)


def test_what_does_not_answer_comes_back_as_it_was():
    for tls in (False, True):
        found = Found("127.0.77.3", 1, tls=tls, name="Gate", model="X")
        assert asyncio.run(look(found, 1)) == found


def test_many_are_looked_at_in_steps():
    async def run():
        async with farm(*range(1, 15)) as seen:
            found = [Found(f"127.0.77.{end}", seen.port) for end in range(1, 15)]
            return [step async for step in look_at(found, at_once=5)]

    steps = asyncio.run(run())
    assert steps[-1].done == steps[-1].total == 14
    assert {d.serial for step in steps for d in step.found} == {"42"}


def test_where_there_is_nothing_to_look_at_the_first_step_is_the_last():
    assert list(one_by_one(look_at([]))) == [address_scan.Step(0, 0, ())]
