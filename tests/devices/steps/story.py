"""The events that the tests of the steps begin with."""

from __future__ import annotations

from uuid import UUID

from devices.state import ONVIF_PATH, Kind, Purpose
from devices.steps.add_device import DeviceAdded, Placed
from devices.steps.credential import CandidateStored, CredentialBegun
from devices.steps.remove_device import DeviceRemoved

ORGANISATION, SITE, NVR, DEVICE = (UUID(int=n) for n in range(1, 5))
FIRST, SECOND, THIRD = (UUID(int=n) for n in range(11, 14))
PLACED = Placed(ORGANISATION, FIRST)

ADDED = DeviceAdded(
    organisation=ORGANISATION,
    site=SITE,
    kind=Kind.CAMERA,
    name="Gate north",
    host="203.0.113.7",
    port=80,
    driver="onvif",
    username="admin",
    secret=FIRST,
    reset_email="owner@example.com",
    nvr=None,
    channel=None,
    tls=False,
    path=ONVIF_PATH,
    services=(),
    serial="",
    mac="",
    fresh=False,
)
BEGUN = (
    CredentialBegun(ORGANISATION, SITE, DEVICE, "admin", Purpose.DEVICE),
    CandidateStored(FIRST),
)

PIN, OTHER_PIN = "ab" * 32, "cd" * 32  # SHA-256 in hex
REMOVED = DeviceRemoved("Gate north")
