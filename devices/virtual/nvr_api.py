"""The NVR OpenAPI of a virtual recorder, from the vendor's "NVR Open API" document. No I/O.

``GET /openapi/token`` by HTTP digest, ``GET /openapi/added_devices`` and ``POST
/openapi/systemctl`` with the token. Text is percent-encoded both ways, tokens too. Where the
document is silent, this recorder is strict: a token dies with the password that it was had for.
"""

import json
from base64 import b64encode
from dataclasses import dataclass, field, replace
from enum import IntEnum
from math import ceil
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from devices.virtual.device import ChannelCopy, Device
from devices.virtual.digest_guard import Algorithm, DigestGuard, Stale
from devices.virtual.lockout import FOR_GOOD
from devices.virtual.service import Online, Reply, Request, Then
from devices.virtual.spec import Auth, Character

REALM = "TP-LINK NVR"
TOKEN = "/openapi/token"  # noqa: S105  # nosec B105
ADDED_DEVICES = "/openapi/added_devices"
SYSTEMCTL = "/openapi/systemctl"
TOKEN_LIFE = 1800.0
"""Seconds for which an access token opens the API."""
REFRESH_LIFE = 86_400.0
"""Seconds for which a refresh token is taken; the document names none."""


class ErrorCode(IntEnum):
    """The document's error codes, as far as a recorder without cameras' media has use for them."""

    NONE = 0
    AUTHENTICATION_FAILED = -40401
    SESSION_TIMEOUT = -40403
    CLIENT_LOCKED = -40404
    FACTORY_STATE = -40405
    TOO_MANY_CLIENTS = -40406
    SYSTEM_LOCKED = -40408
    PARAMETER_ERROR = -40209
    FORMAT_ERROR = -40210
    MISSING_PARAMETER = -40211
    NO_PERMISSION = -70303


_WHO = {code for code in ErrorCode if -40500 < code <= ErrorCode.AUTHENTICATION_FAILED}
"""Refusals because of who asks, or when."""

MAX_CLIENTS = 8
"""How many access tokens are good at a time; the document names no number."""

_BEARER = "bearer"
_PATHS = {TOKEN, ADDED_DEVICES, SYSTEMCTL}
_ACTIONS: dict[str, Then] = {"reboot": "restart", "reset": "factory-reset"}
# The document's example hashes by SHA-256 and challenges with status 200, its prose says MD5;
# 401 is what HTTP says. All of it occurs, by the way the device guards ONVIF.
_WAYS = {
    Auth.WS: (Algorithm.SHA256, 200),
    Auth.DIGEST_SHA256: (Algorithm.SHA256, 401),
    Auth.DIGEST_MD5: (Algorithm.MD5, 401),
}


@dataclass(slots=True)
class _Session:
    username: str
    passwords: list[str] = field(repr=False)
    expires: float
    refresh: str = field(repr=False)
    refresh_expires: float


class _Refused(Exception):
    def __init__(self, code: ErrorCode, **data: int) -> None:
        super().__init__(code.name)
        self.code = code
        self.data = data


class NvrApi:
    """The API of one recorder that is on; one switched off and on again has forgotten its tokens.

    ``online`` tells of a channel whether the recorder's own copy of the password opens its camera.
    """

    __slots__ = ("_device", "_guard", "_online", "_refusal_status", "_sessions")

    def __init__(self, device: Device, online: Online) -> None:
        self._device = device
        self._online = online
        algorithm, self._refusal_status = _WAYS[device.spec.auth]
        self._guard = DigestGuard(
            REALM, algorithm, device.random_bytes, qop=False, extra=f', url="{TOKEN}"'
        )
        self._sessions: dict[str, _Session] = {}  # by access token

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        path, _, query = request.target.partition("?")
        if path in _PATHS:
            self._device.called(path)
        try:
            if self._device.fresh:
                raise _Refused(ErrorCode.FACTORY_STATE)
            if path == TOKEN:
                return self._token(request, query)
            session = self._entered(request)
            if (request.method, path) == ("GET", ADDED_DEVICES):
                return _said(200, ErrorCode.NONE, {"devices": self._added_devices()})
            if (request.method, path) == ("POST", SYSTEMCTL):
                return replace(
                    _said(200, ErrorCode.NONE), then=self._systemctl(session, request.body)
                )
            return _said(404, ErrorCode.PARAMETER_ERROR)
        except _Refused as refused:
            status = self._refusal_status if refused.code in _WHO else 200
            return _said(status, refused.code, {"data": refused.data} if refused.data else None)

    # -- tokens -----------------------------------------------------------------------------------

    def _token(self, request: Request, query: str) -> Reply:
        if request.method != "GET":
            return _said(405, ErrorCode.PARAMETER_ERROR)
        given, now = parse_qs(query, keep_blank_values=True), request.now
        if "grant_type" in given:
            return self._renewed(given, now)
        self._refuse_logins(request.client, now)
        authorization = request.headers.get("authorization", "")
        if not authorization.lower().startswith("digest "):
            return self._challenged(now)
        try:
            answer = self._guard.read(authorization, "GET", request.target, now)
        except Stale:
            return self._challenged(now, stale=True)
        passwords = self._device.passwords_of(answer.username)
        if not self._device.is_(Character.OPEN) and not answer.opens(passwords):
            self._device.failed(request.client, now, answer.username)
            self._refuse_logins(request.client, now)
            return self._challenged(now)
        self._device.succeeded(request.client)
        return self._granted(answer.username, passwords, now)

    def _challenged(self, now: float, *, stale: bool = False) -> Reply:
        challenge = self._guard.challenge(now, stale=stale)
        code = ErrorCode.AUTHENTICATION_FAILED
        return _said(self._refusal_status, code, challenge=challenge)

    def _refuse_logins(self, client: str, now: float) -> None:
        left = self._device.locked_for(client, now)
        if left == FOR_GOOD:
            raise _Refused(ErrorCode.SYSTEM_LOCKED)
        if left:
            raise _Refused(ErrorCode.CLIENT_LOCKED, sec_left=ceil(left))

    def _granted(self, username: str, passwords: list[str], now: float) -> Reply:
        self._sessions = {t: s for t, s in self._sessions.items() if now < s.refresh_expires}
        if sum(now < s.expires for s in self._sessions.values()) >= MAX_CLIENTS:
            raise _Refused(ErrorCode.TOO_MANY_CLIENTS)
        access, refresh = self._drawn(), self._drawn()
        self._sessions[access] = _Session(
            username, passwords, now + TOKEN_LIFE, refresh, now + REFRESH_LIFE
        )
        content = {
            "token_type": _BEARER,
            "expires_in": int(TOKEN_LIFE),
            "access_token": quote(access, safe=""),
            "refresh_token": quote(refresh, safe=""),
        }
        return _said(200, ErrorCode.NONE, content)

    def _drawn(self) -> str:
        drawn = self._device.random_bytes(25)  # 25, so that there is a "=" to be percent-encoded
        return b64encode(drawn).decode()

    def _renewed(self, given: dict[str, list[str]], now: float) -> Reply:
        if given["grant_type"] != ["refresh_token"]:
            raise _Refused(ErrorCode.PARAMETER_ERROR)
        if "refresh_token" not in given:
            raise _Refused(ErrorCode.MISSING_PARAMETER)
        for access, session in self._sessions.items():
            if [session.refresh] == given["refresh_token"] and now < session.refresh_expires:
                del self._sessions[access]  # a refresh token is taken once
                if self._stands(session):
                    return self._granted(session.username, session.passwords, now)
                break
        raise _Refused(ErrorCode.SESSION_TIMEOUT)

    def _stands(self, session: _Session) -> bool:
        """Whether the account opens as it did when the session began."""
        return self._device.passwords_of(session.username) == session.passwords

    def _entered(self, request: Request) -> _Session:
        """The session of a request with a bearer token; nobody is locked out by a wrong one."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise _Refused(ErrorCode.AUTHENTICATION_FAILED)
        session = self._sessions.get(token.strip())
        if session is None or request.now >= session.expires or not self._stands(session):
            raise _Refused(ErrorCode.SESSION_TIMEOUT)
        return session

    # -- calls ------------------------------------------------------------------------------------

    def _added_devices(self) -> list[dict[str, Any]]:
        return [
            _pictured(channel, copy, self._online(channel))
            for channel, copy in sorted(self._device.channels.items())
        ]

    def _systemctl(self, session: _Session, body: bytes) -> Then:
        try:
            given = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise _Refused(ErrorCode.FORMAT_ERROR) from error
        if not isinstance(given, dict):
            raise _Refused(ErrorCode.FORMAT_ERROR)
        if "action" not in given:
            raise _Refused(ErrorCode.MISSING_PARAMETER)
        action = unquote(str(given["action"]))
        if action not in _ACTIONS:
            raise _Refused(ErrorCode.PARAMETER_ERROR)
        user = self._device.users.get(session.username)
        if user is not None and user.level != "Administrator":
            raise _Refused(ErrorCode.NO_PERMISSION)
        return _ACTIONS[action]


def _pictured(channel: int, copy: ChannelCopy, online: bool) -> dict[str, Any]:
    return {
        "id": channel,
        "name": quote(copy.name, safe=""),
        "alias": quote(copy.alias, safe=""),
        "online": "1" if online else "0",
        "ip": copy.host,
        "mac": copy.mac.lower().replace(":", "-"),
    }


def _said(
    status: int, code: ErrorCode, content: dict[str, Any] | None = None, challenge: str = ""
) -> Reply:
    headers = {"Content-Type": "application/json"}
    if challenge:
        headers["WWW-Authenticate"] = challenge
    return Reply(status, json.dumps({**(content or {}), "error_code": code}).encode(), headers)
