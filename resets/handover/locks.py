"""What a file of passwords opens to: keys of those who are to read it, or a passphrase. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from fleet.errors import Refused
from resets.handover import age

MOST_KEYS = 10
SHORTEST = 16  # characters: whoever has the file may try as long as they like
FEWEST_KINDS = 8  # different characters among them
LONGEST_KEY, LONGEST_PASSPHRASE = 1000, 200


class Lock(Protocol):
    """`opens` says in words what opens the file; it stands in the history."""

    @property
    def opens(self) -> str: ...

    def sealed(self, plain: bytes) -> str:
        """The file, as text."""
        ...


@dataclass(frozen=True)
class Keys:
    """Public keys, of which each opens the file by itself."""

    keys: tuple[str, ...]

    @property
    def opens(self) -> str:
        return ", ".join(_short(key) for key in self.keys)

    def sealed(self, plain: bytes) -> str:
        return age.to_keys(plain, self.keys)


@dataclass(frozen=True)
class Passphrase:
    """Words that somebody made up for it, and tells to whoever is to open it."""

    words: str = field(repr=False)

    @property
    def opens(self) -> str:
        return "a passphrase"

    def sealed(self, plain: bytes) -> str:
        return age.to_passphrase(plain, self.words)


def lock_of(keys: str, passphrase: str, again: str) -> Lock:
    """The lock that was asked for: keys, one to a line, or a passphrase that was typed twice.

    Raises Refused.
    """
    lines = tuple(dict.fromkeys(line.strip() for line in keys.splitlines() if line.strip()))
    if bool(lines) == bool(passphrase):
        raise Refused(
            "one_lock_needed",
            "Give either public keys or a passphrase: the file is encrypted to one of them.",
            field="keys",
        )
    return _keys(lines) if lines else _passphrase(passphrase, again)


def _keys(lines: tuple[str, ...]) -> Keys:
    if len(lines) > MOST_KEYS:
        raise Refused("too_many_keys", f"{MOST_KEYS} keys at most, please.", field="keys")
    for number, line in enumerate(lines, start=1):
        if line.upper().startswith("AGE-SECRET-KEY-"):
            raise Refused(
                "key_is_secret",
                f"Line {number} is a secret key. Whoever sees it opens every file made for it: "
                "make a new pair, and give its public key, which begins with age1.",
                field="keys",
            )
        try:
            age.recipient(line)
        except age.NoKey:
            raise Refused(
                "key_wrong",
                f"Line {number} is no public key: one of age begins with age1, one of SSH with "
                "ssh-ed25519 or ssh-rsa.",
                field="keys",
            ) from None
    return Keys(lines)


def _passphrase(passphrase: str, again: str) -> Passphrase:
    if len(passphrase) < SHORTEST or len(set(passphrase)) < FEWEST_KINDS:
        raise Refused(
            "passphrase_weak",
            f"Use at least {SHORTEST} characters, {FEWEST_KINDS} of them different. Five words "
            "that have nothing to do with one another are good.",
            field="passphrase",
        )
    if passphrase != again:
        raise Refused(
            "passphrases_differ",
            "These are not the same. Nobody could open the file: type both again.",
            field="again",
        )
    return Passphrase(passphrase)


def _short(key: str) -> str:
    """Enough of a public key to know it again."""
    return key if len(key) <= 64 else f"{key[:24]}…{key[-24:]}"
