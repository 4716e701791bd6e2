"""What a device's page says of its safety: login tries, certificates, earlier passwords, ways back.

Only looked up; nothing here talks to a device, spends a try or decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from devices import lock_outs
from devices.drivers.base import Ability, Service
from devices.drivers.registry import abilities_of
from devices.models import Device, LoginTries, Secret, Telemetry
from devices.state import Purpose
from devices.steps.add_device import DeviceAdded
from devices.steps.check_device import (
    CheckRequested,
    DeviceCertified,
    DeviceNotCertified,
    DeviceTroubled,
)
from devices.steps.credential import CandidatePromoted
from devices.steps.replace_device import DeviceReplaced
from devices.steps.try_history import HistoryRequested
from fleet.eventstore.messages import Actor
from fleet.eventstore.models import EventRow

# --- login tries ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class LoginBudget:
    """How many wrong logins of an account Rekey may still send; the device's last try is not among
    them. `again`: when all of them are back, None if none is spent. `locked_until`: the device
    refuses every login until then.
    """

    username: str
    left: int
    most: int
    again: datetime | None = None
    locked_until: datetime | None = None

    @property
    def waits_until(self) -> datetime | None:
        """From when on a login may be tried; None: now."""
        return self.locked_until or (self.again if self.left == 0 else None)


def login_budget(actor: Actor, device: Any) -> LoginBudget:
    """As `tries.Tries` counts, for the account that people sign in with."""
    seen = Device.objects.visible_to(actor).filter(pk=device.pk).values("pk")
    row = LoginTries.objects.filter(device__in=seen, username=device.username).first()
    known, now = lock_outs.of(device.manufacturer, device.kind), timezone.now()
    most = known.doubtful
    if row is None:
        return LoginBudget(device.username, most, most)
    again = row.failed_at + timedelta(seconds=known.forgets) if row.failed_at else None
    failed = row.failed if again and again > now else 0
    locked = row.locked_until if row.locked_until and row.locked_until > now else None
    return LoginBudget(
        device.username, max(0, most - failed), most, again if failed else None, locked
    )


# --- its password ---------------------------------------------------------------------------------


def is_shared(device: Any, accounts: Iterable[Any]) -> bool:
    """Whether the password that people sign in with was given to other devices too."""
    own = [a.current for a in accounts if a.username == device.username and a.current]
    return Secret.objects.filter(pk__in=own, shared=True).exists()


# --- when it was heard ----------------------------------------------------------------------------

_ASKED = [
    one.tag
    for one in (
        DeviceAdded,
        DeviceReplaced,
        CheckRequested,
        HistoryRequested,
        DeviceCertified,
        DeviceNotCertified,
        DeviceTroubled,
        CandidatePromoted,  # a password is only promoted by a proof
    )
]


def last_asked(actor: Actor, device: Any, heard: Telemetry | None) -> datetime | None:
    """When Rekey last asked the device for anything: somebody's look, a proof, or the sweep."""
    told = (
        EventRow.objects.visible_to(actor)
        .filter(subject=device.pk, type__in=_ASKED)
        .order_by("-position")
        .values_list("at", flat=True)
        .first()
    )
    return max(filter(None, (told, heard and heard.asked_at)), default=None)


# --- certificates ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Certificate:
    """A certificate of one port: SHA-256 in hex. `pinned` "": it is the pinned one itself."""

    port: int
    certificate: str
    pinned: str = ""

    @property
    def grouped(self) -> str:
        return in_groups(self.certificate)

    @property
    def pinned_grouped(self) -> str:
        return in_groups(self.pinned)


def in_groups(digits: str) -> str:
    """Fours, for people to compare: "9f86 d081 …"."""
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))


def pinned(device: Any) -> list[Certificate]:
    """What each port that talks TLS has to show."""
    return [Certificate(pin["port"], pin["certificate"]) for pin in device.pins]


def strange(device: Any) -> list[Certificate]:
    """What ports have shown in its place, and nobody has accepted."""
    known = {pin["port"]: pin["certificate"] for pin in device.pins}
    return [
        Certificate(pin["port"], pin["certificate"], known.get(pin["port"], ""))
        for pin in device.strange
    ]


# --- how it can be recovered ----------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """A recovery method, as far as this device goes: a badge, and a sentence."""

    name: str
    tone: str
    stands: str
    about: str
    icon: str = ""


@dataclass(frozen=True)
class Protocol:
    """A driver that talks to the device, where, and what it can do, in words."""

    name: str
    port: int
    tls: bool
    can: Sequence[str]


_NAMES = {
    "onvif": "ONVIF",
    "vigi_nvr": "VIGI NVR OpenAPI",
    "vigi_local": "VIGI local API",
    "vigi_recorder": "VIGI NVR’s own page (unpublished)",
    "rtsp": "RTSP",
    "recovery": "Rekey recovery",
}
# What is worth telling people, in the order in which they read it.
_CAN = {
    Ability.IDENTIFY: "says what it is",
    Ability.CHECK: "tells whether a password opens it",
    Ability.TRIES_LEFT: "tells how many login tries are left",
    Ability.IS_FRESH: "tells whether it has a password yet",
    Ability.ACTIVATE: "takes its first password",
    Ability.CREATE_ACCOUNT: "makes accounts",
    Ability.SET_PASSWORD: "sets passwords",
    Ability.CHANNELS: "tells what is on its channels",
    Ability.CAMERAS: "tells whether the password it has stored opens each camera",
    Ability.REMOVE_CAMERA: "removes cameras",
    Ability.ADD_CAMERA: "puts cameras back",
    Ability.SET_CAMERA_LOGIN: "takes another password of a camera",
    Ability.CHALLENGE: "checks a verification code itself",
}
_RESTORE = Way(
    "Factory restore",
    "quiet",
    "Always",
    "By the button on the device. It loses its settings, and gets a new password and its settings"
    " again afterwards.",
    "rotate-ccw",
)


def ways(device: Any, accounts: Iterable[Any]) -> list[Way]:
    """What the device's drivers can do for somebody who is locked out."""
    kept = list(accounts)
    return [_by_management_account(device, kept), _by_itself(device, kept), _RESTORE]


def protocols(device: Any) -> Iterator[Protocol]:
    """The drivers that talk to it, its own first."""
    own = Service(device.driver, device.port, device.tls)
    for one in (own, *(Service(**service) for service in device.services)):
        abilities = abilities_of(one.driver)
        can = [words for ability, words in _CAN.items() if ability in abilities]
        yield Protocol(_NAMES.get(one.driver, one.driver), one.port, one.tls, can)


def tells_channels(device: Any) -> bool:
    """Whether a service of the recorder says what is on its channels."""
    return any(Ability.CHANNELS in abilities_of(one["driver"]) for one in device.services)


def _by_management_account(device: Any, accounts: list[Any]) -> Way:
    name, needed = "Management account", {Ability.CREATE_ACCOUNT, Ability.SET_PASSWORD}
    if not needed <= abilities_of(device.driver):
        return Way(name, "quiet", "Not offered", "Its protocol does not let accounts be made.")
    if not device.managed:
        about = "Rekey makes it as soon as the stored password opens the device."
        return Way(name, "warn", "Not there", about)
    own = next((a.username for a in accounts if a.purpose == Purpose.MANAGEMENT), "rekey")
    about = (
        f"Once the code is verified, Rekey’s own administrator account “{own}” sets the new"
        " password."
    )
    return Way(name, "ok", "Ready", about)


def _by_itself(device: Any, accounts: list[Any]) -> Way:
    name, needed = "Device recovery", {Ability.CHALLENGE, Ability.COMPLETE}
    offered = any(needed <= abilities_of(one["driver"]) for one in device.services)
    if not offered:
        return Way(name, "quiet", "Not offered", "The device does not check codes by itself.")
    if not any(a.purpose == Purpose.RECOVERY and (a.current or a.candidate) for a in accounts):
        about = (
            "The device could check codes by itself, but Rekey has no key of it: a key is shared"
            " when Rekey sets the first password."
        )
        return Way(name, "warn", "No key", about)
    about = (
        "The device checks the code by itself, and takes the new password with no account of"
        " Rekey’s: Rekey keeps its key."
    )
    return Way(name, "ok", "Ready", about, "key-round")
