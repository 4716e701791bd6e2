"""A run with one seed repeats to the byte."""

import asyncio
from dataclasses import replace
from pathlib import Path

from devices.virtual import DeviceSpec, Fleet, running_fleet
from devices.virtual.discovery import answer_to
from devices.virtual.scenario_file import read
from tests.devices.drivers.made_up import Time
from tests.devices.virtual.asking import asking, authorization, signed, user
from tests.devices.virtual.test_virtual_hosts import exchange, posted

WORD = "New-0123456789-words"  # fixed, since every byte counts here; opens nothing of anybody's


def specs(seed: int) -> list[DeviceSpec]:
    """Every bad device that is there to answer, on any free ports."""
    return [
        replace(spec, delay=0, flapping=0, restart_seconds=0)
        for spec in read(Path("bad_devices"), seed=seed, port_base=0)
        if "dead" not in spec.character.names and not spec.tls
    ]


async def conversation(fleet: Fleet, spec: DeviceSpec) -> list[bytes]:
    """The same for every device: some right, some wrong, over all of its plain doors."""
    serial, answers = spec.serial, []
    created = "2026-09-21T14:13:20Z"  # Time's own
    for turn, word in enumerate((spec.password, "wrong", spec.password)):
        for operation, content in (
            ("GetSystemDateAndTime", ""),
            ("GetDeviceInformation", ""),
            ("GetUsers", ""),
            ("SetUser", user("admin", WORD)),
        ):
            nonce = f"{turn} {operation}".encode()
            body = asking(operation, signed("admin", word, nonce, created), content)
            first = await exchange(fleet, serial, posted(body, path=spec.path))
            answers.append(first)
            if b"WWW-Authenticate" in first:
                challenge = first.partition(b"WWW-Authenticate: ")[2].partition(b"\r\n")[0].decode()
                header = f"Authorization: {authorization(challenge, spec.path, word)}"
                answers.append(await exchange(fleet, serial, posted(body, header, path=spec.path)))
    for service in spec.services:
        if not service.tls and service.name != "rtsp":
            answers.append(await exchange(fleet, serial, posted(b"{}", path="/"), service.name))
    await fleet.reboot(serial)
    answers.append(await exchange(fleet, serial, posted(asking("GetUsers"), path=spec.path)))
    device = fleet.device(serial)
    device.ports = dict.fromkeys(device.ports, 1)  # any free ones are not the seed's
    answers.append(answer_to(device, "1", frozenset()) or b"")
    answers.append(fleet.certificate_of(device).encode())
    return answers


def played(seed: int) -> dict[str, list[bytes]]:
    async def run() -> dict[str, list[bytes]]:
        async with running_fleet(specs(seed), now=Time()) as fleet:
            return {
                host.device.spec.name: await conversation(fleet, host.device.spec)
                for host in fleet.hosts.values()
            }

    return asyncio.run(run())


def test_the_same_requests_get_the_same_bytes():
    first, second, other = played(1), played(1), played(2)
    assert len(first) > 30
    for name, answers in first.items():
        assert answers == second[name], name
        assert answers != other[name], name
    assert sum(len(answers) for answers in first.values()) > 400
