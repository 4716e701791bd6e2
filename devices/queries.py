"""What pages, calls and steps ask about sites and devices. Everything asks as somebody."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet

from devices import vault
from devices.models import Credential, Device, Site
from devices.state import DeviceState, Purpose
from devices.steps.add_device import AddDevice, Placed
from fleet.errors import NotFound, Refused
from fleet.eventstore.handling import supplies
from fleet.eventstore.messages import Actor, By


def sites(actor: Actor) -> QuerySet[Site]:
    """Sites with the number of their devices, and of those that are not certified."""
    return (
        Site.objects.visible_to(actor)
        .annotate(
            device_count=Count("devices"),
            not_certified=Count("devices", filter=Q(devices__certified=False)),
        )
        .order_by("name", "id")
    )


def site(actor: Actor, site_id: UUID) -> Site:
    return _one(sites(actor), site_id, "site")


def devices(actor: Actor) -> QuerySet[Device]:
    rows: QuerySet[Device] = Device.objects.visible_to(actor).select_related("place", "nvr")
    return rows.order_by("name", "id")


def device(actor: Actor, device_id: UUID) -> Device:
    return _one(devices(actor), device_id, "device")


def credentials(actor: Actor, device_id: UUID) -> QuerySet[Credential]:
    """The accounts whose passwords the vault keeps for a device; ids only, never a password."""
    rows: QuerySet[Credential] = Credential.objects.visible_to(actor)
    return rows.filter(device=device_id).order_by("purpose", "username")


def zone_of(device: Device) -> ZoneInfo:
    """The time zone of the device's site."""
    return ZoneInfo(device.place.timezone if device.place else "UTC")


def device_for_jobs(device_id: UUID) -> Device:
    row: Device = Device.objects.for_jobs().select_related("place").get(pk=device_id)
    return row


def credential_for_jobs(device_id: UUID, purpose: Purpose) -> Credential | None:
    row: Credential | None = (
        Credential.objects.for_jobs().filter(device=device_id, purpose=purpose.value).first()
    )
    return row


def _one(rows: QuerySet[Any], pk: UUID, what: str) -> Any:
    if (row := rows.filter(pk=pk).first()) is None:
        raise NotFound(what)
    return row


@supplies(Placed)
def placed(command: AddDevice, state: DeviceState, by: By) -> Placed:
    """The site as whoever asks may see it, and the typed password, put into the vault."""
    at = site(by.actor, command.site)
    if command.nvr is not None:
        nvr = device(by.actor, command.nvr)
        if nvr.site != at.id or nvr.kind != "nvr":
            raise Refused("nvr_wrong", "Choose an NVR of the same site.", field="nvr")
    return Placed(at.organisation, vault.put(state.id, command.password))
