"""HTTP digest as virtual devices enforce it: RFC 7616 with a qop, or RFC 2069 without one.

The NVR OpenAPI asks without a qop (the vendor's guide computes H(A1:nonce:A2)); RTSP servers are
seen with and without one. A nonce can be answered for a while; with a qop its count has to grow.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

NONCE_LIFE = 60.0
"""Seconds for which a challenge can be answered."""
_NONCES_KEPT = 32  # a device has little memory: the oldest challenges go first

_FIELD = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')


class Algorithm(StrEnum):
    """How a device hashes; the value is the word in its challenge."""

    MD5 = "MD5"
    SHA256 = "SHA-256"

    def hashed(self, *parts: str) -> str:
        data = _bytes(":".join(parts))
        if self is Algorithm.SHA256:
            return hashlib.sha256(data).hexdigest()
        return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Stale(Exception):
    """The answer is to no challenge that stands: it says nothing of the password."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Who says to be there, and whether one of the passwords given made this answer."""

    username: str
    opens: Callable[[Iterable[str]], bool]


class DigestGuard:
    """The challenges of one door, and the check of what comes back."""

    __slots__ = ("_algorithm", "_extra", "_nonces", "_qop", "_random_bytes", "_realm")

    def __init__(
        self,
        realm: str,
        algorithm: Algorithm,
        random_bytes: Callable[[int], bytes],
        *,
        qop: bool,
        extra: str = "",
    ) -> None:
        """``extra`` is put at the end of every challenge."""
        self._realm = realm
        self._algorithm = algorithm
        self._random_bytes = random_bytes
        self._qop = qop
        self._extra = extra
        self._nonces: dict[str, tuple[float, int]] = {}  # when it was given, its highest count

    def challenge(self, now: float, *, stale: bool = False) -> str:
        """A value for WWW-Authenticate, with a new nonce."""
        self._forget(now)
        nonce = self._random_bytes(16).hex()
        self._nonces[nonce] = (now, 0)
        parts = [f'realm="{self._realm}"', f'nonce="{nonce}"', f'algorithm="{self._algorithm}"']
        if self._qop:
            parts.append('qop="auth"')
        if stale:
            parts.append("stale=true")
        return f"Digest {', '.join(parts)}{self._extra}"

    def read(self, authorization: str, method: str, uri: str, now: float) -> Answer:
        """Read the Authorization header of a request. Raises Stale."""
        given = {name: quoted or plain for name, quoted, plain in _FIELD.findall(authorization)}
        self._forget(now)
        nonce, count = given.get("nonce", ""), given.get("nc", "")
        if nonce not in self._nonces:
            raise Stale
        if self._qop:
            issued, highest = self._nonces[nonce]
            if not re.fullmatch("[0-9a-f]{8}", count) or int(count, 16) <= highest:
                raise Stale
            self._nonces[nonce] = (issued, int(count, 16))
        username = _utf8(re.sub(r"\\(.)", r"\1", given.get("username", "")))
        right_form = (
            given.get("realm") == self._realm
            and given.get("uri") == uri
            and given.get("algorithm", Algorithm.MD5) == self._algorithm
            and (given.get("qop"), "cnonce" in given)
            == (("auth", True) if self._qop else (None, False))
        )

        def made_by(password: str) -> bool:
            h = self._algorithm.hashed
            middle = [nonce, count, given.get("cnonce", ""), "auth"] if self._qop else [nonce]
            wanted = h(h(username, self._realm, password), *middle, h(method, uri))
            return hmac.compare_digest(_bytes(wanted), _bytes(given.get("response", "")))

        return Answer(username, lambda passwords: right_form and any(map(made_by, passwords)))

    def _forget(self, now: float) -> None:
        if self._nonces:
            living = {n: known for n, known in self._nonces.items() if now - known[0] <= NONCE_LIFE}
            self._nonces = dict(list(living.items())[-_NONCES_KEPT:])


def _utf8(text: str) -> str:
    """A name as it was meant: headers are read as Latin-1, and mostly sent as UTF-8."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")  # as headers are read
