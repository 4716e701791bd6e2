"""Another master key, while everything runs: `manage.py vault`.

A new key is put first on the ring; from then on it seals. Then the data keys of all rows are
wrapped anew; the passwords themselves are not touched. A key that no row is under can be taken off.
A row is changed in one statement, so whoever reads it opens it, before and after. Whichever process
does not know the new key yet looks for it when it meets the first such row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import Count, Max, Min, QuerySet

from devices.models import Secret
from devices.vault import Row
from devices.vault.key_ring import Altered, KeyRing, MasterKey, ring
from fleet.errors import Conflict, Refused
from fleet.secrets import FileKeys, Key, key_in, new_line

BATCH = 500  # rows in one transaction
Told = Callable[[int, int], None]  # how many are done, of how many


@dataclass(frozen=True)
class KeyUse:
    """A key and the rows under it; `known` is whether it is on the ring, `place` where, from 0."""

    id: str
    place: int | None
    made: datetime | None
    rows: int = 0
    first: datetime | None = None
    last: datetime | None = None

    @property
    def known(self) -> bool:
        return self.place is not None


@dataclass(frozen=True)
class Status:
    """How the vault stands. `closed` counts, by key id, the rows that cannot be opened."""

    keys: list[KeyUse]
    rows: int
    closed: Counter[str]


@dataclass(frozen=True)
class Rotated:
    """What came of it. `left` rows could not be opened, and are as they were."""

    key: MasterKey
    rows: int
    left: int
    spare: list[str]


def status() -> Status:
    """Every key with its rows, once each row has been tried."""
    here = ring()
    here.keys.read_again()
    keys = {key.id: KeyUse(key.id, place, key.made) for place, key in enumerate(here.all())}
    used = Secret.objects.values_list("key_id").annotate(
        rows=Count("pk"), first=Min("created_at"), last=Max("created_at")
    )
    for key_id, rows, first, last in used.order_by("key_id"):
        key = keys.get(key_id, KeyUse(key_id, None, None))
        keys[key_id] = replace(key, rows=rows, first=first, last=last)
    closed = Counter(row.key_id for row in _closed(here))
    return Status(list(keys.values()), sum(key.rows for key in keys.values()), closed)


def rotate(
    told: Told = lambda done, total: None, *, new_key: bool = False, leave_closed: bool = False
) -> Rotated:
    """Wrap the data keys of all rows with the newest key; begin with another one for `new_key`.

    Killed at any moment, it is gone on with by calling it again; two at once share the work. It
    goes over the table until nothing is left, so that it also finds what was sealed by a process
    that had yet to hear of the new key.

    Raises Refused when rows do not open that would be thought safe afterwards (unless they are to
    be left as they are), or when the keys do not come from a file that one can be added to.
    """
    here = ring()
    here.keys.read_again()  # what no process could open that starts now is not open
    left = sum(1 for _ in _closed(here))
    if left and not leave_closed:
        raise Refused(
            "vault_closed_rows",
            f"{left} rows cannot be opened: nothing was changed. See manage.py vault status, and"
            " put the missing key back; or leave those rows as they are, with --leave-closed.",
        )
    if new_key:
        _file(here, "Put the new key there yourself.").rewrite(lambda lines: [new_line(), *lines])
    newest, *older = here.all()
    old = [key.id for key in older]
    done, skip = 0, set[UUID]()
    while todo := Secret.objects.filter(key_id__in=old).exclude(id__in=skip).count():
        after, total = UUID(int=0), done + todo
        while (batch := _wrap_some(here, newest, old, after)) is not None:
            after = batch.last
            done += batch.changed
            skip |= batch.closed
            told(done, max(done, total))
    used = set(Secret.objects.filter(key_id__in=old).values_list("key_id", flat=True).distinct())
    return Rotated(newest, done, left, [key for key in old if key not in used])


def retire(key_id: str) -> str:
    """Take a key off the ring that no row is under; answers with what was done, or is to be done.

    Raises Refused.
    """
    here = ring()
    here.keys.read_again()
    newest, *older = here.all()
    if key_id == newest.id:
        raise Refused("key_in_use", "This key seals. Put a newer one before it first.")
    if key_id not in (key.id for key in older):
        raise Refused(
            "key_unknown", "There is no such key on the ring. See manage.py vault status."
        )
    with transaction.atomic(durable=True):
        _keep_others_from_sealing()
        if rows := Secret.objects.filter(key_id=key_id).count():
            raise Refused(
                "key_in_use", f"{rows} rows are under it. Run manage.py vault rotate first."
            )
        if not isinstance(here.keys, FileKeys):
            return (
                f"No row is under it. See that every process was started with the newer key first"
                f" or has asked for it; then take it out of {here.keys.name}."
            )
        here.keys.rewrite(lambda lines: [line for line in lines if _id_in(line) != key_id])
    return f"Taken out of {here.keys.path}."


@dataclass(frozen=True)
class _Batch:
    last: UUID
    changed: int
    closed: set[UUID]


def _wrap_some(here: KeyRing, newest: MasterKey, old: list[str], after: UUID) -> _Batch | None:
    """The next rows behind `after`, in one transaction; None when there are no more."""
    changed: list[tuple[Any, ...]] = []
    closed: set[UUID] = set()
    with transaction.atomic(durable=True):
        rows = Secret.objects.select_for_update().filter(key_id__in=old, id__gt=after)
        found = list(_rows(rows.order_by("id")[:BATCH]))
        for device, row in found:
            try:
                anew = _wrapped(here, newest, row, device)
            except Altered:
                closed.add(row.secret)
                continue
            changed.append((anew.key_id, anew.wrapped_key, _in_database(row.secret), row.key_id))
        if changed:
            with connection.cursor() as cursor:
                cursor.executemany(
                    "UPDATE vault SET key_id = %s, wrapped_key = %s WHERE id = %s AND key_id = %s",
                    changed,
                )
    return _Batch(found[-1][1].secret, len(changed), closed) if found else None


def _wrapped(here: KeyRing, newest: MasterKey, row: Row, device: UUID) -> Row:
    """The row under the newest key, once it was seen to open with it. Raises Altered."""
    if (key := here.find(row.key_id)) is None:
        raise Altered
    data_key = row.data_key(key, device)
    anew = replace(row, key_id=newest.id, wrapped_key=newest.wrap(data_key, row.secret, device))
    anew.password(newest, device)
    return anew


def _closed(here: KeyRing) -> Iterator[Row]:
    """Every row that does not open. All of them are tried."""
    after = UUID(int=0)
    while found := list(_rows(Secret.objects.filter(id__gt=after).order_by("id")[:BATCH])):
        after = found[-1][1].secret
        closed = [row.secret for device, row in found if not _opens(here, row, device)]
        # They may have been wrapped anew since, and their old key taken away; or be gone.
        for device, row in _rows(Secret.objects.filter(id__in=closed)) if closed else ():
            if not _opens(here, row, device):
                yield row


def _opens(here: KeyRing, row: Row, device: UUID) -> bool:
    key = here.find(row.key_id)
    try:
        return key is not None and bool(row.password(key, device) or True)
    except Altered:
        return False


def _rows(rows: QuerySet[Secret]) -> Iterator[tuple[UUID, Row]]:
    """Each with the device it says it belongs to."""
    for secret, device, key_id, wrapped_key, ciphertext in rows.values_list(
        "id", "device", "key_id", "wrapped_key", "ciphertext"
    ):
        yield device, Row(secret, key_id, bytes(wrapped_key), bytes(ciphertext))


def _in_database(secret: UUID) -> object:
    return Secret._meta.pk.get_db_prep_value(secret, connection)


def _file(here: KeyRing, otherwise: str) -> FileKeys:
    if isinstance(here.keys, FileKeys):
        return here.keys
    raise Refused("keys_elsewhere", f"The keys come from {here.keys.name}, not a file. {otherwise}")


def _id_in(line: str) -> str | None:
    key = key_in(line)
    return MasterKey(Key(key)).id if key else None


def _keep_others_from_sealing() -> None:
    """Until this transaction ends nobody adds a row. Whoever was about to then looks at the ring
    once more, see `vault.put_many`. Raises Conflict.
    """
    if connection.vendor != "postgresql":
        return  # SQLite has one writer
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '10s'")
            cursor.execute("LOCK TABLE vault IN SHARE MODE")
    except OperationalError:
        raise Conflict("vault_busy", "Passwords are being stored. Try again in a moment.") from None
