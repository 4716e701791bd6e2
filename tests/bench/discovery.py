"""Finding 500 devices: by one probe, and by a scan of the /23 that they are in.

The devices are made up, in a process of their own: each listens at an address of loopback, answers
ONVIF, and answers a probe after up to half a second, as WS-Discovery wants it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import resource
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

from aiohttp import web

from devices.drivers import reach, ws_discovery
from devices.drivers.address_scan import look_at, one_by_one, scan
from devices.drivers.found import Found
from tests.devices.drivers.made_up import IDENTITY, envelope, fault
from tests.devices.drivers.responder import answer_to, match, responder

NETWORK = ip_network("127.0.60.0/23")
DEVICES = [str(host) for host in NETWORK.hosts()][:500]
APP_MAX_DELAY = 0.5
TIME = envelope(
    "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime/></tds:GetSystemDateAndTimeResponse>"
)


async def _answer(request: web.BaseRequest) -> web.Response:
    body = await request.text()
    if "GetSystemDateAndTime" in body:
        return web.Response(text=TIME)
    if "GetDeviceInformation" in body:
        return web.Response(text=IDENTITY)
    return web.Response(status=400, text=fault("Sender", "NotAuthorized"))


def _devices(pipe: Any) -> None:
    async def live() -> None:
        handling = web.Server(_answer, access_log=None)
        with socket.socket() as free:
            free.bind((DEVICES[0], 0))
            port = free.getsockname()[1]
        await asyncio.get_running_loop().create_server(handling, DEVICES, port, backlog=8)
        loop = asyncio.get_running_loop()

        def in_a_while(probe: str) -> list[Any]:
            for number, host in enumerate(DEVICES):
                xml = match(f"http://{host}:{port}/onvif/device_service", f"urn:uuid:{number}")
                loop.call_later(random.uniform(0, APP_MAX_DELAY), say, host, answer_to(probe, xml))
            return []

        async with responder(in_a_while) as heard:
            say = heard.say
            pipe.send((port, heard.port))
            await loop.run_in_executor(None, pipe.recv)

    asyncio.run(live())


@contextmanager
def five_hundred() -> Iterator[tuple[int, int]]:
    """The port of the devices' services, and that of their WS-Discovery."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_devices, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("enough")
        process.join(10)


def run(rounds: int) -> None:
    before = reach.current()
    reach.configure(allowed=["127.0.0.0/8"])
    try:
        with five_hundred() as (port, discovery):
            print(f"\nDiscovery of {len(DEVICES)} devices in {NETWORK}; median of {rounds} rounds")
            found: list[Found] = []
            _row("one probe, 3 s", rounds, lambda: _probe(discovery, 3.0, found))
            _row("asking each what it is", rounds, lambda: _all(look_at(found)))
            for rate in (200, 1000, 10_000):
                _row(
                    f"scan of {NETWORK.num_addresses - 2} addresses, {rate}/s",
                    rounds,
                    lambda rate=rate: _all(scan(NETWORK, [port], rate=rate)),
                )
    finally:
        reach.configure(map(str, before.allowed), before.own_ports)
    print(f"  peak of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB")


def _probe(port: int, seconds: float, found: list[Found]) -> int:
    found[:] = asyncio.run(
        ws_discovery.probe(interface="127.0.0.1", within=[NETWORK], port=port, seconds=seconds)
    )
    return len(found)


def _all(steps: Any) -> int:
    return sum(1 for step in one_by_one(steps) for device in step.found if device.serial)


def _row(name: str, rounds: int, search: Callable[[], int]) -> None:
    walls, processors, counts = [], [], set()
    for _ in range(rounds):
        wall, processor = time.perf_counter(), time.process_time()
        counts.add(search())
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    print(
        f"  {name:<34}{statistics.median(walls):>7.2f} s ({min(walls):.2f}–{max(walls):.2f})"
        f"  {statistics.median(processors):>5.2f} s CPU  found {sorted(counts)}"
    )
