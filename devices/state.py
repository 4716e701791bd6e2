"""Sites, devices and their credentials, as their events leave them."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID, uuid5

from fleet.eventstore.messages import State, state

KEPT = 5  # superseded passwords a credential remembers


class Kind(StrEnum):
    """What a device is."""

    NVR = "nvr"
    CAMERA = "camera"


class Purpose(StrEnum):
    """Whose account on a device a credential is for."""

    DEVICE = "device"  # the account that people sign in with, whose password gets lost
    MANAGEMENT = "management"  # Rekey's own administrator account


@state("site")
class SiteState(State):
    name: str = ""
    timezone: str = "UTC"


@state("device")
class DeviceState(State):
    """A device in the fleet. `certified` is None until it has been tried."""

    kind: Kind = Kind.CAMERA
    name: str = ""
    host: str = ""
    port: int = 80
    driver: str = "onvif"
    username: str = "admin"
    reset_email: str = ""
    nvr: UUID | None = None
    channel: int | None = None
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    max_password: int | None = None
    certified: bool | None = None
    managed: bool = False
    trouble: str = ""


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
