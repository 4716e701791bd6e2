"""HTTP digest authentication (RFC 7616), MD5 and SHA-256.

aiohttp's DigestAuthMiddleware does not fit here: it reads only the first WWW-Authenticate header
(some devices put Basic before Digest, or offer MD5 and SHA-256 in two), and with a remembered
challenge it answers a refusal once more, so that one wrong password costs two of the few login
tries that a device allows.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from devices.drivers.base import Login

_HASHES: dict[str, Callable[[bytes], "hashlib._Hash"]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False),  # the device's choice, not ours
    "SHA-256": hashlib.sha256,
}
_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z][A-Za-z0-9-]*)\s+(?=[A-Za-z-]+\s*=)")
_PARAMETER = re.compile(r'([A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the device asked to be answered."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: str = ""
    opaque: str | None = None
    stale: bool = False

    def answer(self, login: Login, method: str, uri: str, count: int) -> str:
        """The Authorization header. ``count`` is how often this challenge was answered, from 1."""
        cnonce = secrets.token_hex(8)
        algorithm = self.algorithm.upper()
        digest = _HASHES[algorithm.removesuffix("-SESS")]

        def h(*parts: str) -> str:
            return digest(":".join(parts).encode(errors="surrogateescape")).hexdigest()

        a1 = h(login.username, self.realm, login.password)
        if algorithm.endswith("-SESS"):
            a1 = h(a1, self.nonce, cnonce)
        a2 = h(method, uri)
        nc = f"{count:08x}"
        if self.qop:
            response = h(a1, self.nonce, nc, cnonce, self.qop, a2)
        else:
            response = h(a1, self.nonce, a2)
        fields = [
            f'username="{_quoted(login.username)}"',
            f'realm="{_quoted(self.realm)}"',
            f'nonce="{_quoted(self.nonce)}"',
            f'uri="{uri}"',
            f'response="{response}"',
            f"algorithm={self.algorithm}",
        ]
        if self.qop:
            fields += [f"qop={self.qop}", f"nc={nc}", f'cnonce="{cnonce}"']
        if self.opaque is not None:
            fields.append(f'opaque="{_quoted(self.opaque)}"')
        return "Digest " + ", ".join(fields)


def challenge(headers: Iterable[str]) -> Challenge | None:
    """The strongest challenge that can be answered among WWW-Authenticate headers, or None."""
    found = [one for header in headers for one in _challenges(header)]
    return max(found, key=lambda one: one.algorithm.upper().startswith("SHA"), default=None)


def _challenges(header: str) -> Iterable[Challenge]:
    starts = list(_SCHEME.finditer(header))
    for index, this in enumerate(starts):
        if this[1].lower() != "digest":
            continue
        end = starts[index + 1].start() if index + 1 < len(starts) else len(header)
        given = {
            name.lower(): _unquoted(quoted) if quoted else token
            for name, quoted, token in _PARAMETER.findall(header[this.end() : end])
        }
        algorithm = given.get("algorithm", "MD5")
        offered = {one.strip().lower() for one in given.get("qop", "").split(",")} - {""}
        if algorithm.upper().removesuffix("-SESS") not in _HASHES or not given.get("nonce"):
            continue
        if offered and "auth" not in offered:
            continue  # auth-int alone: not seen on any device
        yield Challenge(
            realm=given.get("realm", ""),
            nonce=given["nonce"],
            algorithm=algorithm,
            qop="auth" if offered else "",
            opaque=given.get("opaque"),
            stale=given.get("stale", "").lower() == "true",
        )


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text) if "\\" in text else text
