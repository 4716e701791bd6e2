"""What scans come upon: seen, changed, gone, back; and what people want to hear no more of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from devices.state import DiscoveredState
from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event


@dataclass(frozen=True)
class Sighting:
    """A device as a scan saw it. See `drivers.found.Found`."""

    key: str
    host: str
    port: int
    tls: bool
    path: str
    name: str
    manufacturer: str
    model: str
    serial: str
    mac: str
    fresh: bool | None


@event("devices.device_discovered")
class DeviceDiscovered(Event[DiscoveredState]):
    """A scan found {what} at {where}."""

    organisation: UUID
    site: UUID
    what: str
    where: str
    sighting: Sighting

    def evolve(self, state: DiscoveredState) -> DiscoveredState:
        return _seen(state.but(organisation=self.organisation, site=self.site), self.sighting)


@event("devices.discovered_changed")
class DiscoveredChanged(Event[DiscoveredState]):
    """A scan found {what} changed: it is at {where}."""

    what: str
    where: str
    sighting: Sighting

    def evolve(self, state: DiscoveredState) -> DiscoveredState:
        return _seen(state, self.sighting)


@event("devices.discovered_gone")
class DiscoveredGone(Event[DiscoveredState]):
    """A scan did not find {what} any more."""

    what: str

    def evolve(self, state: DiscoveredState) -> DiscoveredState:
        return state.but(gone=True)


@event("devices.discovered_ignored")
class DiscoveredIgnored(Event[DiscoveredState]):
    """{actor} wants to hear no more of {what}."""

    what: str

    def evolve(self, state: DiscoveredState) -> DiscoveredState:
        return state.but(ignored=True)


@event("devices.discovered_heeded")
class DiscoveredHeeded(Event[DiscoveredState]):
    """{actor} wants to hear of {what} again."""

    what: str

    def evolve(self, state: DiscoveredState) -> DiscoveredState:
        return state.but(ignored=False)


@command(by=Role.JOB, creates=True)
class RecordDiscovered(Command[DiscoveredState]):
    """Record something that no scan of this site has found before."""

    organisation: UUID
    site: UUID
    seen: Sighting

    def decide(self, state: DiscoveredState, now: datetime) -> Iterable[Event[DiscoveredState]]:
        yield DeviceDiscovered(
            self.organisation, self.site, _what(self.seen), _where(self.seen), self.seen
        )


@command(by=Role.JOB)
class RecordSighting(Command[DiscoveredState]):
    """Record how something looks now that was found before, if that has changed."""

    seen: Sighting

    def decide(self, state: DiscoveredState, now: datetime) -> Iterable[Event[DiscoveredState]]:
        if _seen(state, self.seen) != state:
            yield DiscoveredChanged(_what(self.seen), _where(self.seen), self.seen)


@command(by=Role.JOB)
class RecordGone(Command[DiscoveredState]):
    """Record that it was not found where it should be."""

    def decide(self, state: DiscoveredState, now: datetime) -> Iterable[Event[DiscoveredState]]:
        if not state.gone:
            yield DiscoveredGone(_what(state))


@command(by=Role.OPERATOR)
class IgnoreDiscovered(Command[DiscoveredState]):
    """Hear no more of a discovered device."""

    @classmethod
    def offered(cls, state: DiscoveredState, now: datetime) -> bool:
        return not state.ignored

    def decide(self, state: DiscoveredState, now: datetime) -> Iterable[Event[DiscoveredState]]:
        if not state.ignored:
            yield DiscoveredIgnored(_what(state))


@command(by=Role.OPERATOR)
class HeedDiscovered(Command[DiscoveredState]):
    """Hear of an ignored device again."""

    @classmethod
    def offered(cls, state: DiscoveredState, now: datetime) -> bool:
        return state.ignored

    def decide(self, state: DiscoveredState, now: datetime) -> Iterable[Event[DiscoveredState]]:
        if state.ignored:
            yield DiscoveredHeeded(_what(state))


def _seen(state: DiscoveredState, at: Sighting) -> DiscoveredState:
    """What a device did not say this time is still what it said before."""
    return state.but(
        key=at.key,
        host=at.host,
        port=at.port,
        tls=at.tls,
        path=at.path,
        name=at.name or state.name,
        manufacturer=at.manufacturer or state.manufacturer,
        model=at.model or state.model,
        serial=at.serial or state.serial,
        mac=at.mac or state.mac,
        fresh=state.fresh if at.fresh is None else at.fresh,
        gone=False,
    )


def _what(it: Sighting | DiscoveredState) -> str:
    return it.model or it.name or "a device"


def _where(it: Sighting) -> str:
    return f"{it.host}:{it.port}"
