"""A network is searched for devices: once, or again and again."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from devices.drivers.networks import CannotSearch, scan_range
from devices.state import Method, Repeat, ScanState, ScanStatus
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied

MOST_PORTS = 16


@dataclass(frozen=True)
class Ground:
    """The site that is searched, and its own networks."""

    organisation: UUID
    networks: tuple[str, ...]


@event("devices.scan_requested")
class ScanRequested(Event[ScanState]):
    """{actor} had {network} searched for devices."""

    organisation: UUID
    site: UUID
    method: Method
    network: str
    ports: tuple[int, ...]
    repeat: Repeat
    at: datetime

    def evolve(self, state: ScanState) -> ScanState:
        return state.but(
            organisation=self.organisation,
            site=self.site,
            method=self.method,
            network=self.network,
            ports=self.ports,
            repeat=self.repeat,
            status=ScanStatus.RUNNING,
            run=1,
            began_at=self.at,
        )


@event("devices.scan_repeated")
class ScanRepeated(Event[ScanState]):
    """The search of {network} began again."""

    network: str
    at: datetime

    def evolve(self, state: ScanState) -> ScanState:
        return state.but(
            status=ScanStatus.RUNNING, run=state.run + 1, began_at=self.at, ended_at=None, why=""
        )


@event("devices.scan_finished")
class ScanFinished(Event[ScanState]):
    """The search of {network} found {found} devices: {new} new, {changed} changed, {gone} gone."""

    network: str
    found: int
    new: int
    changed: int
    gone: int
    at: datetime
    next_at: datetime | None

    def evolve(self, state: ScanState) -> ScanState:
        return state.but(
            status=ScanStatus.FINISHED,
            found=self.found,
            new=self.new,
            changed=self.changed,
            gone=self.gone,
            ended_at=self.at,
            next_at=self.next_at,
        )


@event("devices.scan_failed")
class ScanFailed(Event[ScanState]):
    """The search of {network} failed: {why}"""

    network: str
    why: str
    at: datetime
    next_at: datetime | None

    def evolve(self, state: ScanState) -> ScanState:
        return state.but(
            status=ScanStatus.FAILED, why=self.why, ended_at=self.at, next_at=self.next_at
        )


@event("devices.scan_stopped")
class ScanStopped(Event[ScanState]):
    """{actor} stopped the search of {network}."""

    network: str

    def evolve(self, state: ScanState) -> ScanState:
        return state.but(status=ScanStatus.STOPPED, repeat=Repeat.NEVER, next_at=None)


@command(by=Role.OPERATOR, creates=True)
class RequestScan(Command[ScanState]):
    """Search a site's network for devices."""

    site: UUID = asked("Site")
    network: str = asked("Network", help="One of the site's own, or a part of it: 192.168.10.0/24.")
    method: Method = asked("How", initial=Method.WS_DISCOVERY, default=Method.WS_DISCOVERY)
    ports: str = asked(
        "Ports",
        help="For a scan of addresses: up to 16, such as “80 443 2020 8000-8003”.",
        default="80 443 2020 8080",
        initial="80 443 2020 8080",
    )
    repeat: Repeat = asked("Repeat", initial=Repeat.NEVER, default=Repeat.NEVER)
    ground: Ground = supplied()

    def decide(self, state: ScanState, now: datetime) -> Iterable[Event[ScanState]]:
        if not self.ground.networks:
            raise Refused(
                "site_without_networks",
                "This site has no networks of its own yet. Name them on the site's page first.",
                field="network",
            )
        try:
            network = scan_range(
                self.network.strip(), [ipaddress.ip_network(n) for n in self.ground.networks]
            )
        except CannotSearch as error:
            raise Refused(
                "network_refused", str(error), field="network", because=error.code
            ) from error
        yield ScanRequested(
            organisation=self.ground.organisation,
            site=self.site,
            method=self.method,
            network=str(network),
            ports=ports_in(self.ports) if self.method is Method.ADDRESS_SCAN else (),
            repeat=self.repeat,
            at=now,
        )


@command(by=Role.JOB)
class RepeatScan(Command[ScanState]):
    """Begin a scan again that is to be repeated and is due."""

    def decide(self, state: ScanState, now: datetime) -> Iterable[Event[ScanState]]:
        running = state.status in (ScanStatus.RUNNING, ScanStatus.STOPPED)
        if not running and state.next_at is not None and state.next_at <= now:
            yield ScanRepeated(state.network, now)


@command(by=Role.JOB)
class RecordScan(Command[ScanState]):
    """Record what a scan came to."""

    run: int
    found: int
    new: int
    changed: int
    gone: int

    def decide(self, state: ScanState, now: datetime) -> Iterable[Event[ScanState]]:
        if state.status is ScanStatus.RUNNING and state.run == self.run:
            yield ScanFinished(
                state.network, self.found, self.new, self.changed, self.gone,
                now, state.repeat.next(now),
            )  # fmt: skip


@command(by=Role.JOB)
class FailScan(Command[ScanState]):
    """Record that a scan could not be made, and why."""

    why: str

    def decide(self, state: ScanState, now: datetime) -> Iterable[Event[ScanState]]:
        if state.status is ScanStatus.RUNNING:
            yield ScanFailed(state.network, self.why, now, state.repeat.next(now))


@command(by=Role.OPERATOR)
class StopScan(Command[ScanState]):
    """Stop a scan, and do not repeat it any more."""

    @classmethod
    def offered(cls, state: ScanState, now: datetime) -> bool:
        return state.status is ScanStatus.RUNNING or state.next_at is not None

    def decide(self, state: ScanState, now: datetime) -> Iterable[Event[ScanState]]:
        if self.offered(state, now):
            yield ScanStopped(state.network)


def ports_in(text: str) -> tuple[int, ...]:
    """`80 443 8000-8003` as ports, each once. Raises Refused."""
    ports: list[int] = []
    for word in text.replace(",", " ").split():
        match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", word)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= 65535:
            raise Refused(
                "ports_wrong", f"“{word[:20]}” is no port from 1 to 65535.", field="ports"
            )
        ports += range(first, min(last, first + MOST_PORTS) + 1)
    unique = tuple(dict.fromkeys(ports))
    if not 1 <= len(unique) <= MOST_PORTS:
        raise Refused("ports_wrong", f"Name 1 to {MOST_PORTS} ports.", field="ports")
    return unique
