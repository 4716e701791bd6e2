"""Looking for devices address by address, and asking what was found what it is. Never a login.

Both run in steps: an asynchronous job takes them as they come, a synchronous one with
``one_by_one``, and between two steps does with them what may take a moment, such as writing down.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

from devices.drivers import onvif_messages, reach, soap
from devices.drivers.base import Address
from devices.drivers.errors import DeviceError, OutOfFiles
from devices.drivers.found import Found
from devices.drivers.http import certificate_of, post
from devices.drivers.networks import Network
from devices.drivers.onvif import Onvif

MOST_PORTS = 16
STEP_SECONDS = 1.0
"""How often a search says how far it is."""

_LATE = 0.01  # seconds that a turn may be late by itself, and the next one come the sooner
_TLS_PORTS = (443, 8443)
_DATE_AND_TIME = soap.envelope(onvif_messages.GET_SYSTEM_DATE_AND_TIME)
_HEADERS = {"Content-Type": "application/soap+xml; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Step:
    """How far a search is: ``done`` of ``total``, and what was found since the step before."""

    done: int
    total: int
    found: tuple[Found, ...]


def scan(
    network: Network,
    ports: Sequence[int],
    *,
    rate: float = 200,
    at_once: int = 400,
    timeout: float = 2.0,
) -> AsyncIterator[Step]:
    """Connect to every address and port, and ask what accepts for ONVIF, over HTTP and HTTPS.

    ``rate``: connections begun in a second (a machine's table of neighbours holds about 1,000 that
    do not answer, each for three seconds); ``at_once``: addresses asked at the same time;
    ``timeout`` in seconds for each exchange. Addresses that ``reach`` forbids are left out. The
    network's size is for ``networks.scan_range`` to bound. Raises ValueError over 16 ports.
    """
    if not 1 <= len(ports) <= MOST_PORTS:
        raise ValueError(f"1 to {MOST_PORTS} ports")
    pace = _Pace(rate)
    hosts = _hosts(network)

    def at(host: str, port: int) -> Callable[[], Awaitable[Found | None]]:
        return lambda: _find(host, port, pace, timeout)

    # Port by port, so that no host is asked at all its ports at once.
    jobs = (at(host, port) for port in ports for host in spread(hosts))
    return _in_steps(jobs, len(hosts) * len(ports), at_once)


def look_at(
    found: Sequence[Found], *, at_once: int = 64, timeout: float = 5.0
) -> AsyncIterator[Step]:
    """``look`` at each of these; a step's ``found`` are those that it is through with."""

    def at(device: Found) -> Callable[[], Awaitable[Found | None]]:
        return lambda: look(device, timeout)

    return _in_steps(map(at, found), len(found), at_once)


async def look(found: Found, timeout: float = 5.0) -> Found:
    """Complete what was found by what it tells without a login: its identity, and if it is fresh.

    ``timeout`` in seconds for each exchange. What does not answer comes back as it was.
    """
    try:
        return await _complete(found, await _address(found, timeout), timeout)
    except DeviceError:
        return found


def one_by_one(steps: AsyncIterator[Step]) -> Iterator[Step]:
    """The steps for a job that is not asynchronous. The search stands still between two of them."""
    with asyncio.Runner() as runner:
        while (step := runner.run(_next(steps))) is not None:
            yield step


def spread(hosts: Sequence[str]) -> Iterator[str]:
    """Each of ``hosts`` once, neighbours far apart: by steps of about a golden ratio of them."""
    count = len(hosts)
    stride = next(n for n in range(int(count * 0.618), count + 2) if math.gcd(n, count) == 1)
    return (hosts[index * stride % count] for index in range(count))


async def _find(host: str, port: int, pace: "_Pace", timeout: float) -> Found | None:
    if reach.current().problem(host, port) or not await _accepts(host, port, pace, timeout):
        return None
    for tls in (port in _TLS_PORTS, port not in _TLS_PORTS):
        with suppress(DeviceError):
            return await _ask(Found(host, port, tls), pace, timeout)
    return None


async def _accepts(host: str, port: int, pace: "_Pace", timeout: float) -> bool:
    await pace.turn()
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, port)
    except OSError as error:  # TimeoutError is one of them
        OutOfFiles.if_so(error)
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


async def _ask(found: Found, pace: "_Pace", timeout: float) -> Found:
    """Raises DeviceError where nobody answers the one question that ONVIF answers to anybody."""
    if found.tls:
        await pace.turn()
    address = await _address(found, timeout)
    await pace.turn()
    answer = await post(address, _DATE_AND_TIME, _HEADERS, timeout=timeout)
    soap.read(answer, "GetSystemDateAndTime")
    return await _complete(found, address, timeout)  # over the same connection


async def _address(found: Found, timeout: float) -> Address:
    """Where to ask. Over TLS with its own certificate pinned, whose it is being unknown as yet."""
    address = Address(found.host, found.port, found.tls, found.path)
    return replace(address, pin=await certificate_of(address, timeout)) if found.tls else address


async def _complete(found: Found, address: Address, timeout: float) -> Found:
    driver = Onvif(address, timeout)
    with suppress(DeviceError):
        found = replace(found, fresh=await driver.is_fresh())
    with suppress(DeviceError):
        told = await driver.identify()
        found = replace(
            found,
            manufacturer=told.manufacturer,
            model=told.model or found.model,
            serial=told.serial,
            mac=told.mac or found.mac,
        )
    return found


def _hosts(network: Network) -> list[str]:
    """All addresses but those of the network itself and of all its hosts."""
    hosts: Iterable[IPv4Address | IPv6Address] = network.hosts()
    return [str(host) for host in hosts]


class _Pace:
    """Turns at a rate. Time that was lost is not made up for, or a pause would end in a burst."""

    def __init__(self, rate: float) -> None:
        self._apart = 1 / rate
        self._next = 0.0
        self._queue = asyncio.Lock()

    async def turn(self) -> None:
        loop = asyncio.get_running_loop()
        async with self._queue:
            if (early := self._next - loop.time()) > 0:
                await asyncio.sleep(early)
            self._next = max(self._next, loop.time() - _LATE) + self._apart


async def _in_steps(
    jobs: Iterable[Callable[[], Awaitable[Found | None]]], total: int, at_once: int
) -> AsyncIterator[Step]:
    left = iter(jobs)
    done = 0
    found: list[Found] = []

    async def work() -> None:
        nonlocal done
        for job in left:
            device = await job()
            done += 1
            if device is not None:
                found.append(device)

    workers = {asyncio.create_task(work()) for _ in range(max(1, min(at_once, total)))}
    working = workers
    try:
        while working:
            ended, working = await asyncio.wait(
                working, timeout=STEP_SECONDS, return_when=asyncio.FIRST_EXCEPTION
            )
            for worker in ended:
                worker.result()
            told, found = tuple(found), []
            yield Step(done, total, told)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def _next(steps: AsyncIterator[Step]) -> Step | None:
    return await anext(steps, None)
