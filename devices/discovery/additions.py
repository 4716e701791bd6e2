"""Taking what scans discovered into the fleet: many at once, all or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from devices.discovery import discoveries
from devices.discovery.discoveries import Standing
from devices.models import Discovered
from devices.state import Kind
from devices.steps.activate_device import ActivateDevice
from devices.steps.add_device import AddDevice
from devices.steps.change_device import ChangeDevice
from fleet.accounts.access import require
from fleet.accounts.state import Role
from fleet.errors import Conflict, NotFound, Refused
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import By, Command

MOST = 1000
IN_THE_FLEET = (Standing.ADDED, Standing.MOVED, Standing.ELSEWHERE)


def add_found(
    ids: Sequence[UUID], username: str, password: str, reset_email: str, by: By
) -> list[UUID]:
    """Add what was discovered, all with one account; answers with the devices' ids.

    Raises RekeyError; then none is added.
    """
    orders = [
        Order(
            AddDevice(
                site=_site(row),
                kind=kind_of(row),
                name=name_of(row),
                host=row.host,
                port=row.port,
                username=username,
                password=password,
                reset_email=reset_email,
                tls=row.tls,
                path=row.path,
                serial=row.serial,
                mac=row.mac,
            ),
            new_id(),
        )
        for row in _new(ids, by)
    ]
    handle_all(orders, by)
    return [order.stream for order in orders]


def activate_found(ids: Sequence[UUID], reset_email: str, by: By) -> list[UUID]:
    """Set the first password of factory-fresh devices, another for each, and add them.

    Raises RekeyError; then none is added.
    """
    rows = _new(ids, by)
    if any(row.fresh is False for row in rows):
        raise Refused(
            "not_fresh", "Some of these have a password already. Add them with it instead."
        )
    orders = [
        Order(
            ActivateDevice(
                site=_site(row),
                kind=kind_of(row),
                name=name_of(row),
                host=row.host,
                port=row.port,
                reset_email=reset_email,
                tls=row.tls,
                path=row.path,
                serial=row.serial,
                mac=row.mac,
            ),
            new_id(),
        )
        for row in rows
    ]
    handle_all(orders, by)
    return [order.stream for order in orders]


def follow_found(discovered: UUID, by: By) -> UUID:
    """Let a device of the fleet be found where a scan has seen it; answers with its id."""
    row = discoveries.one_discovered(by.actor, discovered)
    _require(ChangeDevice, [row], by)
    if row.standing != Standing.MOVED:
        raise Conflict("not_moved", "This device is where it was. Look at the list again.")
    command = ChangeDevice(host=row.host, port=row.port, tls=row.tls, path=row.path)
    handle(command, row.device, by)
    device: UUID = row.device
    return device


def kind_of(row: Discovered) -> Kind:
    """Recorders mostly say so in their model's name."""
    said = f"{row.model} {row.name}".upper()
    return Kind.NVR if "NVR" in said or "DVR" in said or "RECORDER" in said else Kind.CAMERA


def name_of(row: Discovered) -> str:
    """What the device calls itself, else what it is and where: people give it a better one later.

    Many say their maker and model where their name belongs: that tells none from another.
    """
    own = own_name(row)
    return own or f"{row.model or kind_of(row).value} {row.host}"[:200]


def own_name(row: Discovered) -> str:
    """The name that somebody gave the device, without its maker's in front; "" if nobody has."""
    name = row.name.strip()
    maker = row.manufacturer.strip()
    if maker and name.casefold().startswith(f"{maker} ".casefold()):
        name = name[len(maker) :].strip()
    said = {row.manufacturer, row.model, f"{row.manufacturer} {row.model}"}
    return "" if name.casefold() in {one.strip().casefold() for one in said} else name


def _new(ids: Sequence[UUID], by: By) -> list[Any]:
    unique = set(ids)
    if not 1 <= len(unique) <= MOST:
        raise Refused("nothing_chosen", f"Choose 1 to {MOST} devices.", field="discovered")
    rows: list[Any] = list(
        discoveries.discovered(by.actor).filter(pk__in=unique).order_by("host", "port")
    )
    if len(rows) != len(unique):
        raise NotFound("discovered device")
    _require(AddDevice, rows, by)
    if any(row.standing in IN_THE_FLEET for row in rows):
        raise Conflict("added_already", "Some of these are in the fleet already. Leave them out.")
    return rows


def _require(command: type[Command[Any]], rows: Sequence[Any], by: By) -> None:
    """That whoever may not do it hears so first, and not how things stand. Raises Forbidden."""
    for organisation, site in {(row.organisation, row.site) for row in rows}:
        require(by.actor, Role(command.by), organisation, site, "discovered device")


def _site(row: Discovered) -> UUID:
    assert row.site
    return row.site
