"""Somebody knows the password that a device has by now and types it: it is tried, and kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from devices.state import DeviceState
from devices.steps.add_device import Reached
from devices.steps.remove_device import Holds, refuse_removed
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied


@event("devices.password_given")
class PasswordGiven(Event[DeviceState]):
    """{actor} typed the password that the device has; now it is tried."""

    username: str
    secret: UUID

    def evolve(self, state: DeviceState) -> DeviceState:
        return state


@event("devices.given_password_refused")
class GivenPasswordRefused(Event[DeviceState]):
    """The password that was typed does not open the device."""

    def evolve(self, state: DeviceState) -> DeviceState:
        return state


@command(by=Role.OPERATOR)
class GivePassword(Command[DeviceState]):
    """Type the password that the device has: it was changed by hand, or mistyped before."""

    password: str = asked("Password that the device has", secret=True, max_length=128)
    reached: Reached = supplied()
    holds: Holds = supplied()

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        refuse_removed(state)
        if not self.password:
            raise Refused("password_missing", "Type the account's password.", field="password")
        self.holds.refuse()
        assert self.reached.secret
        yield PasswordGiven(state.username, self.reached.secret)


@command(by=Role.JOB)
class RecordGivenRefused(Command[DeviceState]):
    """Record that the device did not take what was typed: whoever typed it waits for the answer."""

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        yield GivenPasswordRefused()
