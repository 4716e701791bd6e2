"""The front door of a virtual device: HTTP digest or WS-UsernameToken, enforced.

``Access.enter`` returns the level of whoever logged in, or raises ``Denied`` with the refusal that
the device would answer with.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element  # nosec B405

from devices.virtual.device import Auth, Character, Device, Fault

REALM = "TP-LINK IP-Camera"
CLOCK_TOLERANCE = 300.0
"""Seconds by which a token's time may differ from the device's clock, either way."""
NONCE_LIFE = 60.0
"""Seconds for which a digest challenge can be answered, any number of times."""

_FIELD = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')


class Denied(Exception):
    """Not let in. ``challenge`` is a WWW-Authenticate header where the device does HTTP digest."""

    def __init__(self, status: int, fault: Fault, challenge: str | None = None) -> None:
        super().__init__(str(fault))
        self.status = status
        self.fault = fault
        self.challenge = challenge


@dataclass(slots=True)
class _Nonce:
    issued: float
    highest_count: int = 0


class Access:
    """What one device remembers of challenges and tokens while it is on."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._challenges: dict[str, _Nonce] = {}
        self._tokens: dict[str, float] = {}

    def enter(
        self, header: Element | None, authorization: str | None, uri: str, client: str, now: float
    ) -> str:
        """The level of the account that this request logs in with. Counts failed logins."""
        if self._device.spec.auth is Auth.WS:
            token = header.find(".//{*}UsernameToken") if header is not None else None
            if token is None:
                raise Denied(400, Fault("NotAuthorized"))
            self._refuse_locked(400, client, now)
            username, opens = self._token(token, now)
        else:
            if not (authorization or "").lower().startswith("digest "):
                raise self._challenge(now)
            self._refuse_locked(403, client, now)
            username, opens = self._digest(authorization or "", uri, now)
        users = self._device.users
        if self._device.spec.character is Character.OPEN:
            return "Administrator"
        if not opens:
            self._device.failed(client, now)
            raise self._challenge(now) if self._over_http else Denied(400, Fault("NotAuthorized"))
        self._device.succeeded(client)
        return users[username].level

    @property
    def _over_http(self) -> bool:
        return self._device.spec.auth is not Auth.WS

    def _refuse_locked(self, status: int, client: str, now: float) -> None:
        left = self._device.locked_for(client, now)
        if left:
            raise Denied(status, Fault("NotAuthorized", "AccountLocked", retry_after=int(left) + 1))

    # -- WS-UsernameToken -----------------------------------------------------------------------

    def _token(self, token: Element, now: float) -> tuple[str, bool]:
        username = token.findtext("{*}Username") or ""
        created = token.findtext("{*}Created") or ""
        digest = token.findtext("{*}Password") or ""
        try:
            nonce = base64.b64decode(token.findtext("{*}Nonce") or "", validate=True)
            time = datetime.fromisoformat(created).astimezone(UTC).timestamp()
        except (binascii.Error, ValueError) as error:
            raise Denied(400, Fault("NotAuthorized")) from error
        clock = self._device.clock(now)
        if abs(time - clock) > CLOCK_TOLERANCE:
            raise Denied(400, Fault("MessageExpired"))
        self._tokens = {
            seen: at for seen, at in self._tokens.items() if clock - at <= CLOCK_TOLERANCE
        }
        if nonce.hex() in self._tokens:
            raise Denied(400, Fault("NotAuthorized"))
        self._tokens[nonce.hex()] = time

        def signed(password: str) -> str:
            data = nonce + created.encode() + password.encode()
            return base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()

        return username, self._any(username, signed, digest)

    # -- HTTP digest ------------------------------------------------------------------------------

    def _challenge(self, now: float, *, stale: bool = False) -> Denied:
        self._challenges = {
            nonce: known
            for nonce, known in self._challenges.items()
            if now - known.issued <= NONCE_LIFE
        }
        nonce = secrets.token_hex(16)
        self._challenges[nonce] = _Nonce(now)
        return Denied(
            401,
            Fault("NotAuthorized"),
            f'Digest realm="{REALM}", qop="auth", algorithm={self._algorithm}, nonce="{nonce}"'
            f"{', stale=true' if stale else ''}",
        )

    @property
    def _algorithm(self) -> str:
        return "SHA-256" if self._device.spec.auth is Auth.DIGEST_SHA256 else "MD5"

    def _digest(self, authorization: str, uri: str, now: float) -> tuple[str, bool]:
        given = {name: quoted or plain for name, quoted, plain in _FIELD.findall(authorization)}
        known = self._challenges.get(given.get("nonce", ""))
        count = given.get("nc", "")
        if known is None or now - known.issued > NONCE_LIFE:
            raise self._challenge(now, stale=True)
        if not re.fullmatch("[0-9a-f]{8}", count) or int(count, 16) <= known.highest_count:
            raise self._challenge(now, stale=True)
        known.highest_count = int(count, 16)
        username = re.sub(r"\\(.)", r"\1", given.get("username", ""))
        right_form = (
            given.get("realm") == REALM
            and given.get("uri") == uri
            and given.get("qop") == "auth"
            and "cnonce" in given
            and given.get("algorithm") == self._algorithm
        )

        def h(*parts: str) -> str:
            data = ":".join(parts).encode()
            if self._algorithm == "SHA-256":
                return hashlib.sha256(data).hexdigest()
            return hashlib.md5(data, usedforsecurity=False).hexdigest()

        def signed(password: str) -> str:
            a1, a2 = h(username, REALM, password), h("POST", uri)
            return h(a1, given["nonce"], count, given.get("cnonce", ""), "auth", a2)

        return username, right_form and self._any(username, signed, given.get("response", ""))

    def _any(self, username: str, signed: Callable[[str], str], answer: str) -> bool:
        return any(
            hmac.compare_digest(signed(password).encode(), answer.encode())
            for password in self._device.passwords_of(username)
        )
