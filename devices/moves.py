"""Moving devices between sites: their passwords go with them, and an NVR's cameras with the NVR."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from devices import queries
from devices.models import Credential, Device
from devices.steps.move_device import MoveCredential, MoveDevice
from fleet.eventstore.handling import Order, handle_all
from fleet.eventstore.messages import By


def move(device_ids: Iterable[UUID], site: UUID, by: By) -> None:
    """Move them, all or none. Raises RekeyError."""
    chosen = list(device_ids)
    # What goes with them is looked up inside the transaction: also a camera just put on an NVR.
    handle_all(lambda: orders_of(chosen, site, by), by)


def orders_of(device_ids: Iterable[UUID], site: UUID, by: By) -> list[Order]:
    """What is to be done to move them. Raises NotFound."""
    chosen = {queries.device(by.actor, pk).pk for pk in device_ids}
    channels = Device.objects.visible_to(by.actor).filter(nvr__in=chosen, removed=False)
    together = chosen | {camera.pk for camera in channels}
    rows = Device.objects.visible_to(by.actor).filter(pk__in=together)
    orders = [
        Order(MoveDevice(site, with_nvr=row.nvr_id in together), row.pk)
        for row in rows.order_by("nvr_id", "pk")
    ]
    accounts = Credential.objects.visible_to(by.actor).filter(device__in=together)
    return [*orders, *(Order(MoveCredential(site), account.pk) for account in accounts)]
