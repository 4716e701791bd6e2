"""HTTP digest as a device enforces it (RFC 7616, qop "auth"), for whichever of its services."""

import hashlib
import hmac
import re
from dataclasses import dataclass

from devices.virtual.device import Device
from devices.virtual.spec import Character

NONCE_LIFE = 60.0
"""Seconds for which a challenge can be answered, any number of times with a growing count."""

_FIELD = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_COUNT = re.compile("[0-9a-f]{8}")


class Refused(Exception):
    """Not let in. ``challenge`` is a value for WWW-Authenticate; none where the client is locked
    out, for ``locked`` seconds. ``wrong``: user name or password were, and a try was counted."""

    def __init__(self, challenge: str = "", *, wrong: bool = False, locked: float = 0) -> None:
        super().__init__()
        self.challenge = challenge
        self.wrong = wrong
        self.locked = locked


@dataclass(slots=True)
class _Nonce:
    issued: float
    highest_count: int = 0


class Digest:
    """The challenges of one service; void with it. ``door`` as in ``Device.passwords_of``."""

    __slots__ = ("_algorithm", "_device", "_door", "_nonces", "_realm")

    def __init__(self, device: Device, realm: str, algorithm: str = "MD5", door: str = "") -> None:
        """``algorithm`` is "MD5" or "SHA-256"."""
        self._device = device
        self._realm = realm
        self._algorithm = algorithm
        self._door = door
        self._nonces: dict[str, _Nonce] = {}

    def enter(
        self, authorization: str | None, method: str, target: str, client: str, now: float
    ) -> str:
        """The name of the account that a request logs in with. Counts a wrong login.

        Raises Refused.
        """
        if authorization is None or not authorization.lower().startswith("digest "):
            raise Refused(self.challenge(now))
        locked = self._device.locked_for(client, now)
        if locked:
            raise Refused(locked=locked)
        given = {name: quoted or plain for name, quoted, plain in _FIELD.findall(authorization)}
        known, count = self._nonces.get(given.get("nonce", "")), given.get("nc", "")
        if known is None or now - known.issued > NONCE_LIFE:
            raise Refused(self.challenge(now, stale=True))
        if not _COUNT.fullmatch(count) or int(count, 16) <= known.highest_count:
            raise Refused(self.challenge(now, stale=True))
        known.highest_count = int(count, 16)
        username = re.sub(r"\\(.)", r"\1", given.get("username", ""))
        if not self._device.is_(Character.OPEN):
            if not self._right(given, username, method, target):
                self._device.failed(client, now, username)
                raise Refused(self.challenge(now), wrong=True)
            self._device.succeeded(client)
        return username

    def challenge(self, now: float, *, stale: bool = False) -> str:
        """A new challenge, as the value of WWW-Authenticate."""
        if self._nonces:
            self._nonces = {
                nonce: known
                for nonce, known in self._nonces.items()
                if now - known.issued <= NONCE_LIFE
            }
        nonce = self._device.random_bytes(16).hex()
        self._nonces[nonce] = _Nonce(now)
        return (
            f'Digest realm="{self._realm}", qop="auth", algorithm={self._algorithm},'
            f' nonce="{nonce}"{", stale=true" if stale else ""}'
        )

    def _right(self, given: dict[str, str], username: str, method: str, target: str) -> bool:
        right_form = (
            given.get("realm") == self._realm
            and given.get("uri") == target
            and given.get("qop") == "auth"
            and "cnonce" in given
            and given.get("algorithm") == self._algorithm
        )
        if not right_form:
            return False
        answer, a2 = given.get("response", "").encode(), self._hash(method, target)
        return any(
            hmac.compare_digest(
                self._hash(
                    self._hash(username, self._realm, password),
                    *(given["nonce"], given["nc"], given["cnonce"], "auth", a2),
                ).encode(),
                answer,
            )
            for password in self._device.passwords_of(username, self._door)
        )

    def _hash(self, *parts: str) -> str:
        data = ":".join(parts).encode()
        if self._algorithm == "SHA-256":
            return hashlib.sha256(data).hexdigest()
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
