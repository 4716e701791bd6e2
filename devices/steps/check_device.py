"""Does the stored password still open the device? Only a change of the answer is an event."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from devices.state import DeviceState
from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event

TROUBLES = {
    "unreachable": "it does not answer",
    "locked_out": "it has locked itself against logins for a while",
    "opens_to_anything": "it lets any password in, so a check proves nothing",
}


@event("devices.check_requested")
class CheckRequested(Event[DeviceState]):
    """{actor} asked whether the stored password opens the device."""

    def evolve(self, state: DeviceState) -> DeviceState:
        return state


@event("devices.device_certified")
class DeviceCertified(Event[DeviceState]):
    """The stored password opens the device."""

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(certified=True, trouble="")


@event("devices.device_not_certified")
class DeviceNotCertified(Event[DeviceState]):
    """The stored password does not open the device any more."""

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(certified=False, trouble="")


@event("devices.device_troubled")
class DeviceTroubled(Event[DeviceState]):
    """The device could not be asked: {words}."""

    trouble: str
    words: str

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(trouble=self.trouble)


@command(by=Role.TECHNICIAN)
class CheckDevice(Command[DeviceState]):
    """Ask the device whether the stored password opens it."""

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        yield CheckRequested()


@command(by=Role.JOB)
class RecordCheck(Command[DeviceState]):
    """Record the answer, if it is another than before."""

    opened: bool

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        if state.certified is not self.opened or state.trouble:
            yield DeviceCertified() if self.opened else DeviceNotCertified()


@command(by=Role.JOB)
class RecordTrouble(Command[DeviceState]):
    """Record that the device could not be asked, and why."""

    trouble: str

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        if state.trouble != self.trouble:
            words = TROUBLES.get(self.trouble, self.trouble.replace("_", " "))
            yield DeviceTroubled(self.trouble, words)
