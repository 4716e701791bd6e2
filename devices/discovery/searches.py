"""A scan at work: searching the network, and what follows for what was discovered there."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from django.conf import settings

from devices.drivers import address_scan, ws_discovery
from devices.drivers.address_scan import Step
from devices.drivers.found import Found
from devices.drivers.networks import (
    CannotSearch,
    Interface,
    Network,
    NoSuchInterface,
    own_interfaces,
)
from devices.models import Device, Discovered, ScanProgress
from devices.state import Method, ScanState, ScanStatus, discovered_id
from devices.steps.discover import RecordDiscovered, RecordGone, RecordSighting, Sighting
from devices.steps.scan_network import (
    FailScan,
    RecordScan,
    RepeatScan,
    ScanFailed,
    ScanFinished,
    ScanRepeated,
    ScanRequested,
)
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import reaction

PROBE_SECONDS = 3.0


class Stopped(Exception):
    """Somebody has stopped the scan."""


@reaction(ScanRequested, ScanRepeated, urgent=True, at_site=True)
def search_network(recorded: Recorded) -> None:
    """Search, and record what is new, changed and gone. A run that comes back begins anew."""
    scan = state_of(ScanState, recorded.stream)
    if scan.status is not ScanStatus.RUNNING:
        return
    by = recorded.because("search the network")
    try:
        seen = _searched(scan)
    except CannotSearch as error:
        handle(FailScan(str(error)), scan.id, by)
    except Stopped:
        return
    else:
        outcome = _outcome(scan, seen)
        done = RecordScan(
            scan.run, len(seen), len(outcome.new), len(outcome.changed), len(outcome.gone)
        )
        orders = [*outcome.new, *outcome.same, *outcome.changed, *outcome.gone]
        handle_all([*orders, Order(done, scan.id)], by)


@reaction(ScanFinished, ScanFailed, due=lambda event: event.next_at or event.at)
def repeat_scan(recorded: Recorded) -> None:
    """Begin again when it is time, unless it was stopped meanwhile."""
    handle(RepeatScan(), recorded.stream, recorded.because("repeat the search"))


# --- searching ------------------------------------------------------------------------------------


def _searched(scan: ScanState) -> list[Found]:
    """Raises CannotSearch, Stopped."""
    network = ipaddress.ip_network(scan.network)
    if scan.method is Method.ADDRESS_SCAN:
        return _followed(scan, address_scan.scan(network, scan.ports), 0)
    at = _interface_on(network)
    found = asyncio.run(
        ws_discovery.probe(
            interface=str(at.address),
            within=[network],
            port=settings.REKEY_DISCOVERY_PORT,
            seconds=PROBE_SECONDS,
        )
    )
    return _followed(scan, address_scan.look_at(found), len(found))


def _followed(scan: ScanState, steps: AsyncIterator[Step], found: int) -> list[Found]:
    """Write down how far it is, about once a second, and stop when somebody says so."""
    seen: list[Found] = []
    for step in address_scan.one_by_one(steps):
        seen += step.found
        ScanProgress.objects.update_or_create(
            scan=scan.id,
            defaults={"done": step.done, "total": step.total, "found": max(found, len(seen))},
        )
        if state_of(ScanState, scan.id).status is ScanStatus.STOPPED:
            raise Stopped
    return seen


def _interface_on(network: Network) -> Interface:
    """Multicast goes out by one interface: one that is on the network."""
    for interface in own_interfaces():
        if network.version == 4 and interface.network.overlaps(network):
            return interface
    raise NoSuchInterface(
        "This machine has no interface on this network, so WS-Discovery does not get there."
        " Scan its addresses instead."
    )


# --- what follows ---------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What is to be recorded. `same`: known, and perhaps a little different."""

    new: list[Order]
    same: list[Order]
    changed: list[Order]
    gone: list[Order]


def _outcome(scan: ScanState, seen: Sequence[Found]) -> Outcome:
    assert scan.organisation and scan.site
    known = _Known(Discovered.objects.for_jobs().filter(site=scan.site), scan.site)
    ours = _Known(
        Device.objects.for_jobs().filter(organisation=scan.organisation, removed=False), scan.site
    )
    outcome, met = Outcome([], [], [], []), set[UUID]()
    for found in seen:
        sighting = _sighting(found)
        row = known.same(found)
        stream = row.pk if row else discovered_id(scan.site, found.key)
        if stream in met:
            continue  # it has several addresses, and told one key at all of them
        met.add(stream)
        if row is None:
            order = Order(RecordDiscovered(scan.organisation, scan.site, sighting), stream)
            device = ours.same(found)
            away = device is not None and device.site == scan.site and not _at(device, found)
            where = outcome.new if device is None else outcome.changed if away else outcome.same
            where.append(order)
        else:
            moved = not _at(row, found) or row.gone
            order = Order(RecordSighting(sighting), stream)
            (outcome.changed if moved else outcome.same).append(order)
    for row in known.rows:
        if row.pk not in met and not row.gone and _covers(scan, row):
            outcome.gone.append(Order(RecordGone(), row.pk))
    return outcome


R = TypeVar("R", Discovered, Device)


class _Known(Generic[R]):
    """Rows that something found may be: by its endpoint, serial number or MAC, else its address."""

    def __init__(self, rows: Iterable[R], site: UUID) -> None:
        self.rows: list[R] = list(rows)
        self._by: dict[str, dict[str, R]] = {
            name: {getattr(row, name): row for row in self.rows if getattr(row, name, "")}
            for name in ("key", "serial", "mac")
        }
        self._at: dict[tuple[str, int], R] = {
            (row.host, row.port): row for row in self.rows if row.site == site
        }

    def same(self, found: Found) -> R | None:
        told = {"key": found.key, "serial": found.serial, "mac": found.mac}
        for name, value in told.items():
            if value and (row := self._by[name].get(value)):
                return row
        there = self._at.get((found.host, found.port))
        if there is None:
            return None
        # Another device has come to this address, if it says that it is another one.
        other = any(
            value and getattr(there, name, "") and getattr(there, name) != value
            for name, value in told.items()
            if name != "key"
        )
        return None if other else there


def _at(row: Discovered | Device, found: Found) -> bool:
    return (row.host, row.port) == (found.host, found.port)


def _covers(scan: ScanState, row: Discovered) -> bool:
    """Whether the scan would have come upon it."""
    try:
        inside = ipaddress.ip_address(row.host) in ipaddress.ip_network(scan.network)
    except ValueError:
        return False
    if scan.method is Method.ADDRESS_SCAN:
        return inside and row.port in scan.ports
    return inside and row.key.startswith(("urn:", "uuid:"))


def _sighting(found: Found) -> Sighting:
    return Sighting(
        found.key, found.host, found.port, found.tls, found.path, found.name,
        found.manufacturer, found.model, found.serial, found.mac, found.fresh,
    )  # fmt: skip
