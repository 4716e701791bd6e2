"""The vault: where passwords are, and the only place where they are, encrypted.

Envelope encryption: each password has a data key of its own, AES-256-GCM; the data key is wrapped
by a master key, whose id stands on the row, see `key_ring`. Both layers are bound to the secret's
id and its device, so a row that is moved to another device does not decrypt. Master keys change
while everything runs, see `vault_rotation`; what nobody needs is forgotten, see `forgetting`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.utils import timezone

from devices.models import Secret
from devices.state import credential_id
from devices.steps.reveal_password import RevealPassword
from devices.vault.forgetting import forget_unreferenced as forget_unreferenced
from devices.vault.forgetting import held_by as held_by
from devices.vault.key_ring import DATA_KEY, Altered, MasterKey, first_context, opened, ring, sealed
from fleet.errors import Conflict
from fleet.eventstore import database
from fleet.eventstore.database import as_uuid
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import By
from fleet.eventstore.tables import Table
from fleet.eventstore.together import Together
from fleet.secrets import UnsuitableKey

log = structlog.get_logger(__name__)

_table = Table(Secret)


class VaultError(Conflict):
    """A password cannot be read or kept. Its `code` says why, its sentence what to do:

    vault_locked      the master key is not there: it has to be put back
    vault_keyless     there is none to lock a password with: it has to be put back
    vault_altered     the row was altered, or belongs elsewhere
    vault_forgotten   there is no such row
    """

    @classmethod
    def locked(cls) -> VaultError:
        return cls(
            "vault_locked",
            "The vault was locked with another master key than Rekey has here. Whoever runs Rekey:"
            " check REKEY_VAULT_KEY, then run manage.py vault status.",
        )

    @classmethod
    def keyless(cls) -> VaultError:
        return cls(
            "vault_keyless",
            "The vault's master key is gone, so no password can be kept, and none is changed."
            " Whoever runs Rekey: check REKEY_VAULT_KEY, then run manage.py vault status.",
        )

    @classmethod
    def altered(cls) -> VaultError:
        return cls(
            "vault_altered",
            "This row of the vault was altered, or belongs elsewhere. Restore the database, or set"
            " a new password on the device.",
        )

    @classmethod
    def forgotten(cls) -> VaultError:
        return cls(
            "vault_forgotten",
            "This password is not in the vault any more. Set a new one on the device.",
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it stands in the table."""

    secret: UUID
    key_id: str
    wrapped_key: bytes
    ciphertext: bytes

    def data_key(self, key: MasterKey, device: UUID) -> bytes:
        """Raises Altered."""
        return key.unwrap(self.wrapped_key, self.secret, device)

    def password(self, key: MasterKey, device: UUID) -> str:
        """Raises Altered."""
        cipher = AESGCM(self.data_key(key, device))
        return opened(cipher, self.ciphertext, first_context(self.secret, device)).decode()


def put(device: UUID, password: str) -> UUID:
    """Keep a password of a device; answers with its id in the vault. Raises VaultError."""
    return put_many([(device, password)])[0]


def put_many(pairs: Iterable[tuple[UUID, str]], *, shared: bool = False) -> list[UUID]:
    """Keep many passwords, each of a device, at once; answers with their ids in that order.
    `shared`: other devices have them too.

    Raises VaultError when there is no key to seal with any more; then nothing is kept.
    """
    try:
        key, now = ring().newest(), timezone.now()
        rows = [_sealed_row(key, device, password) for device, password in pairs]
        more = {"shared": shared, "created_at": now}
        _table.insert([_table.row(row | more) for row in rows])
        # Only now, with the rows in the table, nobody takes a key away that they need: see
        # `vault_rotation.retire`. Whoever did so just before has left a newer one.
        while (newest := ring().newest()).id != key.id:
            _wrap_anew(rows, key, newest)
            key = newest
    except UnsuitableKey as error:
        log.error("vault_keys_unreadable", why=str(error))
        raise VaultError.keyless() from None
    return [row["id"] for row in rows]


def get(secret: UUID, device: UUID) -> str:
    """The password itself. Keep it as briefly as can be, and never in a log or a message.

    Raises VaultError.
    """
    return _get((secret, device))


def get_soon(secret: UUID, device: UUID) -> Callable[[], str]:
    """As `get`, without waiting for it."""
    return _get.soon((secret, device))


def _get_some(asked: list[tuple[UUID, UUID]]) -> list[str | Exception]:
    rows = _rows([secret for secret, _ in asked])
    return [_opened_or_why(rows.get(secret), device) for secret, device in asked]


_get = Together(_get_some)


def _opened_or_why(row: Row | None, device: UUID) -> str | Exception:
    try:
        return _opened(row, device) if row else VaultError.forgotten()
    except VaultError as error:
        return error


def get_many(wanted: Mapping[UUID, UUID]) -> dict[UUID, str]:
    """Many passwords at once, given each secret's device; those that can be read."""
    readable = {}
    columns = ("id", "key_id", "wrapped_key", "ciphertext")
    for secret, key_id, *content in Secret.objects.filter(pk__in=wanted).values_list(*columns):
        with suppress(VaultError):
            row = Row(secret, key_id, *map(bytes, content))
            readable[secret] = _opened(row, wanted[secret])
    return readable


def _opened(row: Row, device: UUID) -> str:
    secret = row.secret
    if (key := ring().find(row.key_id)) is None:
        row = _row(secret)  # it may have been wrapped anew while its key was looked for
        if (key := ring().find(row.key_id)) is None:
            log.error("vault_locked", secret=str(secret), key=row.key_id)
            raise VaultError.locked()
    try:
        return row.password(key, device)
    except Altered:
        log.error("vault_altered", secret=str(secret), key=row.key_id)
        raise VaultError.altered() from None


def forget(secret: UUID) -> None:
    """Delete what nobody needs any more, and knows so: an uploaded list, not a password."""
    Secret.objects.filter(pk=secret).delete()


def reveal(device: UUID, username: str, reason: str, by: By) -> str:
    """The current password, for a person to see, once its showing is recorded.

    Raises Refused, NotFound, Forbidden and VaultError.
    """
    outcome = handle(RevealPassword(reason), credential_id(device, username), by)
    return get(outcome.state.current, device)


def _row(secret: UUID) -> Row:
    if (row := _rows([secret]).get(secret)) is None:
        raise VaultError.forgotten()
    return row


def _rows(secrets: list[UUID]) -> dict[UUID, Row]:
    marks = ", ".join(["%s"] * len(secrets))
    found = database.rows(
        f"SELECT id, key_id, wrapped_key, ciphertext FROM vault WHERE id IN ({marks})",  # noqa: S608
        secrets,
    )
    rows = (Row(as_uuid(secret), key, *map(bytes, content)) for secret, key, *content in found)
    return {row.secret: row for row in rows}


def _sealed_row(key: MasterKey, device: UUID, password: str) -> dict[str, Any]:
    secret, data_key = new_id(), os.urandom(DATA_KEY)
    return {
        "id": secret,
        "device": device,
        "key_id": key.id,
        "wrapped_key": key.wrap(data_key, secret, device),
        "ciphertext": sealed(AESGCM(data_key), password.encode(), first_context(secret, device)),
    }


def _wrap_anew(rows: list[dict[str, Any]], key: MasterKey, newest: MasterKey) -> None:
    for row in rows:
        secret, device = row["id"], row["device"]
        data_key = key.unwrap(row["wrapped_key"], secret, device)
        row |= {"key_id": newest.id, "wrapped_key": newest.wrap(data_key, secret, device)}
        changed = {"key_id": newest.id, "wrapped_key": row["wrapped_key"]}
        Secret.objects.filter(pk=secret).update(**changed)
