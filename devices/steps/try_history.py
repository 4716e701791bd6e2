"""Which of the earlier passwords still opens the device? Asked when the stored one does not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from devices.state import DeviceState
from devices.steps.remove_device import refuse_removed
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, command, event


@event("devices.history_requested")
class HistoryRequested(Event[DeviceState]):
    """{actor} asked which of the earlier passwords opens the device."""

    def evolve(self, state: DeviceState) -> DeviceState:
        return state


@event("devices.history_tried")
class HistoryTried(Event[DeviceState]):
    """None of the {tried} earlier passwords opens the device."""

    tried: int

    def told(self, actor: str) -> str:
        if not self.tried:
            return "There are no earlier passwords to try."
        if self.tried == 1:
            return "The one earlier password does not open the device."
        return super().told(actor)

    def evolve(self, state: DeviceState) -> DeviceState:
        return state


@command(by=Role.TECHNICIAN)
class TryHistory(Command[DeviceState]):
    """Try the earlier passwords of a device that is not certified, within its login tries."""

    @classmethod
    def offered(cls, state: DeviceState, now: datetime) -> bool:
        return state.certified is False and not state.removed

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        refuse_removed(state)
        if state.certified:
            raise Refused("certified_already", "The stored password opens the device already.")
        yield HistoryRequested()


@command(by=Role.JOB)
class RecordHistoryTried(Command[DeviceState]):
    """Record that no earlier password was found to open the device."""

    tried: int

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        yield HistoryTried(self.tried)
