"""A device leaves the fleet. Its history and its passwords stay: it may still hang on a wall."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from devices.state import DeviceState
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied


@dataclass(frozen=True)
class Holds:
    """What stands against taking a device away or moving it: sentences, from whoever works on it.

    `channels` is how many cameras are on an NVR's channels.
    """

    reasons: tuple[str, ...] = ()
    channels: int = 0

    def refuse(self) -> None:
        """Raises Refused."""
        if self.reasons:
            raise Refused("device_busy", self.reasons[0])


@event("devices.device_removed")
class DeviceRemoved(Event[DeviceState]):
    """{actor} removed {name} from the fleet."""

    name: str

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(removed=True, nvr=None, channel=None, nvr_opens=None)


@command(by=Role.OPERATOR)
class RemoveDevice(Command[DeviceState]):
    """Remove a device from the fleet. Its history and its passwords are kept."""

    reason: str = asked("Why is it removed?", long=True, max_length=500)
    holds: Holds = supplied()

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        refuse_removed(state)
        if not self.reason.strip():
            raise Refused("reason_missing", "Say why; it stands in the history.", field="reason")
        self.holds.refuse()
        if self.holds.channels:
            many = self.holds.channels
            raise Refused(
                "nvr_has_cameras",
                f"{many} {'camera is' if many == 1 else 'cameras are'} on its channels."
                " Take them off it first, or remove them together with it.",
            )
        yield DeviceRemoved(state.name)


def refuse_removed(state: DeviceState) -> None:
    """Raises Refused for a device that is not in the fleet any more."""
    if state.removed:
        raise Refused(
            "device_removed", "This device was removed from the fleet. Add it again to go on."
        )
