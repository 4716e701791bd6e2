"""Is every device there, and certified? Asked of all of them, again and again.

Each device is due once in an interval, the fleet spread over it. Whoever takes some holds their
leases meanwhile, so that no job talks to them, and counts the logins before they are tried (see
`doors`). What is heard is telemetry; only a change of state becomes an event.

A password that a device has refused is not tried again by a machine: of a device that is not
certified it is asked only whether it is there. So no sweep ever locks a device.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from devices import lock_outs, vault
from devices.asking import Heard, Plan, ask_all
from devices.doors import LEASE, renew
from devices.drivers.base import Login
from devices.drivers.errors import (
    CertificateChanged,
    LockedOut,
    Unreachable,
)
from devices.models import Credential, Device, DeviceLease, LoginTries, Telemetry
from devices.recorders import channel_service, orders_of
from devices.state import Kind, Purpose
from devices.steps.certificates import RecordCertificateChange
from devices.steps.check_device import RecordCheck, RecordTrouble
from fleet.eventstore.handling import Order, handle_all
from fleet.eventstore.messages import Actor, By
from fleet.eventstore.tables import Table

BATCH = 1000
MISSES = 2  # on end, before a device that does not answer is in trouble: one answer may be lost
JITTER = 0.1
CHANNELS_EVERY = timedelta(minutes=15)
BY = By(Actor.job("sweep the fleet"))

log = structlog.get_logger(__name__)

_telemetry = Table(Telemetry)


def sweep(limit: int = BATCH, site: UUID | None = None) -> int:
    """Ask the devices that are due, `limit` of them at most; answers with how many were asked.

    `site`: those of one site alone, for its own worker. The others leave them to it.
    """
    _begin_telemetry()
    holder = f"sweep {uuid4()}"
    asked = _taken(holder, limit, site)
    if not asked:
        return 0
    try:
        plans = list(_plans(holder))
        _count_logins(plans)
        with asyncio.Runner() as runner:
            asking = ask_all(plans)
            while (heard := runner.run(_next(asking))) is not None:
                renew(holder)
                if not heard:
                    continue
                _settle_logins(heard)
                if left := sum(not h.asked for h in heard):
                    log.error("out_of_files", devices_not_asked=left)
                told = [h for h in heard if h.asked]
                _record(told, _keep(told))
                _release(holder, [h.plan.device.pk for h in heard])
    finally:
        _release(holder)
    return asked


async def _next(asking: AsyncIterator[list[Heard]]) -> list[Heard] | None:
    return await anext(asking, None)


# --- who is due -----------------------------------------------------------------------------------


def _begin_telemetry() -> None:
    """Devices that were never swept begin at a moment of their own within the interval."""
    known = Telemetry.objects.filter(device=OuterRef("pk"))
    new = Device.objects.for_jobs().filter(~Exists(known), removed=False).values_list("pk")
    now = timezone.now()
    Telemetry.objects.bulk_create(
        (
            Telemetry(device=pk, next_at=now + timedelta(seconds=random.random() * _interval()))  # noqa: S311
            for (pk,) in new
        ),
        ignore_conflicts=True,
    )


def _interval() -> float:
    seconds: float = settings.REKEY_SWEEP_DEVICES_SECONDS
    return seconds


def _taken(holder: str, limit: int, site: UUID | None = None) -> int:
    """Take devices that are due: nobody else does before their next turn, or talks to them now.

    Answers with how many. From here on they are those whose lease the holder has: a thousand ids
    are not sent to and fro.
    """
    now = timezone.now()
    with transaction.atomic():
        due = Telemetry.objects.filter(_reached(site), next_at__lte=now).order_by("next_at")
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True)
        ids = list(due.values_list("device", flat=True)[:limit])
        Telemetry.objects.filter(device__in=ids).update(
            next_at=now + timedelta(seconds=_interval())
        )
    leases = DeviceLease.objects.filter(device__in=ids)
    taken = leases.filter(until__lte=now).update(holder=holder, until=now + LEASE)
    if taken < len(ids):
        known = set(leases.values_list("device", flat=True))
        new = [
            DeviceLease(device=pk, holder=holder, until=now + LEASE)
            for pk in ids
            if pk not in known
        ]
        DeviceLease.objects.bulk_create(new, ignore_conflicts=True)
        taken += len(new)
    return taken


def _reached(site: UUID | None) -> Q:
    """Of the site, or of all that have no worker of their own."""
    rows = Device.objects.for_jobs().order_by()
    if site is not None:
        return Q(device__in=rows.filter(site=site).values("pk"))
    sites = settings.REKEY_SITE_WORKERS
    return ~Q(device__in=rows.filter(site__in=sites).values("pk")) if sites else Q()


def _release(holder: str, devices: Sequence[UUID] | None = None) -> None:
    """Give leases back, of some devices or of all."""
    held = DeviceLease.objects.filter(holder=holder)
    if devices is not None:
        held = held.filter(device__in=devices)
    held.update(holder="", until=timezone.now())


def _ours(holder: str) -> Any:
    return DeviceLease.objects.filter(holder=holder).values("device")


# --- what is asked --------------------------------------------------------------------------------


def _plans(holder: str) -> Iterator[Plan]:
    devices = list(Device.objects.for_jobs().filter(pk__in=_ours(holder), removed=False))
    certified = {d.pk: d.username for d in devices if d.certified}
    accounts = Credential.objects.for_jobs().filter(
        device__in=_ours(holder), purpose=Purpose.DEVICE.value, current__isnull=False
    )
    spent = _spent(devices, holder)
    current = {
        device: secret
        for device, username, secret in accounts.values_list("device", "username", "current")
        if certified.get(device) == username and device not in spent
    }
    fresh = set(
        Telemetry.objects.filter(
            device__in=_ours(holder), channels_at__gt=timezone.now() - CHANNELS_EVERY
        ).values_list("device", flat=True)
    )
    readable = vault.get_many({secret: device for device, secret in current.items()})
    for device in devices:
        if device.tls and not any(pin["port"] == device.port for pin in device.pins):
            continue  # its certificate is pinned when it is taken in, or looked at
        # Where it cannot be read, that is said to whoever asks; here, no login is tried.
        secret = current.get(device.pk)
        password = readable.get(secret) if secret else None
        login = Login(device.username, password) if password else None
        due = device.services and device.kind == Kind.NVR and device.pk not in fresh
        yield Plan(device, login, channel_service(device) if due else None)


def _spent(devices: Iterable[Device], holder: str) -> set[UUID]:
    """Those whose login tries do not allow for another one, or that are locked; see `doors`."""
    failed, locked, now = Counter[UUID](), set[UUID](), timezone.now()
    tried = Q(failed__gt=0) | Q(locked_until__gt=now)
    for row in LoginTries.objects.filter(tried, device__in=_ours(holder)):
        failed[row.device] += row.failed
        if row.locked_until and row.locked_until > now:
            locked.add(row.device)
    return locked | {
        device.pk
        for device in devices
        if failed[device.pk] > lock_outs.of(device.manufacturer, device.kind).doubtful
    }


# --- what is kept of it ---------------------------------------------------------------------------


def _count_logins(plans: Sequence[Plan]) -> None:
    """As in `tries.Tries.spend`, for all at once: before they are tried."""
    tried, now = [plan for plan in plans if plan.login], timezone.now()
    rows = _tries_of(tried)
    if rows.update(failed=F("failed") + 1, failed_at=now) < len(tried):
        known = set(rows.values_list("device", flat=True))
        LoginTries.objects.bulk_create(
            (
                LoginTries(device=p.device.pk, username=p.device.username, failed=1, failed_at=now)
                for p in tried
                if p.device.pk not in known
            ),
            ignore_conflicts=True,
        )


def _settle_logins(heard: Sequence[Heard]) -> None:
    right = [h.plan for h in heard if h.opened]
    unjudged = [h.plan for h in heard if h.plan.login and h.opened is None]
    if right:
        _tries_of(right).update(failed=0, failed_at=None, locked_until=None)
    if unjudged:
        _tries_of(unjudged).filter(failed__gt=0).update(failed=F("failed") - 1)
    for h in heard:
        if isinstance(h.error, LockedOut):
            locks = lock_outs.of(h.plan.device.manufacturer, h.plan.device.kind).locks
            until = timezone.now() + timedelta(seconds=h.error.seconds_left or locks)
            _tries_of([h.plan]).update(locked_until=until)


def _tries_of(plans: Sequence[Plan]) -> Any:
    # Accounts mostly have the same name everywhere: one condition for each name.
    names = {plan.device.username for plan in plans}
    chosen = Q(pk__in=[])
    for name in names:
        ids = [p.device.pk for p in plans if p.device.username == name]
        chosen |= Q(username=name, device__in=ids)
    return LoginTries.objects.filter(chosen)


def _keep(heard: Sequence[Heard]) -> dict[UUID, int]:
    """Telemetry, and when each is due next: spread a little, so that they never come in step.

    Answers with how often each did not answer, on end.
    """
    now = timezone.now()
    known = Telemetry.objects.filter(device__in=[h.plan.device.pk for h in heard]).values_list(
        "device", "seen_at", "misses", "channels_online", "channels_at"
    )
    before = {device: told for device, *told in known}
    interval = _interval()
    rows: list[dict[str, Any]] = []
    for h in heard:
        seen_at, misses, channels, channels_at = before.get(h.plan.device.pk, (None, 0, [], None))
        if h.channels is not None:
            channels, channels_at = [c.number for c in h.channels if c.online], now
        spread = 1 + random.uniform(-JITTER, JITTER)  # noqa: S311
        rows.append(
            {
                "device": h.plan.device.pk,
                "online": h.online,
                "seen_at": now if h.online else seen_at,
                "asked_at": now,
                "misses": 0 if h.online else misses + 1,
                "milliseconds": h.milliseconds,
                "channels_online": channels,
                "channels_at": channels_at,
                "next_at": now + timedelta(seconds=interval * spread),
            }
        )
    with transaction.atomic():
        _telemetry.upsert([_telemetry.row(row) for row in rows])
    return {row["device"]: row["misses"] for row in rows}


def _record(heard: Sequence[Heard], misses: Mapping[UUID, int]) -> None:
    """Only what has changed, in one transaction."""
    orders = [order for h in heard for order in _orders(h, misses)]
    if orders:
        handle_all(orders, BY)


def _orders(h: Heard, misses: Mapping[UUID, int]) -> Iterator[Order]:
    device = h.plan.device
    if isinstance(h.error, Unreachable):
        if misses[device.pk] >= MISSES and device.trouble != h.error.code:
            yield Order(RecordTrouble(h.error.code), device.pk)
    elif h.error is not None:
        if isinstance(h.error, CertificateChanged):
            yield Order(RecordCertificateChange(h.error.port, h.error.seen), device.pk)
        if device.trouble != h.error.code:
            yield Order(RecordTrouble(h.error.code), device.pk)
    elif h.opened is not None:
        if device.certified is not h.opened or device.trouble:
            yield Order(RecordCheck(h.opened), device.pk)
    elif device.trouble == Unreachable.code and device.certified is not None:
        yield Order(RecordCheck(device.certified), device.pk)  # it is back
    if h.channels is not None:
        yield from orders_of(device, h.channels)
