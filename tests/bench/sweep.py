"""A sweep over 10,000 virtual devices that answer after 50 ms with a 401 and then 200, against the
same calls from a bare asynchronous client at the same concurrency.

The devices are one process of their own; on two cores it takes one of them.
"""

from __future__ import annotations

import asyncio
import os
import re
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5, sha256
from pathlib import Path

import aiohttp
from django.utils import timezone

from devices import asking, sweep, vault
from devices.drivers import onvif_messages, soap
from devices.models import LoginTries, Telemetry
from devices.state import Kind, Purpose, credential_id
from devices.steps.add_device import AddDevice
from devices.steps.check_device import RecordCheck
from devices.steps.credential import BeginCredential, PromoteCandidate
from devices.virtual import DeviceSpec
from devices.virtual.scenario_file import read
from fleet import open_files
from fleet.eventstore.handling import Order, handle_all
from fleet.eventstore.ids import new_id
from tests.bench import world
from tests.bench.measure import Contestant, report, take_turns
from tests.cast import SETUP
from tests.services import free_port

SIZES = (1000, 3000, 10_000)
SCENARIO = """
size = {size}
seed = 1
layout = "addresses"
[all]
delay = 0.05
[auth]
"http-digest md5" = 0.5
"http-digest sha256" = 0.5
"""
ASK = soap.envelope(onvif_messages.GET_DEVICE_INFORMATION)
HEADERS = {"Content-Type": "application/soap+xml; charset=utf-8"}


@contextmanager
def virtual_fleet(scenario: Path) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "virtual_fleet", "--scenario", str(scenario),
         "--control-port", str(free_port()), "--discovery-port", "0"],
        env=os.environ, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    try:
        for line in process.stdout:
            if "ready" in line:
                break
        yield
    finally:
        process.terminate()
        process.wait(30)


def run(rounds: int) -> None:
    open_files.as_many_as_may_be()
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            scenario = Path(folder) / "load.toml"
            scenario.write_text(SCENARIO.format(size=size))
            specs = read(scenario)
            with virtual_fleet(scenario):
                _one_size(specs, min(rounds, 3))


def _one_size(specs: list[DeviceSpec], rounds: int) -> None:
    LoginTries.objects.all().delete()
    Telemetry.objects.all().delete()
    began = time.perf_counter()
    ids = taken_in(specs)
    print(f"\n{len(specs)} devices put there in {time.perf_counter() - began:.1f} s")
    sweep._begin_telemetry()

    def ours(count: int) -> None:
        Telemetry.objects.filter(device__in=ids).update(next_at=timezone.now())
        asked = 0
        while asked < count:
            now = sweep.sweep(sweep.BATCH)
            assert now, f"{asked} of {count} asked"
            asked += now
        wrong = Telemetry.objects.filter(device__in=ids).exclude(online=True).count()
        assert not wrong, f"{wrong} did not answer"

    results = take_turns(
        [
            Contestant("sweep", ours, len(specs)),
            Contestant("bare client", lambda count: asyncio.run(bare(specs)), len(specs)),
        ],
        rounds,
    )
    report(
        f"sweep of {len(specs)} devices, {asking.AT_ONCE} at once"
        f" (limit {asking.AT_ONCE / 0.1:,.0f}/s)",
        "sweep", results, {"bare client": 0.6},
    )  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  elapsed {len(specs) / results['sweep'].rate:.1f} s; peak memory {peak:.0f} MB")
    Telemetry.objects.filter(device__in=ids).delete()


def taken_in(specs: list[DeviceSpec]) -> list[object]:
    """The devices as if workers had taken them in."""
    by = world.alice()
    organisation, site = by.actor.grants[0].organisation, new_id()
    from devices.steps.open_site import OpenSite

    handle_all([Order(OpenSite(organisation, f"Yard {len(specs)}"), site)], SETUP)
    made: list[object] = []
    for at in range(0, len(specs), 1000):
        orders, promotions = [], []
        for spec in specs[at : at + 1000]:
            device = new_id()
            account = credential_id(device, "admin")
            made.append(device)
            add = AddDevice(
                site, Kind.CAMERA, spec.name, spec.host, spec.port, "admin", "Unused-1-x"
            )
            secret = vault.put(device, spec.password)
            orders.append(Order(add, device))
            promotions += [
                Order(
                    BeginCredential(organisation, site, device, "admin", Purpose.DEVICE, secret),
                    account,
                ),
                Order(PromoteCandidate(secret), account),
                Order(RecordCheck(True), device),
            ]
        handle_all(orders, SETUP)
        for part in (0, 1, 2):
            handle_all(promotions[part::3], SETUP)
    return made


async def bare(specs: list[DeviceSpec]) -> None:
    """Each device asked without a login, then with one; what comes back is not looked at."""
    waiting = iter(specs)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=5),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:

        async def go_on() -> None:
            for spec in waiting:
                url = f"http://{spec.host}:{spec.port}{spec.path}"
                async with session.post(url, data=ASK, headers=HEADERS) as refused:
                    await refused.read()
                    assert refused.status == 401
                    challenge = refused.headers["WWW-Authenticate"]
                headers = HEADERS | {"Authorization": answered(challenge, spec)}
                async with session.post(url, data=ASK, headers=headers) as let_in:
                    await let_in.read()
                    assert let_in.status == 200, let_in.status

        await asyncio.gather(*(go_on() for _ in range(asking.AT_ONCE)))


def answered(challenge: str, spec: DeviceSpec) -> str:
    given = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge.partition(" ")[2]))
    algorithm = given.get("algorithm", "MD5")
    make = sha256 if algorithm == "SHA-256" else md5

    def h(text: str) -> str:
        return make(text.encode()).hexdigest()

    cnonce = secrets.token_hex(8)
    a1, a2 = h(f"admin:{given['realm']}:{spec.password}"), h(f"POST:{spec.path}")
    response = h(f"{a1}:{given['nonce']}:00000001:{cnonce}:auth:{a2}")
    return (
        f'Digest username="admin", realm="{given["realm"]}", nonce="{given["nonce"]}",'
        f' uri="{spec.path}", algorithm={algorithm}, qop=auth, nc=00000001, cnonce="{cnonce}",'
        f' response="{response}"'
    )
