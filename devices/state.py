"""Sites, devices and their credentials, as their events leave them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from devices.drivers.base import Service
from fleet.eventstore.messages import State, state

KEPT = 5  # superseded passwords a credential remembers
ONVIF_PATH = "/onvif/device_service"

# The further protocols of a device: a driver's name, its usual port, and whether it talks TLS.
SERVICES = {
    "rtsp": Service("rtsp", 554),
    "vigi_nvr": Service("vigi_nvr", 20443, tls=True),
    "vigi_local": Service("vigi_local", 443, tls=True),
    "vigi_recorder": Service("vigi_recorder", 443, tls=True),
    "recovery": Service("recovery", 8480),
}


class Kind(StrEnum):
    """What a device is."""

    NVR = "nvr"
    CAMERA = "camera"


class Purpose(StrEnum):
    """Whose account on a device a credential is for."""

    DEVICE = "device"  # the account that people sign in with, whose password gets lost
    MANAGEMENT = "management"  # Rekey's own administrator account
    RECOVERY = "recovery"  # no account: the key that the device checks codes with, in base64


@state("site")
class SiteState(State):
    name: str = ""
    timezone: str = "UTC"
    networks: tuple[str, ...] = ()
    closed: bool = False


@dataclass(frozen=True)
class Pin:
    """The certificate that a port has to show: SHA-256 in hex."""

    port: int
    certificate: str


@dataclass(frozen=True)
class ChannelFacts:
    """What an NVR says of one of its channels; whether it is online comes and goes."""

    number: int
    name: str
    host: str
    mac: str


@state("device")
class DeviceState(State):
    """A device in the fleet. `certified` is None until it has been tried; `nvr_opens` is whether
    the password that its NVR has of it still opens it, None where nobody knows. `strange` are
    certificates that it showed in place of the pinned ones, and that nobody has accepted yet.
    `keeps` is how many characters of a password it was found to keep, whatever it says.
    """

    kind: Kind = Kind.CAMERA
    name: str = ""
    host: str = ""
    port: int = 80
    tls: bool = False
    path: str = ONVIF_PATH
    services: tuple[Service, ...] = ()
    pins: tuple[Pin, ...] = ()
    strange: tuple[Pin, ...] = ()
    driver: str = "onvif"
    username: str = "admin"
    reset_email: str = ""
    nvr: UUID | None = None
    channel: int | None = None
    nvr_opens: bool | None = None
    channels: tuple[ChannelFacts, ...] = ()
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    mac: str = ""
    max_password: int | None = None
    keeps: int | None = None
    certified: bool | None = None
    managed: bool = False
    trouble: str = ""
    fresh: bool = False
    removed: bool = False


@state("credential")
class CredentialState(State):
    """The passwords of one account on one device, as ids in the vault.

    A password is a candidate before the device hears of it, current once it is proven, superseded
    when the next one is; the last five stay, newest first.
    """

    username: str = ""
    purpose: Purpose = Purpose.DEVICE
    candidate: UUID | None = None
    current: UUID | None = None
    superseded: tuple[UUID, ...] = ()

    @property
    def known(self) -> tuple[UUID, ...]:
        """Every password that may open the device, the likeliest first."""
        return tuple(s for s in (self.candidate, self.current, *self.superseded) if s)

    def remembering(self, secret: UUID | None) -> tuple[UUID, ...]:
        return ((secret, *self.superseded) if secret else self.superseded)[:KEPT]


def credential_id(device: UUID, username: str) -> UUID:
    """The stream of an account's credential: known from the device and the account alone."""
    return uuid5(device, f"credential {username}")


class Method(StrEnum):
    """How a network is searched."""

    WS_DISCOVERY = "ws_discovery"
    ADDRESS_SCAN = "address_scan"


class Repeat(StrEnum):
    """How often a scan is repeated."""

    NEVER = "never"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"

    def next(self, now: datetime) -> datetime | None:
        """When it is due again."""
        hours = {Repeat.HOURLY: 1, Repeat.DAILY: 24, Repeat.WEEKLY: 168}.get(self)
        return now + timedelta(hours=hours) if hours else None


class ScanStatus(StrEnum):
    """Where a scan stands."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"


@state("scan")
class ScanState(State):
    """A search of a network, and its repetitions. `run` counts them."""

    method: Method = Method.WS_DISCOVERY
    network: str = ""
    ports: tuple[int, ...] = ()
    repeat: Repeat = Repeat.NEVER
    status: ScanStatus = ScanStatus.RUNNING
    run: int = 0
    found: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    why: str = ""
    began_at: datetime | None = None
    ended_at: datetime | None = None
    next_at: datetime | None = None


@state("discovered")
class DiscoveredState(State):
    """Something that a scan came upon. `fresh`: it has no password yet; None: nobody knows."""

    key: str = ""
    host: str = ""
    port: int = 80
    tls: bool = False
    path: str = ONVIF_PATH
    name: str = ""
    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    mac: str = ""
    fresh: bool | None = None
    gone: bool = False
    ignored: bool = False


def discovered_id(site: UUID, key: str) -> UUID:
    """The stream of what was discovered: known from the site and what it is known by."""
    return uuid5(site, f"discovered {key}")
