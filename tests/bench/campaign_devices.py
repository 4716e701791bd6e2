"""What a bench of campaigns does at its devices by itself: before, beside and after a campaign."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar
from uuid import UUID

import aiohttp

from devices.drivers.base import Address, Login
from devices.drivers.errors import DeviceError
from devices.drivers.onvif import Onvif
from devices.virtual import Character, DeviceSpec
from tests.bench.bare_campaign import all_calls

MANAGEMENT = "rekey"
T = TypeVar("T")


def known(spec: DeviceSpec, account: str) -> str:
    """The password of an account before the campaign."""
    return spec.password if account == "admin" else f"Own-{spec.serial}-account"


async def each(
    some: Iterable[T], at_once: int, do: Callable[[T], Coroutine[Any, Any, None]]
) -> None:
    """Do it for all of them, so many at a time."""
    waiting = iter(some)

    async def go_on() -> None:
        for one in waiting:
            await do(one)

    await asyncio.gather(*(go_on() for _ in range(at_once)))


async def managed(spec: DeviceSpec) -> None:
    """Put Rekey's account on a device. Dead and locked ones are left without it: nobody gets as far
    as to miss it.
    """
    if spec.character & (Character.DEAD | Character.LOCKED):
        return
    device = Onvif(Address(spec.host, spec.port, path=spec.path))
    own = Login(MANAGEMENT, known(spec, MANAGEMENT))
    try:
        await device.create_account(Login("admin", spec.password), own)
    except DeviceError as error:
        raise AssertionError(f"{spec.name}: {error.code}") from error


async def bare(specs: list[DeviceSpec], at_once: int) -> None:
    """All the calls of a campaign, and nothing else."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    ) as session:

        async def one(spec: DeviceSpec) -> None:
            await all_calls(session, spec, (MANAGEMENT, known(spec, MANAGEMENT)))

        await each(specs, at_once, one)


async def opens(control: int, devices: dict[UUID, DeviceSpec], new: dict[UUID, str]) -> list[str]:
    """The devices that do not open with the one password they should have, or with another."""
    wrong: list[str] = []
    async with aiohttp.ClientSession() as session:

        async def opens(spec: DeviceSpec, password: str) -> bool:
            url = f"http://127.0.0.1:{control}/devices/{spec.serial}/opens"
            login = {"username": "admin", "password": password}
            async with session.post(url, json=login) as answer:
                return bool((await answer.json())["opens"])

        async def one(item: tuple[UUID, DeviceSpec]) -> None:
            pk, spec = item
            by_new = pk in new and await opens(spec, new[pk])
            if by_new is not (pk in new) or await opens(spec, spec.password) is by_new:
                wrong.append(spec.name)

        await each(devices.items(), 8, one)
    return wrong
