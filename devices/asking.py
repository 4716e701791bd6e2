"""Many devices asked at the same time what a sweep wants to know. Nothing is kept here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from devices.drivers.base import Address, Channel, Login, Service
from devices.drivers.errors import DeviceError, OutOfFiles, Unreachable
from devices.drivers.registry import driver
from devices.models import Device

AT_ONCE = 100
STEP = 1.0  # seconds
TIMEOUT = 10.0  # seconds for each exchange
LONGEST = 60.0  # seconds for a device


@dataclass(frozen=True)
class Plan:
    """What one device is asked. Without a login, only whether it is there.

    `channels`: the service to ask for an NVR's channels. Each time leaves the recorder with a
    session for half an hour, and it has room for few.
    """

    device: Device
    login: Login | None
    channels: Service | None = None

    @property
    def address(self) -> Address:
        d = self.device
        pin = next((p["certificate"] for p in d.pins if p["port"] == d.port), "")
        return Address(d.host, d.port, d.tls, d.path, pin)


@dataclass(frozen=True)
class Heard:
    """What came of it. `opened` None: no login was tried, or it was not judged. `asked` False: this
    process could not open a connection, and that says nothing of the device.
    """

    plan: Plan
    opened: bool | None
    milliseconds: int
    error: DeviceError | None = None
    channels: tuple[Channel, ...] | None = None
    asked: bool = True

    @property
    def online(self) -> bool:
        return not isinstance(self.error, Unreachable)


async def ask_all(plans: Iterable[Plan], at_once: int = AT_ONCE) -> AsyncIterator[list[Heard]]:
    """Ask all of them, so many at the same time; tells about every second of those that are done.

    So nobody waits for a device because another one of the same sweep is slow.
    """
    waiting = iter(plans)
    heard: list[Heard] = []

    async def go_on() -> None:
        for plan in waiting:
            heard.append(await _ask(plan))

    going = [asyncio.create_task(go_on()) for _ in range(at_once)]
    try:
        pending = set(going)
        while pending:
            done, pending = await asyncio.wait(pending, timeout=STEP)
            for one in done:
                one.result()  # an error of ours is not kept quiet
            told, heard[:] = list(heard), []
            yield told  # nothing, too: so that the leases are renewed meanwhile
    finally:
        for one in going:
            one.cancel()


async def _ask(plan: Plan) -> Heard:
    begun = time.perf_counter()
    opened: bool | None = None
    error: DeviceError | None = None
    channels: tuple[Channel, ...] | None = None
    asked = True
    device = driver(plan.device.driver, plan.address, TIMEOUT)
    try:
        async with asyncio.timeout(LONGEST):
            if plan.login is None:
                await device.is_there()
            elif opened := await device.check(plan.login):
                channels = await _channels(plan)
    except TimeoutError:
        error = Unreachable("The device takes too long.")
    except DeviceError as problem:
        error = problem
    except OutOfFiles:
        asked = False
    return Heard(plan, opened, int((time.perf_counter() - begun) * 1000), error, channels, asked)


async def _channels(plan: Plan) -> tuple[Channel, ...] | None:
    service = plan.channels
    if service is None or plan.login is None:
        return None
    pin = next((p["certificate"] for p in plan.device.pins if p["port"] == service.port), "")
    if service.tls and not pin:
        return None
    address = Address(plan.device.host, service.port, service.tls, pin=pin)
    try:
        return await driver(service.driver, address, TIMEOUT).channels(plan.login)
    except (DeviceError, OutOfFiles):
        return None  # the device itself opens; its next look says what is wrong with this
