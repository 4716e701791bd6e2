"""What pages, calls and steps ask about sites and devices. Everything asks as somebody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import (
    Case,
    Count,
    Exists,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.expressions import OrderBy

from devices.mailbox import masked
from devices.models import Credential, Device, Site, Telemetry
from devices.state import Kind, Purpose
from devices.status import Status
from devices.steps.add_device import DeviceAdded
from devices.steps.check_device import CheckRequested
from devices.steps.replace_device import DeviceReplaced
from devices.steps.try_history import HistoryRequested
from fleet.accounts.access import may
from fleet.accounts.state import Role
from fleet.errors import NotFound
from fleet.eventstore.messages import Actor
from fleet.eventstore.models import Checkpoint, EventRow, Job
from fleet.eventstore.subscriptions import CHECKPOINT
from fleet.eventstore.together import Together

M = TypeVar("M", bound=Model)

_SHUT_OUT = Q(certified=False) | Q(nvr_opens=False)
_IS = {
    Status.REMOVED: Q(removed=True),
    Status.TROUBLE: Q(removed=False) & ~Q(trouble=""),
    Status.NOT_CERTIFIED: Q(removed=False, trouble="") & _SHUT_OUT,
    Status.NOT_CHECKED: Q(removed=False, trouble="", certified=None) & ~Q(nvr_opens=False),
    Status.CERTIFIED: Q(removed=False, trouble="", certified=True) & ~Q(nvr_opens=False),
}
_ADDRESS = re.compile(r"(?P<host>.+):(?P<port>[0-9]{1,5})")
_FIND = ("name", "host", "model", "firmware", "serial", "mac", "place__name", "nvr__name")
_THERE = Q(devices__removed=False)
# What needs somebody comes first.
_URGENCY = Case(
    When(_IS[Status.NOT_CERTIFIED], then=Value(0)),
    When(_IS[Status.TROUBLE], then=Value(1)),
    When(_IS[Status.NOT_CHECKED], then=Value(2)),
    When(_IS[Status.REMOVED], then=Value(4)),
    default=Value(3),
)
_HEARD = Telemetry.objects.filter(device=OuterRef("pk"))
_SEEN = OrderBy(Subquery(_HEARD.values("seen_at")[:1]), descending=True, nulls_last=True)
ORDERS: dict[str, Sequence[Any]] = {
    "name": ("name", "id"),
    "status": (_URGENCY, "name", "id"),
    "kind": ("kind", "name", "id"),
    "site": ("place__name", "name", "id"),
    "nvr": ("nvr__name", "channel", "name", "id"),
    "address": ("host", "port", "id"),
    "model": ("model", "name", "id"),
    "firmware": ("firmware", "name", "id"),
    "serial": ("serial", "name", "id"),
    "mac": ("mac", "name", "id"),
    "seen": (_SEEN, "name", "id"),
}


def sites(actor: Actor) -> QuerySet[Site]:
    """Sites with the number of their devices, and of those that need somebody."""
    rows: QuerySet[Site] = (
        Site.objects.visible_to(actor)
        .filter(closed=False)
        .annotate(
            device_count=Count("devices", filter=_THERE),
            not_certified=Count(
                "devices",
                filter=_THERE
                & Q(devices__trouble="")
                & (Q(devices__certified=False) | Q(devices__nvr_opens=False)),
            ),
            in_trouble=Count("devices", filter=_THERE & Q(devices__trouble__gt="")),
        )
        .order_by("name", "id")
    )
    return rows


def site_names(actor: Actor) -> QuerySet[Site]:
    """Sites without counting anything, for choices; those that are closed are no choice."""
    rows: QuerySet[Site] = Site.objects.visible_to(actor).filter(closed=False)
    return rows.order_by("name", "id")


def site(actor: Actor, site_id: UUID) -> Site:
    return one(sites(actor), site_id, "site")


def place(actor: Actor, site_id: UUID) -> Site:
    """A site without counting anything."""
    return one(site_names(actor), site_id, "site")


def devices(actor: Actor, *, removed: bool = False) -> QuerySet[Device]:
    """Those of the fleet; with `removed` also those that have left it."""
    rows: QuerySet[Device] = Device.objects.visible_to(actor).select_related("place", "nvr")
    if not removed:
        rows = rows.filter(removed=False)
    return rows.order_by("name", "id")


def device(actor: Actor, device_id: UUID) -> Device:
    """One device, also one that has left the fleet: its history and passwords are still there."""
    return one(devices(actor, removed=True), device_id, "device")


def narrowed(
    rows: QuerySet[Device],
    *,
    text: str | None = None,
    site: UUID | None = None,
    nvr: UUID | None = None,
    kind: Kind | None = None,
    certified: str | None = None,
    status: Status | None = None,
    online: bool | None = None,
) -> QuerySet[Device]:
    """Those that are wanted. What is None does not narrow it down.

    Each word of the text has to stand somewhere; `certified` is yes, no or unknown, trouble or not;
    `online` is how it was when the device was asked last.
    """
    rows = with_text(rows, text, _FIND)
    exact = {"site": site, "nvr": nvr, "kind": kind}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if certified:
        rows = rows.filter(certified={"yes": True, "no": False, "unknown": None}[certified])
    if online is not None:
        rows = rows.filter(Exists(_HEARD.filter(online=online)))
    return rows.filter(_IS[status]) if status else rows


def with_text(rows: QuerySet[M], text: str | None, names: Iterable[str]) -> QuerySet[M]:
    """Those with each word of the text in one of these columns; or as their address, `host:port`,
    as lists show it.
    """
    for word in (text or "").split():
        found = reduce(or_, (Q(**{f"{name}__icontains": word}) for name in names))
        if address := _ADDRESS.fullmatch(word):
            host, port = address["host"].strip("[]"), int(address["port"])
            found |= Q(host__iexact=host, port=port)
        rows = rows.filter(found)
    return rows


def in_order(rows: QuerySet[Device], sort: str) -> QuerySet[Device]:
    """In one of ORDERS, by name when there is no such one; with "-" before it from the end."""
    rows = rows.order_by(*ORDERS.get(sort.removeprefix("-"), ORDERS["name"]))
    return rows.reverse() if sort.startswith("-") else rows


def needing_somebody(actor: Actor) -> QuerySet[Device]:
    """Devices that are not certified or in trouble."""
    rows = devices(actor).filter(_IS[Status.NOT_CERTIFIED] | _IS[Status.TROUBLE])
    return rows.order_by(*ORDERS["status"])


def counted(actor: Actor) -> dict[str, int]:
    """How many devices there are in `all`, of each kind, and of each status."""
    wanted = {
        "all": Q(removed=False),
        **{k.value: Q(kind=k, removed=False) for k in Kind},
        **{s.value: q for s, q in _IS.items()},
    }
    counts = Device.objects.visible_to(actor).aggregate(
        **{f"count_{name}": Count("pk", filter=is_so) for name, is_so in wanted.items()}
    )
    return {name: counts[f"count_{name}"] for name in wanted}


_WISHES = [e.tag for e in (DeviceAdded, CheckRequested, HistoryRequested, DeviceReplaced)]


@dataclass(frozen=True)
class Look:
    """The newest wish that Rekey looks at a device: since when, and what has become of it.

    `owed`: no answer yet. `why` and `again`: what the last try came to, and when the next one is.
    `parked`: given up.
    """

    since: datetime
    asker: str
    owed: bool
    why: str = ""
    again: datetime | None = None
    parked: bool = False

    @property
    def key(self) -> str:
        """Another text whenever it has to be shown anew."""
        return f"{self.since.timestamp()}-{self.owed}-{self.why}-{self.parked}"


def newest_look(actor: Actor, device_id: UUID) -> Look | None:
    """Whether a worker still owes an answer about the device. None: it was never asked."""
    asked: EventRow | None = (
        EventRow.objects.visible_to(actor)
        .filter(subject=device_id, type__in=_WISHES)
        .order_by("-position")
        .first()
    )
    if asked is None:
        return None
    # In this order: a job that is made in between counts as owed.
    read = Checkpoint.objects.filter(name=CHECKPOINT, position__gte=asked.position).exists()
    job = Job.objects.filter(position=asked.position).first()
    if job is None:
        return Look(asked.at, asked.actor_name, owed=not read)
    parked = job.status == Job.Status.PARKED
    return Look(asked.at, asked.actor_name, not parked, job.error, job.due_at, parked)


def credentials(actor: Actor, device_id: UUID) -> QuerySet[Credential]:
    """The accounts whose passwords the vault keeps for a device; ids only, never a password."""
    rows: QuerySet[Credential] = Credential.objects.visible_to(actor)
    return rows.filter(device=device_id).order_by("purpose", "username")


def credential(actor: Actor, device_id: UUID, username: str) -> Credential:
    row = credentials(actor, device_id).filter(username=username).first()
    if row is None:
        raise NotFound("account")
    return row


def telemetry(actor: Actor, device_ids: Iterable[UUID]) -> dict[UUID, Telemetry]:
    """What was heard last of those devices that may be seen."""
    seen = Device.objects.visible_to(actor).filter(pk__in=list(device_ids)).values("pk")
    return {row.device: row for row in Telemetry.objects.filter(device__in=seen)}


def mailbox_shown(actor: Actor, email: str, organisation: UUID | None, site: UUID | None) -> str:
    """A device's Reset Password Email as this actor may know it, wherever it is shown: in full for
    those who may reset its password, in part for those who only look.
    """
    return email if may(actor, Role.TECHNICIAN, organisation, site) else masked(email)


def zone_of(device: Device) -> ZoneInfo:
    """The time zone of the device's site."""
    return ZoneInfo(getattr(device.place, "timezone", "UTC"))


def place_for_jobs(site_id: UUID) -> Site:
    row: Site = Site.objects.for_jobs().get(pk=site_id)
    return row


def hold_place(site_id: UUID) -> None:
    """For what is counted over a site: only one transaction at a time goes on from here. (SQLite
    has one writer anyway.)
    """
    list(Site.objects.for_jobs().select_for_update().filter(pk=site_id).values_list("pk"))


def device_for_jobs(device_id: UUID) -> Device:
    """Raises Device.DoesNotExist."""
    return _device_for_jobs(device_id)


def device_soon(device_id: UUID) -> Callable[[], Device]:
    """As `device_for_jobs`, without waiting for it."""
    return _device_for_jobs.soon(device_id)


def _devices_for_jobs(ids: list[UUID]) -> list[Device | Exception]:
    rows = Device.objects.for_jobs().select_related("place").in_bulk(ids)
    return [rows.get(pk) or Device.DoesNotExist(f"no device {pk}") for pk in ids]


_device_for_jobs = Together(_devices_for_jobs)


def credential_for_jobs(device_id: UUID, purpose: Purpose) -> Credential | None:
    return _credential_for_jobs((device_id, purpose))


def credential_soon(device_id: UUID, purpose: Purpose) -> Callable[[], Credential | None]:
    """As `credential_for_jobs`, without waiting for it."""
    return _credential_for_jobs.soon((device_id, purpose))


def _credentials_for_jobs(asked: list[tuple[UUID, Purpose]]) -> list[Credential | None]:
    devices, purposes = {device for device, _ in asked}, {purpose.value for _, purpose in asked}
    rows = Credential.objects.for_jobs().filter(device__in=devices, purpose__in=purposes)
    found = {(row.device, row.purpose): row for row in rows.order_by("-id")}
    return [found.get((device, purpose.value)) for device, purpose in asked]


_credential_for_jobs = Together(_credentials_for_jobs)


def one(rows: QuerySet[M], pk: UUID, what: str) -> M:
    if (row := rows.filter(pk=pk).first()) is None:
        raise NotFound(what)
    return row
