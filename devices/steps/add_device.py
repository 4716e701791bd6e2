"""A device is added to the fleet. Whether its password opens it is found out afterwards."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from devices import mailbox
from devices.drivers.base import Service
from devices.state import ONVIF_PATH, SERVICES, DeviceState, Kind
from fleet.accounts.state import Role
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from fleet.names import named

# RFC 1123 §2.1. One way to match only: with optional dots it took years over sixty letters.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
LONGEST_HOST = 253
_PATH = re.compile(r"/[!-~]{0,199}")
_SERVICE = re.compile(r"(?P<name>[a-z_]{1,20})(?::(?P<port>\d{1,5}))?(?P<tls>\+tls|\+plain)?")
MOST_CHANNELS = 256  # the largest NVRs on the market have 128


@dataclass(frozen=True)
class Placed:
    """Where a new device comes to stand; its password's id in the vault."""

    organisation: UUID
    secret: UUID


@dataclass(frozen=True)
class Reached:
    """That Rekey may talk to the address that a command names; ids in the vault: of the password
    that it names, and of one for Rekey's own account there.
    """

    secret: UUID | None = None
    management: UUID | None = None


def _plain_onvif(fields: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 knew plain HTTP at ONVIF's usual path alone."""
    newer = {"tls": False, "path": ONVIF_PATH, "services": [], "serial": "", "mac": ""}
    return {**fields, **newer, "fresh": False}


@event("devices.device_added", schema=2, upcast={1: _plain_onvif})
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
    tls: bool
    path: str
    services: tuple[Service, ...]
    serial: str
    mac: str
    fresh: bool

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
            tls=self.tls,
            path=self.path,
            services=self.services,
            serial=self.serial,
            mac=self.mac,
            fresh=self.fresh,
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
    tls: bool = asked("HTTPS", help="The port above talks TLS.", default=False)
    path: str = asked("Path of the ONVIF service", default=ONVIF_PATH, initial=ONVIF_PATH)
    services: str = asked(
        "Further services",
        help="Such as “rtsp:554 vigi_nvr:20443”. RTSP is found out by itself on most devices.",
        default="",
    )
    serial: str = asked("Serial number", help="If known; else the device tells.", default="")
    mac: str = asked("MAC address", help="If known; else the device tells.", default="")
    placed: Placed = supplied()

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        if not self.password:
            raise Refused("password_missing", "Type the account's password.", field="password")
        yield added(self, self.placed, fresh=False)


class Placing(Protocol):
    """What a command says of a device that comes to the fleet."""

    @property
    def site(self) -> UUID: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def name(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def username(self) -> str: ...
    @property
    def reset_email(self) -> str: ...
    @property
    def nvr(self) -> UUID | None: ...
    @property
    def channel(self) -> int | None: ...
    @property
    def tls(self) -> bool: ...
    @property
    def path(self) -> str: ...
    @property
    def services(self) -> str: ...
    @property
    def serial(self) -> str: ...
    @property
    def mac(self) -> str: ...


def added(asked: Placing, placed: Placed, *, fresh: bool) -> DeviceAdded:
    """The event, if nothing about the device is wrong. Raises Refused."""
    name = named(asked.name, "device")
    check_address(asked.host, asked.port, asked.path)
    if not asked.username.strip():
        raise Refused("username_missing", "Name the account.", field="username")
    check_channel(asked.kind, asked.nvr, asked.channel)
    return DeviceAdded(
        organisation=placed.organisation,
        site=asked.site,
        kind=asked.kind,
        name=name,
        host=asked.host,
        port=asked.port,
        driver="onvif",
        username=asked.username.strip(),
        secret=placed.secret,
        reset_email=mailbox.checked(asked.reset_email) if asked.reset_email else "",
        nvr=asked.nvr,
        channel=asked.channel,
        tls=asked.tls,
        path=asked.path,
        services=services_in(asked.services),
        serial=asked.serial.strip(),
        mac=mac_in(asked.mac),
        fresh=fresh,
    )


def check_address(host: str, port: int, path: str) -> None:
    """Raises Refused for what is no address of a service."""
    if not is_host(host):
        raise Refused(
            "host_wrong", "Give an IP address or a host name, without http://.", field="host"
        )
    if not 1 <= port <= 65535:
        raise Refused("port_wrong", "A port is a number from 1 to 65535.", field="port")
    if not _PATH.fullmatch(path):
        raise Refused("path_wrong", "A path begins with / and has no spaces.", field="path")


def check_channel(kind: Kind, nvr: UUID | None, channel: int | None) -> None:
    """Raises Refused for half a place, or one that there is not."""
    if (nvr is None) != (channel is None):
        raise Refused("channel_wrong", "Give both the NVR and its channel.", field="channel")
    if channel is not None and not 1 <= channel <= MOST_CHANNELS:
        raise Refused("channel_wrong", f"Channels go from 1 to {MOST_CHANNELS}.", field="channel")
    if nvr is not None and kind is Kind.NVR:
        raise Refused("nvr_on_nvr", "An NVR has no channel on another one.", field="nvr")


def services_in(text: str) -> tuple[Service, ...]:
    """`rtsp:554 vigi_nvr:20443`, with +tls or +plain behind a port that is other than usual.

    Raises Refused.
    """
    found: dict[str, Service] = {}
    for word in text.replace(",", " ").split():
        match = _SERVICE.fullmatch(word)
        usual = SERVICES.get(match["name"]) if match else None
        port = int(match["port"] or (usual.port if usual else 0)) if match else 0
        if match is None or usual is None or usual.driver in found or not 1 <= port <= 65535:
            raise Refused(
                "services_wrong",
                f"“{word}” is no service. Use each of {', '.join(SERVICES)} once at most,"
                " with its port: rtsp:554.",
                field="services",
            )
        tls = {"+tls": True, "+plain": False}.get(match["tls"] or "", usual.tls)
        found[usual.driver] = Service(usual.driver, port, tls)
    return tuple(found[name] for name in sorted(found))


def services_text(services: Iterable[Service]) -> str:
    """What `services_in` reads."""
    return " ".join(
        f"{s.driver}:{s.port}"
        + ("" if s.tls == SERVICES[s.driver].tls else "+tls" if s.tls else "+plain")
        for s in services
    )


def taken(field: str, name: str) -> Conflict:
    """The answer to a serial number or a MAC address that another device has."""
    if field == "serial":
        return Conflict("serial_taken", f"{name} has this serial number already.", field="serial")
    return Conflict("mac_taken", f"{name} has this MAC address already.", field="mac")


def mac_in(text: str) -> str:
    """A MAC address as AA:BB:CC:DD:EE:FF, or "" for none. Raises Refused."""
    digits = re.sub(r"[-:.\s]", "", text).upper()
    if digits and not re.fullmatch("[0-9A-F]{12}", digits):
        raise Refused("mac_wrong", "A MAC address has twelve digits, 0 to F.", field="mac")
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))


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
