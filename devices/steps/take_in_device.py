"""What Rekey finds out when it first talks to an added device, and its own account there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from devices.drivers.base import Service
from devices.state import ChannelFacts, DeviceState
from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event


def _without_mac(fields: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 had no MAC address."""
    return {**fields, "mac": ""}


@event("devices.device_identified", schema=2, upcast={1: _without_mac})
class DeviceIdentified(Event[DeviceState]):
    """The device says that it is a {manufacturer} {model}, firmware {firmware}."""

    manufacturer: str
    model: str
    firmware: str
    serial: str
    max_password: int | None
    mac: str

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(
            manufacturer=self.manufacturer,
            model=self.model,
            firmware=self.firmware,
            serial=self.serial,
            max_password=min(filter(None, (self.max_password, state.keeps)), default=None),
            mac=self.mac or state.mac,
        )


@event("devices.management_account_made")
class ManagementAccountMade(Event[DeviceState]):
    """Rekey has an administrator account of its own on the device: {username}."""

    username: str

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(managed=True)


@command(by=Role.JOB)
class RecordIdentity(Command[DeviceState]):
    """Record what the device says it is."""

    found: DeviceIdentified

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        if self.found.evolve(state) != state:
            yield self.found


@command(by=Role.JOB)
class RecordManagementAccount(Command[DeviceState]):
    """Record that Rekey's own account is on the device."""

    username: str

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        if not state.managed:
            yield ManagementAccountMade(self.username)


@event("devices.services_found")
class ServicesFound(Event[DeviceState]):
    """The device says what further services it has: {words}."""

    services: tuple[Service, ...]
    words: str

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(services=self.services)


@command(by=Role.JOB)
class RecordServices(Command[DeviceState]):
    """Record services that the device names; what people have said of one stays."""

    services: tuple[Service, ...]

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        known = {service.driver for service in state.services}
        new = tuple(service for service in self.services if service.driver not in known)
        if new:
            words = ", ".join(f"{service.driver} at port {service.port}" for service in new)
            both = sorted((*state.services, *new), key=lambda service: service.driver)
            yield ServicesFound(tuple(both), words)


@event("devices.channels_read")
class ChannelsRead(Event[DeviceState]):
    """The NVR has cameras on {count} channels."""

    count: int
    channels: tuple[ChannelFacts, ...]

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(channels=self.channels)


@command(by=Role.JOB)
class RecordChannels(Command[DeviceState]):
    """Record what is on an NVR's channels, if it is other than before."""

    channels: tuple[ChannelFacts, ...]

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        if self.channels != state.channels:
            yield ChannelsRead(len(self.channels), self.channels)


@event("devices.longest_password_found")
class LongestPasswordFound(Event[DeviceState]):
    """The device keeps {length} characters of a password, and drops the rest without a word."""

    length: int

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(max_password=self.length, keeps=self.length)


@command(by=Role.JOB)
class RecordLongest(Command[DeviceState]):
    """Record how many characters of a password the device keeps, whatever it says."""

    length: int

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        if state.max_password != self.length:
            yield LongestPasswordFound(self.length)
