"""The local web API of a virtual camera: what its own page uses. Reading only. No I/O.

Written from clients that agree on it (there is no document of the vendor's)::

    POST /             get_encrypt_info: key and nonce, and how many login tries are left
    POST /             login: M by encrypt_type "1", RSA(M:nonce) by "2"; gives a stok
    POST /stok=…/ds    device_info basic_info

−40401 at ``/`` is a challenge or a failed login, at ``/stok=…/ds`` a stok that is no longer good.
Asking for the challenge costs no try. Text in answers is percent-encoded.
"""

import hashlib
import hmac
import json
import re
from base64 import b64decode
from dataclasses import dataclass, field
from math import ceil
from typing import Any
from urllib.parse import quote, unquote

from devices.virtual.device import Device
from devices.virtual.lockout import FOR_GOOD
from devices.virtual.service import Reply, Request
from devices.virtual.spec import Auth, Character
from devices.virtual.vendor_keys import MANY, vendor_key

OK = 0
NOT_AUTHENTICATED = -40401
CLIENT_LOCKED = -40404
FACTORY_STATE = -40405
SYSTEM_LOCKED = -40408
PARAMETER_ERROR = -40209
FORMAT_ERROR = -40210
MISSING_PARAMETER = -40211

STOK_LIFE = 1800.0
"""Seconds for which a stok is good; a client has seen thirty minutes."""
_NONCE_LIFE = 60.0
_KEPT = 16  # nonces, and stoks: the oldest go first
_SALT = "TPCQ75NF2Y:"
_CALL = re.compile(r"/stok=([^/]*)/ds")


def scrambled(password: str) -> str:
    """M: what stands for the password at login. The salt is the same in every camera."""
    data = (_SALT + password).encode()
    return hashlib.md5(data, usedforsecurity=False).hexdigest().upper()


@dataclass(frozen=True, slots=True)
class _Session:
    username: str
    passwords: list[str] = field(repr=False)
    expires: float


class Refused(Exception):
    def __init__(self, code: int, **data: Any) -> None:
        super().__init__(code)
        self.code = code
        self.data = data


class LocalApi:
    """The API of one camera that is on; switched off and on again it has forgotten its stoks."""

    __slots__ = ("_device", "_key", "_nonces", "_sessions")
    device_type = "SMART.IPCAMERA"

    def __init__(self, device: Device) -> None:
        self._device = device
        self._key = device.random_bytes(1)[0] % MANY
        self._nonces: dict[str, float] = {}  # until when
        self._sessions: dict[str, _Session] = {}  # by stok

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        call = _CALL.fullmatch(request.target)
        if call is None and request.target != "/":
            return Reply(404)
        if request.method != "POST":
            return Reply(405)
        try:
            if self._device.fresh:
                raise Refused(FACTORY_STATE)
            given = _read(request.body)
            if call is None:
                return said(OK, **self._before_login(given, request.client, request.now))
            username = self._entered(unquote(call[1]), request.now)
            return self._called(username, given, request.now)
        except Refused as refused:
            return self._refusal(refused)

    def _refusal(self, refused: Refused) -> Reply:
        by_the_book = self._device.spec.auth is not Auth.WS  # HTTP's; others say 200 to everything
        of_login = -40500 < refused.code <= NOT_AUTHENTICATED
        status = 401 if by_the_book and of_login else 200
        if not refused.data:
            return said(refused.code, status)
        return said(refused.code, status, data={"code": refused.code, **refused.data})

    @property
    def _encrypt_types(self) -> list[str]:
        """Firmware 1.0 knows only the older way, without a nonce."""
        return ["1"] if self._device.spec.firmware.startswith("1.0.") else ["1", "2"]

    # -- before login -----------------------------------------------------------------------------

    def _before_login(self, given: dict[str, Any], client: str, now: float) -> dict[str, Any]:
        if given.get("method") != "do":
            raise Refused(PARAMETER_ERROR)
        management = given.get("user_management")
        if isinstance(management, dict) and "get_encrypt_info" in management:
            self._device.called("get_encrypt_info")
            self._refuse_logins(client, now)
            raise self._challenge(client, now)
        if isinstance(given.get("login"), dict):
            self._device.called("login")
            return self._login(given["login"], client, now)
        raise Refused(PARAMETER_ERROR)

    def _refuse_logins(self, client: str, now: float) -> None:
        tries = {"time": 0, "max_time": self._device.spec.lockout_tries}
        left = self._device.locked_for(client, now)
        if left == FOR_GOOD:
            raise Refused(SYSTEM_LOCKED, **tries)
        if left:
            raise Refused(CLIENT_LOCKED, sec_left=ceil(left), **tries)

    def _challenge(self, client: str, now: float) -> Refused:
        nonce = self._device.random_bytes(4).hex()
        living = {known: until for known, until in self._nonces.items() if now <= until}
        self._nonces = dict([*living.items(), (nonce, now + _NONCE_LIFE)][-_KEPT:])
        return Refused(
            NOT_AUTHENTICATED,
            encrypt_type=self._encrypt_types,
            key=quote(vendor_key(self._key).public, safe=""),
            nonce=nonce,
            time=self._device.locks.tries_left(client, now),
            max_time=self._device.spec.lockout_tries,
        )

    def _login(self, given: dict[str, Any], client: str, now: float) -> dict[str, Any]:
        try:
            username, sealed, kind = (
                unquote(str(given[name])) for name in ("username", "password", "encrypt_type")
            )
        except KeyError as error:
            raise Refused(MISSING_PARAMETER) from error
        if given.get("passwdType") != "md5" or kind not in self._encrypt_types:
            raise Refused(PARAMETER_ERROR)
        self._refuse_logins(client, now)
        word = self._opened(sealed, now) if kind == "2" else sealed
        passwords = self._device.passwords_of(username)
        if not self._device.is_(Character.OPEN) and not _any(passwords, word):
            self._device.failed(client, now, username)
            self._refuse_logins(client, now)
            raise self._challenge(client, now)
        self._device.succeeded(client)
        stok = self._device.random_bytes(16).hex()
        session = _Session(username, passwords, now + STOK_LIFE)
        self._sessions = dict([*self._sessions.items(), (stok, session)][-_KEPT:])
        level = self.level(username)
        return {"stok": stok, "user_group": "root" if level == "Administrator" else "user"}

    def _opened(self, sealed: str, now: float) -> str:
        """M out of RSA(M:nonce), if the nonce is one of ours that nobody has used; else nothing."""
        try:
            text = vendor_key(self._key).decrypted(b64decode(sealed, validate=True))
        except ValueError:
            return ""
        word, _, nonce = text.decode("ascii", errors="replace").partition(":")
        return word if now <= self._nonces.pop(nonce, -1.0) else ""

    def level(self, username: str) -> str:
        user = self._device.users.get(username)
        return user.level if user else "Administrator"  # Character.OPEN takes any name

    # -- calls ------------------------------------------------------------------------------------

    def _entered(self, stok: str, now: float) -> str:
        """Whose session it is, as long as the account opens as it did when it began."""
        session = self._sessions.get(stok)
        if (
            session is None
            or now >= session.expires
            or self._device.passwords_of(session.username) != session.passwords
        ):
            raise Refused(NOT_AUTHENTICATED)
        return session.username

    def _called(self, username: str, given: dict[str, Any], now: float) -> Reply:
        if given != {"method": "get", "device_info": {"name": ["basic_info"]}}:
            raise Refused(PARAMETER_ERROR)
        self._device.called("basic_info")
        return said(OK, device_info={"basic_info": self._basic_info()})

    def _basic_info(self) -> dict[str, str]:
        spec = self._device.spec
        known = {
            "device_type": self.device_type,
            "device_name": spec.model,
            "device_model": spec.model,
            "device_info": f"{spec.model} 1.0 IPC",
            "device_alias": spec.name,
            "hw_version": "1.0",
            "sw_version": spec.firmware,
            "mac": spec.mac,
            "dev_id": hashlib.sha256(spec.serial.encode()).hexdigest()[:40].upper(),
            "manufacturer_name": "TP-LINK",
        }
        return {name: quote(value, safe="") for name, value in known.items()}


def _any(passwords: list[str], word: str) -> bool:
    given = word.encode(errors="replace")
    return any(hmac.compare_digest(scrambled(one).encode(), given) for one in passwords)


def _read(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(FORMAT_ERROR) from error
    if not isinstance(given, dict):
        raise Refused(FORMAT_ERROR)
    return given


def said(code: int, status: int = 200, *, changed: bool = False, **content: Any) -> Reply:
    body = json.dumps({"error_code": code, **content}).encode()
    return Reply(status, body, {"content-type": "application/json; charset=UTF-8"}, changed)
