"""Set Password: a factory-fresh device gets its first password, and comes to the fleet with it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from devices.passwords import PasswordRules
from devices.state import ONVIF_PATH, DeviceState, Kind
from devices.steps.add_device import Placed, added
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied


@event("devices.device_activated")
class DeviceActivated(Event[DeviceState]):
    """The device took its first password."""

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(fresh=False)


@command(by=Role.OPERATOR, creates=True)
class ActivateDevice(Command[DeviceState]):
    """Set the first password of a factory-fresh device, and add it."""

    site: UUID = asked("Site")
    kind: Kind = asked("What is it?", initial=Kind.CAMERA)
    name: str = asked("Name", help="What people call it, such as “Gate north”.")
    host: str = asked("Address", help="An IP address or a host name.")
    port: int = asked("Port", initial=80)
    reset_email: str = asked(
        "Reset Password Email",
        help="The mailbox that verification codes go to. Used for nothing else.",
        max_length=254,
    )
    username: str = asked("Account", initial="admin", default="admin", max_length=64)
    password: str = asked(
        "Password",
        help="Left empty, Rekey generates one for this device alone.",
        secret=True,
        default="",
        max_length=128,
    )
    nvr: UUID | None = asked("NVR", default=None)
    channel: int | None = asked("Channel", default=None)
    tls: bool = asked("HTTPS", help="The port above talks TLS.", default=False)
    path: str = asked("Path of the ONVIF service", default=ONVIF_PATH, initial=ONVIF_PATH)
    services: str = asked("Further services", help="Such as “recovery:8480”.", default="")
    serial: str = asked("Serial number", help="If known; else the device tells.", default="")
    mac: str = asked("MAC address", help="If known; else the device tells.", default="")
    placed: Placed = supplied()

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        if self.password and (no := PasswordRules().problem(self.password, self.username)):
            raise Refused("password_unfit", no, field="password")
        if not self.reset_email:
            raise Refused(
                "email_missing",
                "Name a Reset Password Email: without one no code can be sent later.",
                field="reset_email",
            )
        yield added(self, self.placed, fresh=True)


@command(by=Role.JOB)
class RecordActivated(Command[DeviceState]):
    """Record that the device took its first password."""

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        if state.fresh:
            yield DeviceActivated()
