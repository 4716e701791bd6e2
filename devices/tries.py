"""How many login tries a device has left, as Rekey counts them.

A wrong login costs a try, and too many lock the device for everybody: see `doors`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from devices import lock_outs
from devices.drivers.errors import DeviceError, LockedOut, TriesSpent
from devices.models import Device, LoginTries
from fleet.eventstore import database
from fleet.eventstore.together import Together


@dataclass(frozen=True)
class Tries:
    """The budget of wrong logins on one device, and what one account has spent of it."""

    device: Device
    username: str

    def left(self) -> int:
        """How many doubtful logins may still be tried: the last two tries are not for them."""
        rows = _tries_of([self])[self.device.id]
        return max(0, self._lock_out.doubtful - sum(row.failed for row in rows))

    def spend(self, *, sure: bool = False, accepted: Tries | None = None) -> None:
        """Count a login before it is tried. Raises LockedOut, TriesSpent.

        The last try is never spent, and the one before it only by a login that should be right.
        `accepted`: the login before, on the same device, which was right and not told of yet.
        """
        _spend((self, sure, accepted))

    def against(self, rows: list[LoginTries], *, sure: bool) -> DeviceError | None:
        """Why a login must not be tried, by what every account has spent; None if it may be."""
        now = timezone.now()
        locked = max((row.locked_until for row in rows if row.locked_until), default=now)
        if locked > now:
            return LockedOut(int((locked - now).total_seconds()) + 1)
        if sum(row.failed for row in rows) < self._lock_out.doubtful + sure:
            return None
        oldest = min(row.failed_at for row in rows if row.failed and row.failed_at)
        frees = oldest + timedelta(seconds=self._lock_out.forgets)
        return TriesSpent(max(1, int((frees - now).total_seconds()) + 1))

    def give_back(self) -> None:
        """The login that was counted last never got to be judged."""
        self._rows().filter(failed__gt=0).update(failed=F("failed") - 1)

    def locked(self, seconds: int | None) -> None:
        """The device says that it is locked: nothing is tried before it opens again."""
        wait = seconds or self._lock_out.locks
        self._rows().update(locked_until=timezone.now() + timedelta(seconds=wait))

    @property
    def _lock_out(self) -> lock_outs.LockOut:
        return lock_outs.of(self.device.manufacturer, self.device.kind)

    def _rows(self) -> Any:
        return LoginTries.objects.filter(device=self.device.id, username=self.username)

    def forgotten(self, row: LoginTries) -> bool:
        """Whether the device has forgotten by now what was spent."""
        since = timezone.now() - timedelta(seconds=self._lock_out.forgets)
        return bool(row.failed and row.failed_at and row.failed_at <= since)


def _tries_of(some: Iterable[Tries]) -> dict[UUID, list[LoginTries]]:
    """What every account of these devices has spent; what a device has forgotten by now is
    forgotten here.
    """
    tries = {one.device.id: one for one in some}
    found: dict[UUID, list[LoginTries]] = {device: [] for device in tries}
    columns = ("id", "device", "username", "failed", "failed_at", "locked_until")
    marks = ", ".join(["%s"] * len(tries))
    rows = database.rows(
        f"SELECT {', '.join(columns)} FROM login_tries WHERE device IN ({marks})",  # noqa: S608
        list(tries),
    )
    for pk, device, username, failed, failed_at, locked_until in rows:
        whose, when = database.as_uuid(device), (_time(failed_at), _time(locked_until))
        row = LoginTries(pk, whose, username, failed, when[0], when[1])
        if tries[row.device].forgotten(row):
            row.failed, row.failed_at = 0, None
            LoginTries.objects.filter(pk=row.pk).update(failed=0, failed_at=None)
        found[row.device].append(row)
    return found


Spent = tuple[Tries, bool, Tries | None]


def _spend_many(asked: list[Spent]) -> list[DeviceError | None]:
    accept_many([accepted for *_, accepted in asked if accepted])
    known, now = _tries_of(tries for tries, *_ in asked), timezone.now()
    answers = [tries.against(known[tries.device.id], sure=sure) for tries, sure, _ in asked]
    may = [tries for (tries, *_), why in zip(asked, answers, strict=True) if why is None]
    if may:
        rows = ", ".join(["(%s, %s, 1, %s)"] * len(may))
        database.run(
            f"INSERT INTO login_tries (device, username, failed, failed_at) VALUES {rows}"  # noqa: S608
            " ON CONFLICT (device, username) DO UPDATE"
            " SET failed = login_tries.failed + 1, failed_at = excluded.failed_at",
            [value for one in may for value in (one.device.id, one.username, database.time(now))],
        )
    return answers


def accept_many(accepted: list[Tries]) -> None:
    """Right logins: devices count from there anew."""
    if not accepted:
        return
    pairs = ", ".join(["(%s, %s)"] * len(accepted))
    database.run(
        "UPDATE login_tries SET failed = 0, failed_at = NULL, locked_until = NULL"  # noqa: S608
        f" WHERE (device, username) IN (VALUES {pairs})",
        [value for one in accepted for value in (one.device.id, one.username)],
    )


_spend = Together(_spend_many)


def _time(value: Any) -> datetime | None:
    return None if value is None else database.as_time(value)
