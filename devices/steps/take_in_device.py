"""What Rekey finds out when it first talks to an added device, and its own account there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from devices.state import DeviceState
from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event


@event("devices.device_identified")
class DeviceIdentified(Event[DeviceState]):
    """The device says that it is a {manufacturer} {model}, firmware {firmware}."""

    manufacturer: str
    model: str
    firmware: str
    serial: str
    max_password: int | None

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(
            manufacturer=self.manufacturer,
            model=self.model,
            firmware=self.firmware,
            serial=self.serial,
            max_password=self.max_password,
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
        told = self.found
        known = (state.manufacturer, state.model, state.firmware, state.serial, state.max_password)
        if known != (told.manufacturer, told.model, told.firmware, told.serial, told.max_password):
            yield told


@command(by=Role.JOB)
class RecordManagementAccount(Command[DeviceState]):
    """Record that Rekey's own account is on the device."""

    username: str

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        if not state.managed:
            yield ManagementAccountMade(self.username)
