"""Verification codes: derived, never stored.

HOTP (RFC 4226) with HMAC-SHA-1; the secret is 160 bits (RFC 4226 §4 R6), one for each reset, by
HKDF-SHA-256 from the server's key; the counter is the number of the send. So a job that runs twice
mails the same code, a resend makes another, and neither database nor broker ever holds one.

Where the device checks the code by itself, key and message are the device's own: `ChallengeKey`.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from unicodedata import category
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from devices.drivers.recovery_crypto import code_for

# Dashes, and the invisible marks that come along with copied text (Unicode's names for them).
_LEFT_OUT = ("Pd", "Cf")


@dataclass(frozen=True)
class CodeKey:
    """The server's key for codes: at least 32 bytes."""

    key: bytes = field(repr=False)

    def code(self, reset: UUID, send: int, digits: int) -> str:
        """The code of a reset's n-th send, with 6 to 8 digits."""
        secret = HKDF(SHA256(), 20, None, b"rekey code 1" + reset.bytes).derive(self.key)
        # RFC 4226 specifies SHA-1; its use in HMAC is not affected by SHA-1's collisions.
        return HOTP(secret, digits, SHA1()).generate(send).decode()  # noqa: S303  # nosec B303

    def matches(self, typed: str, reset: UUID, send: int, digits: int) -> bool:
        """Whether this is the code; in constant time."""
        return hmac.compare_digest(typed.encode(), self.code(reset, send, digits).encode())


@dataclass(frozen=True)
class ChallengeKey(CodeKey):
    """The key of a device that checks the code by itself, and what it asked: its code is the same
    for each send that answers this challenge. Without a challenge nothing matches.
    """

    value: bytes = field(repr=False, default=b"")
    serial: str = ""

    def code(self, reset: UUID, send: int, digits: int) -> str:
        return code_for(self.key, self.value, self.serial, digits)

    def matches(self, typed: str, reset: UUID, send: int, digits: int) -> bool:
        return bool(self.value) and super().matches(typed, reset, send, digits)


def plain(typed: str) -> str:
    """What was typed or pasted, without spaces and dashes, full-width digits made plain."""
    kept = (c for c in typed if not (c.isspace() or c == "−" or category(c) in _LEFT_OUT))
    return "".join(str(int(c)) if c.isdecimal() else c for c in kept)


def grouped(code: str) -> str:
    """As people read it: `1234 5678`."""
    half = len(code) // 2
    return f"{code[:half]} {code[half:]}"


def spelled(code: str) -> str:
    """As it is read out digit by digit, also where a mail reader drops what is meant for ears:
    `1 2 3 4, 5 6 7 8`.
    """
    return ", ".join(" ".join(group) for group in grouped(code).split())
