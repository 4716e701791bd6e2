"""Tokens that open one door each to whoever holds them, with no sign-in: the QR's, the one in the
mail that says "this was not me", and the one in a campaign's mail, for its devices of one mailbox.

Derived, never stored: HMAC-SHA-256 under a key of their own (HKDF from the server's key for codes),
cut to 128 bits (NIST SP 800-63B asks for 112), over what the token is for. 35 bytes, so that base32
has no bits to spare: no token can be written in two ways, but for small letters and separators.

Pure.
"""

from __future__ import annotations

import hmac
from base64 import b32decode, b32encode
from binascii import Error
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fleet.eventstore.messages import Command, State
from resets.state import ResetState

LONGEST = 300  # characters of what may be pasted: the whole address, with separators
_BYTES, _MAC, _LETTERS = 35, 16, 56
_NONE = UUID(int=0)


class Kind(IntEnum):
    """What a token opens."""

    QR = 1
    NOT_ME = 2
    CAMPAIGN = 3


@dataclass(frozen=True)
class Claim:
    """What a token says of itself. Nothing of it is true before `PhoneKey.holds` says so. `reset`
    is the stream of a campaign's codes where it is of one.
    """

    kind: int = 0
    reset: UUID = _NONE
    number: int = 0
    mac: bytes = field(default=bytes(_MAC), repr=False)


@dataclass(frozen=True)
class PhoneKey:
    """The server's key for codes, from which the tokens' own is derived."""

    key: bytes = field(default=b"", repr=False)

    def token(self, kind: Kind, reset: State, number: int) -> str:
        """The token of a reset's QR, or of the mail with its code (or a campaign's), of this
        number.
        """
        said = _said(kind, reset.id, number)
        return b32encode(said + self._mac(said, kind, reset)).decode()

    def holds(self, claim: Claim, kind: Kind, reset: State) -> bool:
        """Whether the claim is true of this reset; in constant time, also of one that is none."""
        right = self._mac(_said(kind, reset.id, claim.number), kind, reset)
        is_of_it = (claim.kind, claim.reset) == (kind, reset.id)
        return hmac.compare_digest(claim.mac, right) and is_of_it and reset.subject is not None

    def _mac(self, said: bytes, kind: Kind, reset: State) -> bytes:
        """Also over the device, or the campaign, and, for a QR, over the challenge that the device
        gave, if any: for another challenge another QR is shown.
        """
        key = HKDF(SHA256(), 32, None, b"rekey phone 1").derive(self.key)
        said += (reset.subject or _NONE).bytes
        if kind is Kind.QR and isinstance(reset, ResetState) and reset.taken is not None:
            said += f"{reset.taken.challenge} {reset.taken.value}".encode()
        return hmac.digest(key, said, sha256)[:_MAC]


def read(text: str) -> Claim:
    """The claim in a token, or in the address around it; a blank one in anything else."""
    letters = "".join(text[:LONGEST].rpartition("#")[2].replace("-", " ").split())
    if not (letters.isascii() and len(letters) == _LETTERS):
        return Claim()
    try:
        said = b32decode(letters.upper())
    except Error:
        return Claim()
    number = int.from_bytes(said[17:19])
    return Claim(said[0], UUID(bytes=said[1:17]), number, said[_BYTES - _MAC :])


def _said(kind: int, reset: UUID, number: int) -> bytes:
    return bytes([kind]) + reset.bytes + number.to_bytes(2)


class ByToken(Command[ResetState]):
    """A command that whoever holds a token sends, signed in or not. Nobody else is asked for it."""
