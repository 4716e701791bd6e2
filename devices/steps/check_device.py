"""Does the stored password still open the device? Only a change of the answer is an event."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from devices.state import DeviceState
from devices.steps.remove_device import refuse_removed
from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event

TROUBLES = {
    "unreachable": "it does not answer",
    "certificate_changed": "it shows another certificate than before",
    "tries_spent": "Rekey keeps its last login try",
    "factory_fresh": "it has no password yet",
    "vault_locked": "Rekey cannot read its password: the vault's master key is another one",
    "vault_altered": "its password in the vault was altered",
    "vault_forgotten": "its password is not in the vault any more",
    "forbidden_address": "Rekey does not talk to its address",
    "locked_out": "it has locked itself against logins for a while",
    "opens_to_anything": "it lets any password in, so a check proves nothing",
    "not_supported": "it does not offer the service that Rekey asks",
    "busy": "it is busy and has no time to answer",
    "bad_answer": "its answer cannot be understood",
    "not_authorised": "it refused the login",
    "clock_refused": "it refused the time of the login: its clock is wrong",
    "password_refused": "it refused the password that Rekey chose",  # nosec B105 - words
    "account_limit": "it has no room for another account",
    "recovery_locked": "it takes no codes for a while, since too many were wrong",
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
    """The stored password does not open the device."""

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
        refuse_removed(state)
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


@event("devices.nvr_let_in")
class NvrLetIn(Event[DeviceState]):
    """The password that its NVR has opens the camera."""

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(nvr_opens=True)


@event("devices.nvr_shut_out")
class NvrShutOut(Event[DeviceState]):
    """The NVR does not open the camera any more, though it answers: not certified there."""

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(nvr_opens=False)


@command(by=Role.JOB)
class RecordNvrOpens(Command[DeviceState]):
    """Record whether the camera's NVR opens it, if that is another answer than before."""

    opens: bool

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        if state.nvr is not None and state.nvr_opens is not self.opens:
            yield NvrLetIn() if self.opens else NvrShutOut()
