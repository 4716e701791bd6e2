"""The vault's master keys: the first one seals, any of them opens.

A row of the vault names the key that its data key is wrapped with by an id: 64 bits of a hash of
the key, which tell nothing of it.

A data key is wrapped by AES-256-GCM, bound to the secret's id and its device, so that a row that is
moved does not open. Since the second form it is bound to the key's id as well; its first byte says
so. Rows of the first form, which had no such byte, are known by their length, open as ever, and
take the second form when they are wrapped anew (`manage.py vault rotate`).
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from datetime import datetime
from functools import lru_cache
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from fleet.secrets import EnvironmentKeys, Key, Keys, UnsuitableKey

log = structlog.get_logger(__name__)

NONCE = 12  # bytes, NIST SP 800-38D
TAG = 16
DATA_KEY = 32
FIRST_FORM = NONCE + DATA_KEY + TAG  # its length; it has no byte that says so
SECOND_FORM = b"\x02"
LOOK_AGAIN = 5.0  # seconds; so that a thousand rows under a lost key are not a thousand commands


class Altered(Exception):
    """What was sealed does not open with this key and in this place."""


class MasterKey:
    """One key of the ring. `made` is None where its source does not say."""

    def __init__(self, key: Key) -> None:
        self.id = hashlib.sha256(b"rekey vault key id" + key.value).hexdigest()[:16]
        self.made: datetime | None = key.made
        self._cipher = AESGCM(key.value[:DATA_KEY])

    def __repr__(self) -> str:
        return f"MasterKey({self.id})"

    def wrap(self, data_key: bytes, secret: UUID, device: UUID) -> bytes:
        nonce = os.urandom(NONCE)
        context = self._context(secret, device)
        return SECOND_FORM + nonce + self._cipher.encrypt(nonce, data_key, context)

    def unwrap(self, wrapped: bytes, secret: UUID, device: UUID) -> bytes:
        """The data key. Raises Altered."""
        if len(wrapped) == FIRST_FORM:
            return opened(self._cipher, wrapped, first_context(secret, device))
        if wrapped[:1] != SECOND_FORM:
            raise Altered
        return opened(self._cipher, wrapped[1:], self._context(secret, device))

    def _context(self, secret: UUID, device: UUID) -> bytes:
        return b"rekey vault 2" + secret.bytes + device.bytes + self.id.encode()


class KeyRing:
    """All keys that this process knows, read again from where they come from as need be."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self._known: tuple[tuple[Key, ...], dict[str, MasterKey]] = ((), {})
        self._missed: dict[str, float] = {}
        self._lock = threading.Lock()

    def newest(self) -> MasterKey:
        """The key to seal with, as its source has it at this moment.

        Raises UnsuitableKey when the file with the keys is gone: what is sealed with a key that
        only this process remembers is lost with the process.
        """
        return next(iter(self._take(self.keys.fresh()).values()))

    def all(self) -> list[MasterKey]:
        """Every key, newest first. Raises UnsuitableKey."""
        return list(self._take(self.keys.fresh()).values())

    def find(self, key_id: str) -> MasterKey | None:
        """The key of a row. One that is not known is looked for where the keys come from, once."""
        if (known := self._take(self.keys.last).get(key_id)) is not None:
            return known
        if isinstance(self.keys, EnvironmentKeys):
            return None  # a process's environment does not change
        with self._lock:  # of many threads that meet the same new key, one looks
            if known := self._take(self.keys.last).get(key_id):
                return known
            now = time.monotonic()
            if now - self._missed.get(key_id, -LOOK_AGAIN) < LOOK_AGAIN:
                return None
            try:
                found = self._take(self.keys.read_again()).get(key_id)
            except UnsuitableKey as error:
                log.error("vault_keys_unreadable", why=str(error))
                found = None
            if found is None:
                self._missed[key_id] = now
            return found

    def _take(self, keys: tuple[Key, ...]) -> dict[str, MasterKey]:
        of, ring = self._known
        if keys is not of:
            ring = {key.id: key for key in map(MasterKey, keys)}
            self._known = keys, ring
        return ring


def ring() -> KeyRing:
    """This process's ring."""
    return _ring_of(settings.REKEY_VAULT_KEYS)


@lru_cache(maxsize=8)
def _ring_of(keys: Keys) -> KeyRing:
    return KeyRing(keys)


def first_context(secret: UUID, device: UUID) -> bytes:
    """What a password, and a data key of the first form, are bound to."""
    return b"rekey vault 1" + secret.bytes + device.bytes


def sealed(cipher: AESGCM, plain: bytes, context: bytes) -> bytes:
    nonce = os.urandom(NONCE)
    return nonce + cipher.encrypt(nonce, plain, context)


def opened(cipher: AESGCM, sealed: bytes, context: bytes) -> bytes:
    """Raises Altered."""
    try:
        return cipher.decrypt(sealed[:NONCE], sealed[NONCE:], context)
    except (InvalidTag, ValueError):  # ValueError: too short even for a nonce
        raise Altered from None
