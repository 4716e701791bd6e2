"""A device is added to the fleet. Whether its password opens it is found out afterwards."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from devices.state import DeviceState, Kind
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied

# RFC 1123 §2.1. One way to match only: with optional dots it took years over sixty letters.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
LONGEST_HOST = 253
_EMAIL = re.compile(r"[^@\s<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
MOST_CHANNELS = 256  # the largest NVRs on the market have 128


@dataclass(frozen=True)
class Placed:
    """Where a new device comes to stand; its password's id in the vault."""

    organisation: UUID
    secret: UUID


@event("devices.device_added")
class DeviceAdded(Event[DeviceState]):
    """{actor} added {name} to the fleet."""

    organisation: UUID
    site: UUID
    kind: Kind
    name: str
    host: str
    port: int
    driver: str
    username: str
    secret: UUID
    reset_email: str
    nvr: UUID | None
    channel: int | None

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(
            organisation=self.organisation,
            site=self.site,
            subject=state.id,
            kind=self.kind,
            name=self.name,
            host=self.host,
            port=self.port,
            driver=self.driver,
            username=self.username,
            reset_email=self.reset_email,
            nvr=self.nvr,
            channel=self.channel,
        )


@command(by=Role.OPERATOR, creates=True)
class AddDevice(Command[DeviceState]):
    """Add a device whose address and password are known."""

    site: UUID = asked("Site")
    kind: Kind = asked("What is it?", initial=Kind.CAMERA)
    name: str = asked("Name", help="What people call it, such as “Gate north”.")
    host: str = asked("Address", help="An IP address or a host name.")
    port: int = asked("Port", initial=80)
    username: str = asked("Account", initial="admin", max_length=64)
    password: str = asked("Password", secret=True, max_length=128)
    reset_email: str = asked(
        "Reset Password Email",
        help="The mailbox that verification codes go to. Used for nothing else.",
        default="",
        max_length=254,
    )
    nvr: UUID | None = asked("NVR", default=None)
    channel: int | None = asked("Channel", default=None)
    placed: Placed = supplied()

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        if not self.name.strip():
            raise Refused("name_missing", "Give the device a name.", field="name")
        if not is_host(self.host):
            raise Refused(
                "host_wrong", "Give an IP address or a host name, without http://.", field="host"
            )
        if not 1 <= self.port <= 65535:
            raise Refused("port_wrong", "A port is a number from 1 to 65535.", field="port")
        if not self.username.strip():
            raise Refused("username_missing", "Name the account.", field="username")
        if not self.password:
            raise Refused("password_missing", "Type the account's password.", field="password")
        if self.reset_email and not _EMAIL.fullmatch(self.reset_email):
            raise Refused(
                "email_wrong", "Use a form such as name@example.com.", field="reset_email"
            )
        if (self.nvr is None) != (self.channel is None):
            raise Refused("channel_wrong", "Give both the NVR and its channel.", field="channel")
        if self.channel is not None and not 1 <= self.channel <= MOST_CHANNELS:
            raise Refused(
                "channel_wrong", f"Channels go from 1 to {MOST_CHANNELS}.", field="channel"
            )
        if self.nvr is not None and self.kind is Kind.NVR:
            raise Refused("nvr_on_nvr", "An NVR has no channel on another one.", field="nvr")
        yield DeviceAdded(
            organisation=self.placed.organisation,
            site=self.site,
            kind=self.kind,
            name=self.name.strip(),
            host=self.host,
            port=self.port,
            driver="onvif",
            username=self.username.strip(),
            secret=self.placed.secret,
            reset_email=self.reset_email,
            nvr=self.nvr,
            channel=self.channel,
        )


def is_host(text: str) -> bool:
    """An IP address or a host name. An address with a zone (`%eth0`) means something else on every
    machine, and nothing stands in the way of what follows the sign: it is none.
    """
    if len(text) > LONGEST_HOST or "%" in text:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return bool(_HOST.fullmatch(text)) and not text.replace(".", "").isdigit()
    return True
