"""From an empty site to certified devices: one scan of the network, one call that adds all that it
found, and workers that take them in. With 500, 1,000 and 3,000, to show that it grows in line.
"""

from __future__ import annotations

import ipaddress
import resource
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

from django.db import connection

from devices import reactions
from devices.discovery import additions, searches
from devices.models import Device, Discovered
from devices.state import Method
from devices.steps.add_device import DeviceAdded
from devices.steps.open_site import OpenSite
from devices.steps.scan_network import RequestScan, ScanRequested
from devices.steps.site_networks import SetNetworks
from devices.virtual import DeviceSpec
from devices.virtual.scenario_file import read
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow
from fleet.eventstore.store import read_one
from tests.bench import world
from tests.bench.sweep import virtual_fleet
from tests.cast import SETUP

SIZES = (500, 1000, 3000)
JOBS_AT_ONCE = 4  # as two workers have
PASSWORD = "The-same-everywhere-1"
SCENARIO = """
size = {size}
seed = 2
layout = "addresses"
[all]
password = "{password}"
"""


def run(rounds: int) -> None:
    print("\nscan, add in bulk, take in")
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            scenario = Path(folder) / "yard.toml"
            scenario.write_text(SCENARIO.format(size=size, password=PASSWORD))
            with virtual_fleet(scenario):
                _one_size(size, read(scenario))


def _one_size(size: int, specs: list[DeviceSpec]) -> None:
    by, site = world.alice(), new_id()
    [port] = {spec.port for spec in specs}
    network = _around([ipaddress.IPv4Address(spec.host) for spec in specs])
    handle(OpenSite(by.actor.grants[0].organisation, f"Yard {size}", "UTC"), site, SETUP)
    handle(SetNetworks(str(network)), site, by)
    handle(RequestScan(site, str(network), Method.ADDRESS_SCAN, str(port)), new_id(), by)
    scanned = _timed(lambda: _react(searches.search_network, ScanRequested, site))
    rows = Discovered.objects.for_jobs().filter(site=site)
    ids = list(rows.values_list("pk", flat=True))
    assert len(ids) == size, f"{len(ids)} of {size} found"
    added = _timed(lambda: _add(ids, by))
    taken = _timed(lambda: _react(reactions.take_in_device, DeviceAdded, site))
    well = Device.objects.for_jobs().filter(site=site, certified=True, managed=True)
    assert well.count() == size, f"{well.count()} of {size} certified"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"  {size:>6,}: scan of {network} {scanned:6.1f} s · add {added:6.2f} s"
        f" ({added / size * 1e3:.2f} ms each) · take in {taken:6.1f} s"
        f" ({taken / size * 1e3:.1f} ms each) · peak {peak:.0f} MB"
    )


def _around(hosts: list[ipaddress.IPv4Address]) -> ipaddress.IPv4Network:
    """The smallest network that holds all of them."""
    for prefix in range(30, 19, -1):
        network = ipaddress.IPv4Network(f"{min(hosts)}/{prefix}", strict=False)
        if max(hosts) in network:
            return network
    raise AssertionError("they are further apart than a scan goes")


def _add(ids: list[UUID], by: object) -> None:
    for at in range(0, len(ids), additions.MOST):
        some = ids[at : at + additions.MOST]
        additions.add_found(some, "admin", PASSWORD, "owner@example.com", by)  # type: ignore[arg-type]


def _react(reaction: object, event: type, site: UUID) -> None:
    """What workers do, without the broker."""
    positions = list(
        EventRow.everything.filter(type=event.tag, site=site).values_list("position", flat=True)
    )

    def one(position: int) -> None:
        try:
            reaction(read_one(position))  # type: ignore[operator]
        finally:
            connection.close()

    with ThreadPoolExecutor(JOBS_AT_ONCE) as pool:
        list(pool.map(one, positions))


def _timed(what: object) -> float:
    began = time.perf_counter()
    what()  # type: ignore[operator]
    return time.perf_counter() - began
