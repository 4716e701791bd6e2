"""The front door of a virtual device's ONVIF service: HTTP digest or WS-UsernameToken, enforced.

``Access.enter`` returns the level of whoever logged in, or raises ``Denied`` with the refusal that
the device would answer with.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime
from xml.etree.ElementTree import Element  # nosec B405

from devices.virtual.device import Device, Fault
from devices.virtual.digest_guard import Algorithm, DigestGuard, Stale
from devices.virtual.lockout import FOR_GOOD
from devices.virtual.service import Request
from devices.virtual.spec import Auth, Character

REALM = "TP-LINK IP-Camera"
CLOCK_TOLERANCE = 300.0
"""Seconds by which a token's time may differ from the device's clock, either way."""


class Denied(Exception):
    """Not let in. ``challenge`` is a WWW-Authenticate header where the device does HTTP digest."""

    def __init__(self, status: int, fault: Fault, challenge: str = "") -> None:
        super().__init__(str(fault))
        self.status = status
        self.fault = fault
        self.challenge = challenge


class Access:
    """What one device remembers of challenges and tokens while it is on."""

    __slots__ = ("_device", "_digest", "_tokens")

    def __init__(self, device: Device) -> None:
        self._device = device
        self._digest = None
        if device.spec.auth is not Auth.WS:
            sha = device.spec.auth is Auth.DIGEST_SHA256
            algorithm = Algorithm.SHA256 if sha else Algorithm.MD5
            self._digest = DigestGuard(REALM, algorithm, device.random_bytes, qop=True)
        self._tokens: dict[bytes, float] = {}

    def enter(self, header: Element | None, request: Request) -> str:
        """The level of the account that this request logs in with. Counts failed logins."""
        token = header.find(".//{*}UsernameToken") if header is not None else None
        if self._digest is None or (token is not None and self._device.is_(Character.TWO_WAYS)):
            username = self._by_token(token, request.client, request.now)
        else:
            username = self._by_digest(self._digest, request)
        if self._device.is_(Character.OPEN):
            return "Administrator"
        return self._device.users[username].level

    def turn_away(self, now: float) -> None:
        """Refuse as if no login had been given. Raises Denied."""
        if self._digest is None:
            raise Denied(400, Fault("NotAuthorized"))
        raise _challenged(self._digest, now)

    def _by_digest(self, digest: DigestGuard, request: Request) -> str:
        device, now = self._device, request.now
        given = request.headers.get("authorization", "")
        if not given.lower().startswith("digest "):
            raise _challenged(digest, now)
        if locked := device.locked_for(request.client, now):
            raise Denied(403, _locked(locked))
        try:
            answer = digest.read(given, request.method, request.target, now)
        except Stale as stale:
            raise _challenged(digest, now, stale=True) from stale
        if device.is_(Character.OPEN):
            return answer.username
        if not answer.opens(device.passwords_of(answer.username)):
            device.failed(request.client, now, answer.username)
            raise self._wrong() if device.spec.refusal_status else _challenged(digest, now)
        device.succeeded(request.client)
        return answer.username

    def _by_token(self, token: Element | None, client: str, now: float) -> str:
        if token is None:
            raise Denied(400, Fault("NotAuthorized"))
        locked = self._device.locked_for(client, now)
        if locked:
            raise Denied(400, _locked(locked))
        username = token.findtext("{*}Username") or ""
        created = token.findtext("{*}Created") or ""
        digest = token.findtext("{*}Password") or ""
        try:
            nonce = base64.b64decode(token.findtext("{*}Nonce") or "", validate=True)
            time = datetime.fromisoformat(created).astimezone(UTC).timestamp()
        except (binascii.Error, ValueError) as error:
            raise Denied(400, Fault("NotAuthorized")) from error
        clock = self._device.clock(now)
        if abs(time - clock) > CLOCK_TOLERANCE and not self._device.is_(Character.TIMELESS):
            raise Denied(400, Fault("MessageExpired"))
        self._tokens = {
            seen: at for seen, at in self._tokens.items() if abs(clock - at) <= CLOCK_TOLERANCE
        }
        if nonce in self._tokens:
            raise Denied(400, Fault("NotAuthorized"))
        self._tokens[nonce] = time
        if not self._device.is_(Character.OPEN):
            if not self._opens(username, nonce + created.encode(), digest):
                self._device.failed(client, now, username)
                raise self._wrong()
            self._device.succeeded(client)
        return username

    def _opens(self, username: str, signed: bytes, digest: str) -> bool:
        return any(
            hmac.compare_digest(
                base64.b64encode(
                    hashlib.sha1(signed + password.encode(), usedforsecurity=False).digest()
                ),
                digest.encode(),
            )
            for password in self._device.passwords_of(username)
        )

    def _wrong(self) -> Denied:
        """The refusal of a wrong login where no challenge goes with it."""
        status = self._device.spec.refusal_status or 400
        return Denied(status, Fault(receiver=True) if status == 500 else Fault("NotAuthorized"))


def _challenged(digest: DigestGuard, now: float, *, stale: bool = False) -> Denied:
    return Denied(401, Fault("NotAuthorized"), digest.challenge(now, stale=stale))


def _locked(seconds: float) -> Fault:
    known = 0 if seconds == FOR_GOOD else int(seconds) + 1
    return Fault("NotAuthorized", "AccountLocked", retry_after=known)
