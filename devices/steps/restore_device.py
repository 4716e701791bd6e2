"""A device of the fleet is found as it left the factory: restored by its button, or by itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from devices.state import DeviceState
from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event


@event("devices.device_restored")
class DeviceRestored(Event[DeviceState]):
    """The device is as it left the factory: no password is set, and Rekey's account is gone."""

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(fresh=True, managed=False, certified=None, trouble="")


@command(by=Role.JOB)
class RecordRestored(Command[DeviceState]):
    """Record that the device has no password any more."""

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        if not state.fresh:
            yield DeviceRestored()
