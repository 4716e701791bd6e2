"""A broken device is replaced by a new one in the same place: the history of the place goes on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from devices.state import ONVIF_PATH, DeviceState
from devices.steps.add_device import Reached, check_address
from devices.steps.remove_device import Holds, refuse_removed
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied


@event("devices.device_replaced")
class DeviceReplaced(Event[DeviceState]):
    """{actor} replaced the device by a new one at {host}:{port}."""

    host: str
    port: int
    tls: bool
    path: str
    username: str
    secret: UUID
    management: UUID

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(
            host=self.host,
            port=self.port,
            tls=self.tls,
            path=self.path,
            username=self.username,
            pins=(),
            strange=(),
            services=(),
            channels=(),
            manufacturer="",
            model="",
            firmware="",
            serial="",
            mac="",
            max_password=None,
            keeps=None,
            certified=None,
            nvr_opens=None,
            managed=False,
            fresh=False,
            trouble="",
        )


@command(by=Role.OPERATOR)
class ReplaceDevice(Command[DeviceState]):
    """Put a new device in the place of a broken one."""

    host: str = asked("Address", help="An IP address or a host name.")
    port: int = asked("Port", initial=80)
    username: str = asked("Account", initial="admin", max_length=64)
    password: str = asked("Password", secret=True, max_length=128)
    tls: bool = asked("HTTPS", help="The port above talks TLS.", default=False)
    path: str = asked("Path of the ONVIF service", default=ONVIF_PATH, initial=ONVIF_PATH)
    reason: str = asked("Why is it replaced?", long=True, max_length=500, default="")
    reached: Reached = supplied()
    holds: Holds = supplied()

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        refuse_removed(state)
        check_address(self.host, self.port, self.path)
        if not self.username.strip():
            raise Refused("username_missing", "Name the account.", field="username")
        if not self.password:
            raise Refused("password_missing", "Type the account's password.", field="password")
        self.holds.refuse()
        assert self.reached.secret and self.reached.management
        yield DeviceReplaced(
            host=self.host,
            port=self.port,
            tls=self.tls,
            path=self.path,
            username=self.username.strip(),
            secret=self.reached.secret,
            management=self.reached.management,
        )
