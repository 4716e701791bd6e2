"""What makes a password one that a device takes, and how Rekey chooses one.

The rules are the common ground of the devices named in the reference: 8 to 32 characters, at least
two kinds of them, nothing outside printable ASCII, no space. A device may allow fewer characters
(ONVIF's MaxPasswordLength); what it then refuses is said by the device itself.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass

# No characters that are read for one another (0 O, 1 l I) or that shells, XML and URLs mistake.
LETTERS = "abcdefghijkmnpqrstuvwxyz"
CAPITALS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
DIGITS = "23456789"
SIGNS = "-_.!+"
GENERATED_LENGTH = 16  # 5.9 bits each: 94 bits, against 112 for 19, which many devices cut off

_KINDS = (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation)


@dataclass(frozen=True)
class PasswordRules:
    """Lengths in characters."""

    shortest: int = 8
    longest: int = 32
    kinds: int = 2

    @classmethod
    def of_device(cls, max_length: int | None) -> PasswordRules:
        """The device's own limit, as far as it is one: of a device that says 3, no password would
        satisfy these rules, and looking for one would never end.
        """
        return cls(longest=max(cls.shortest, min(cls.longest, max_length or cls.longest)))

    def problem(self, password: str, username: str = "") -> str | None:
        """What the device would object to, as a sentence that says what to change, or None."""
        if not self.shortest <= len(password) <= self.longest:
            return f"Use {self.shortest} to {self.longest} characters; this has {len(password)}."
        if not all(c in string.printable and not c.isspace() for c in password):
            return "Use letters, digits and signs of a plain keyboard, and no spaces."
        if sum(any(c in kind for c in password) for kind in _KINDS) < self.kinds:
            return "Mix at least two of: small letters, capitals, digits, signs."
        if username and username.lower() in password.lower():
            return "Do not use the account's name in its password."
        return None

    def generate(self) -> str:
        """A password for one device, from the operating system's randomness."""
        length = min(GENERATED_LENGTH, self.longest)
        while True:
            password = "".join(
                secrets.choice(LETTERS + CAPITALS + DIGITS + SIGNS) for _ in range(length)
            )
            kinds = (LETTERS, CAPITALS, DIGITS)
            if password[0] not in SIGNS and all(set(k) & set(password) for k in kinds):
                return password
