"""A VIGI device's local web API: does a login open it, how many tries are left, what is it.

Three public clients agree on it (login, and what it reads); the vendor has not published it.
Reading only, therefore: its calls that write, ``user_management.change_user_info`` first of all,
are known by name from one source and were verified on no hardware. A wrong one could leave a
device with a password that nobody has.
"""

import base64
import hashlib
import json
import re
from typing import Any, ClassVar
from urllib.parse import quote, unquote

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from devices.drivers.base import Address, Driver, Identity, Login
from devices.drivers.errors import (
    BadAnswer,
    DeviceError,
    FactoryFresh,
    LockedOut,
    NotAuthorised,
    NotSupported,
    TriesSpent,
)
from devices.drivers.http import DEFAULT_TIMEOUT, Answer, request
from devices.drivers.logins import refuse_unsendable
from devices.drivers.vigi_messages import AUTHENTICATION_FAILED, mac, read, text

_RSA, _BARE = "2", "1"


class _Encryption(msgspec.Struct):
    """``time``: how many logins are left of ``max_time``."""

    nonce: str = ""
    key: str = ""
    encrypt_type: list[str] = []
    time: int | None = None


class _Asked(msgspec.Struct):
    data: _Encryption


class _LoggedIn(msgspec.Struct):
    stok: str


class _BasicInfo(msgspec.Struct):
    device_model: str = ""
    sw_version: str = ""
    hw_version: str = ""
    manufacturer_name: str = ""
    mac: str = ""


class _DeviceInfo(msgspec.Struct):
    basic_info: _BasicInfo


class _Described(msgspec.Struct):
    device_info: _DeviceInfo


class VigiLocal(Driver):
    """One device. ``timeout`` in seconds, for each exchange."""

    name: ClassVar[str] = "vigi_local"

    def __init__(self, address: Address, timeout: float = DEFAULT_TIMEOUT) -> None:
        super().__init__(address, timeout)

    async def tries_left(self) -> int | None:
        return (await self._encryption()).time

    async def is_fresh(self) -> bool:
        try:
            await self._encryption()
        except FactoryFresh:
            return True
        except LockedOut:
            return False  # somebody has been refused, so there is a password
        return False

    async def check(self, login: Login) -> bool:
        try:
            await self._log_in(login)
        except NotAuthorised:
            return False
        return True

    async def identify(self, login: Login | None = None) -> Identity:
        """Needs a login. The device tells no serial number here."""
        if login is None:
            raise NotAuthorised("The device tells what it is only to those who log in.")
        question = {"method": "get", "device_info": {"name": ["basic_info"]}}
        answer = await self._call(await self._log_in(login), question)
        info = read(answer, _Described, session=True).device_info.basic_info
        identity = Identity(
            manufacturer=text(info.manufacturer_name),
            model=text(info.device_model),
            firmware=text(info.sw_version),
            serial="",
            hardware=text(info.hw_version),
            mac=mac(info.mac),
        )
        if not (identity.model or identity.mac):
            raise BadAnswer("The device does not say what it is.")
        return identity

    async def _encryption(self) -> _Encryption:
        """How to send a password, and how many tries are left. Asking costs none."""
        question = {"method": "do", "user_management": {"get_encrypt_info": None}}
        answer = await self._post("/", question)
        try:
            return read(answer, _Asked, accepted=(AUTHENTICATION_FAILED,)).data
        except NotAuthorised:
            raise BadAnswer("This is not the web page of a VIGI device.") from None

    async def _log_in(self, login: Login) -> str:
        """Spend one login try, never the last; the token of the session (``stok``)."""
        refuse_unsendable(login)
        encryption = await self._encryption()
        if encryption.time is not None and encryption.time <= 1:
            raise TriesSpent
        password, encrypt_type = _encrypted(login.password, encryption, self._address.tls)
        asked = {
            "username": quote(login.username, safe=""),
            "password": password,
            "passwdType": "md5",
            "encrypt_type": encrypt_type,
        }
        stok = unquote(
            read(await self._post("/", {"method": "do", "login": asked}), _LoggedIn).stok
        )
        if not re.fullmatch(r"[0-9A-Za-z]{1,128}", stok):
            raise BadAnswer("The device's token is none.")
        return stok

    async def _call(self, stok: str, question: dict[str, Any], *, changes: bool = False) -> Answer:
        """Ask in a session; ``changes`` as of ``http.request``."""
        try:
            return await self._post(f"/stok={stok}/ds", question, changes=changes)
        except DeviceError as error:
            raise error from None  # what caused it may show the URL, and so the token

    async def _post(self, path: str, question: dict[str, Any], *, changes: bool = False) -> Answer:
        return await request(
            self._address,
            "POST",
            path,
            json.dumps(question).encode(),
            {"Content-Type": "application/json; charset=UTF-8"},
            timeout=self._timeout,
            changes=changes,
            fresh_connection=True,
        )


def plain(password: str, nonce: str) -> str:
    """What is encrypted: a hash that the vendor salts the same everywhere, and the nonce."""
    return f"{_hashed(password)}:{nonce}"


def _hashed(password: str) -> str:
    salted = f"TPCQ75NF2Y:{password}".encode()
    return hashlib.md5(salted, usedforsecurity=False).hexdigest().upper()


def _encrypted(password: str, encryption: _Encryption, tls: bool) -> tuple[str, str]:
    """The password as it travels, and the name of that way."""
    if _RSA in encryption.encrypt_type:
        nonce = unquote(encryption.nonce)
        if not re.fullmatch(r"[!-~]{1,64}", nonce):
            raise BadAnswer("The device's challenge is none.")
        return sealed(plain(password, nonce), encryption.key), _RSA
    if _BARE in encryption.encrypt_type:
        if not tls:  # whoever listens could log in with it
            raise NotSupported("The device takes the password only in the open, so it is not sent.")
        return _hashed(password), _BARE
    raise BadAnswer("The device asks for a login in a way that is not supported.")


def sealed(secret: str, key: str) -> str:
    """A text that only the device can read, as it travels. Raises BadAnswer."""
    try:
        closed = _public_key(key).encrypt(secret.encode(), PKCS1v15())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadAnswer("The device's key is none.") from error
    return quote(base64.b64encode(closed), safe="")


def _public_key(value: str) -> RSAPublicKey:
    """From percent-encoded base64, with or without PEM's first and last line."""
    bare = re.sub(r"-----[A-Z ]+-----|\s", "", unquote(value))
    key = load_der_public_key(base64.b64decode(bare, validate=True))
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not RSA")
    return key
