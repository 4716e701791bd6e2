"""What people can do with a device that is in the fleet: each by its command's slug."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from devices.moves import move
from devices.state import DeviceState
from devices.steps.check_device import CheckDevice
from devices.steps.move_device import MoveDevice
from devices.steps.remove_device import RemoveDevice
from devices.supplies import held
from fleet.errors import Refused
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import COMMANDS, By, Command

SLUGS = (
    "change-device",
    "place-on-channel",
    "move-device",
    "replace-device",
    "give-password",
    "try-history",
    "accept-certificate",
    "remove-device",
)
MOST = 1000


def steps() -> dict[str, type[Command[DeviceState]]]:
    """The commands for one device, in the order in which people meet them."""
    return {slug: COMMANDS[f"device.{slug}"] for slug in SLUGS}


def do(command: Command[Any], device: UUID, by: By) -> None:
    """Carry out one of them. Raises RekeyError."""
    if isinstance(command, MoveDevice):
        move([device], command.site, by)
    else:
        handle(command, device, by)


def check_all(devices: Sequence[UUID], by: By) -> int:
    """Ask all of them whether their passwords still open them; answers with how many they are.

    Raises RekeyError.
    """
    chosen = _chosen(devices)
    handle_all([Order(CheckDevice(), device) for device in chosen], by)
    return len(chosen)


def move_all(devices: Sequence[UUID], site: UUID, by: By) -> int:
    """Move them to another site, all or none; answers with how many they are.

    Raises RekeyError.
    """
    chosen = _chosen(devices)
    move(chosen, site, by)
    return len(chosen)


def remove_all(devices: Sequence[UUID], reason: str, by: By) -> int:
    """Remove them from the fleet, all or none, an NVR together with its cameras; answers with how
    many they are.

    Raises RekeyError.
    """
    chosen = _chosen(devices)
    handle_all(
        lambda: [
            Order(replace(RemoveDevice(reason), holds=held(device, chosen)), device, looked_up=True)
            for device in chosen
        ],
        by,
    )
    return len(chosen)


def _chosen(devices: Sequence[UUID]) -> list[UUID]:
    unique = list(dict.fromkeys(devices))
    if not 1 <= len(unique) <= MOST:
        raise Refused("nothing_chosen", f"Choose 1 to {MOST} devices.", field="devices")
    return unique
