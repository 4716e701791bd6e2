"""The vault: where passwords are, and the only place where they are, encrypted.

Envelope encryption: each password has a data key of its own, AES-256-GCM; the data key is wrapped
by the master key, whose id stands on the row. Both layers are bound to the secret's id and its
device, so a row that is moved to another device does not decrypt.
"""

from __future__ import annotations

import hashlib
import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from devices.models import Secret
from devices.state import credential_id
from devices.steps.reveal_password import RevealPassword
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import By

NONCE = 12  # bytes, NIST SP 800-38D


class VaultError(Exception):
    """A password cannot be read: the key is another one, or the row was altered."""


def put(device: UUID, password: str) -> UUID:
    """Keep a password of a device; answers with its id in the vault."""
    secret, data_key = new_id(), AESGCM.generate_key(256)
    context = _context(secret, device)
    Secret.objects.create(
        id=secret,
        device=device,
        key_id=_key_id(settings.REKEY_VAULT_KEY),
        wrapped_key=_sealed(settings.REKEY_VAULT_KEY[:32], data_key, context),
        ciphertext=_sealed(data_key, password.encode(), context),
    )
    return secret


def get(secret: UUID, device: UUID) -> str:
    """The password itself. Keep it as briefly as can be, and never in a log or a message.

    Raises VaultError.
    """
    row = Secret.objects.filter(pk=secret).first()
    if row is None:
        raise VaultError("this password is not in the vault any more")
    if row.key_id != _key_id(settings.REKEY_VAULT_KEY):
        raise VaultError("the vault was locked with another master key: check REKEY_VAULT_KEY")
    context = _context(secret, device)
    try:
        data_key = _opened(settings.REKEY_VAULT_KEY[:32], bytes(row.wrapped_key), context)
        return _opened(data_key, bytes(row.ciphertext), context).decode()
    except (InvalidTag, ValueError):  # ValueError: too short even for a nonce
        raise VaultError("this row of the vault was altered, or belongs elsewhere") from None


def _context(secret: UUID, device: UUID) -> bytes:
    return b"rekey vault 1" + secret.bytes + device.bytes


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"rekey vault key id" + key).hexdigest()[:16]


def _sealed(key: bytes, plain: bytes, context: bytes) -> bytes:
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, context)


def _opened(key: bytes, sealed: bytes, context: bytes) -> bytes:
    return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], context)


def reveal(device: UUID, username: str, reason: str, by: By) -> str:
    """The current password, for a person to see, once its showing is recorded.

    Raises Refused, NotFound, Forbidden and VaultError.
    """
    outcome = handle(RevealPassword(reason), credential_id(device, username), by)
    return get(outcome.state.current, device)
