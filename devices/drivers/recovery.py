"""The recovery protocol: devices that check the verification code themselves.

The README's section "The recovery protocol" is the specification. Neither the recovery key, nor the
code, nor a password is ever sent. What a device answers to a change is believed only with its MAC;
without one nothing is known of what it did, so that the error carries ``maybe_done``.
"""

import json
import os
import re
from collections.abc import Mapping
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from devices.drivers.base import Address, Challenge, Driver, Identity, Login
from devices.drivers.errors import (
    BadAnswer,
    CodeRefused,
    NotFresh,
    NotSupported,
    PasswordRefused,
    UsernameRefused,
)
from devices.drivers.http import DEFAULT_TIMEOUT, Answer, request
from devices.drivers.recovery_answers import (
    Asked,
    EmailRefused,
    Ended,
    Info,
    KeyRefused,
    WrongFingerprint,
    fits,
    judge,
    mac_address,
    printable,
    read,
    refusal,
)
from devices.drivers.recovery_crypto import (
    DIGITS,
    KEY_BYTES,
    NONCE_BYTES,
    PROTOCOL,
    Activation,
    Completion,
    b64,
    fingerprint_of,
)

_ROOT = "/rekey-recovery/v1/"
_MAX_USERNAME, _MAX_PASSWORD, _MAX_EMAIL = 64, 128, 254  # bytes


class Recovery(Driver):
    """One device's recovery service. ``timeout`` in seconds, for each exchange."""

    name: ClassVar[str] = "recovery"

    def __init__(self, address: Address, timeout: float = DEFAULT_TIMEOUT) -> None:
        super().__init__(address, timeout)

    async def identify(self, login: Login | None = None) -> Identity:
        info = await self._info()
        return Identity(
            printable(info.manufacturer), printable(info.model), printable(info.firmware),
            info.serial, printable(info.hardware), mac_address(info.mac),
        )  # fmt: skip

    async def is_fresh(self) -> bool:
        return (await self._info()).state == "fresh"

    async def activate(
        self, new: Login, reset_email: str, recovery_key: bytes = b"", *, fingerprint: str = ""
    ) -> None:
        """Give a fresh device its administrator, the Reset Password Email and the recovery key.

        ``fingerprint`` is the one printed on the device: with it nobody in the middle learns or
        changes anything, without it nobody would notice. Raises NotFresh, PasswordRefused,
        UsernameRefused, EmailRefused, WrongFingerprint.
        """
        _check_key(recovery_key)
        _check_login(new)
        if not fits(reset_email, 0, _MAX_EMAIL):
            raise EmailRefused
        info = await self._info()
        if info.state != "fresh":
            raise NotFresh
        if info.activation is None:
            raise BadAnswer("The device shows no key to activate it with.")
        identity = info.activation.identity_bytes
        if fingerprint and not _same(fingerprint, fingerprint_of(identity)):
            raise WrongFingerprint
        sealing = Activation(
            own=X25519PrivateKey.generate(),
            serial=info.serial,
            identity=identity,
            device_key=info.activation.key_bytes,
            nonce=os.urandom(NONCE_BYTES),
        )
        try:
            sealed = sealing.sealed(new.username, new.password, reset_email, recovery_key)
        except ValueError as error:
            raise BadAnswer("The device's key is none.") from error
        answer = await self._post(
            "activate",
            changes=True,
            device_key=b64(sealing.device_key),
            key=b64(sealing.public),
            nonce=b64(sealing.nonce),
            sealed=b64(sealed),
        )
        try:
            judge(answer, sealing.answer_mac)
        except KeyRefused as error:
            raise BadAnswer("What was sealed did not arrive as sent.", maybe_done=True) from error

    async def challenge(self) -> Challenge:
        answer = await self._post("challenge")
        if answer.status != 200:
            raise refusal(read(answer, Ended), {"malformed", "fresh", "no_key", "locked", "closed"})
        asked = read(answer, Asked)
        return Challenge(
            id=asked.challenge,
            value=asked.value_bytes,
            expires_in=asked.expires_in,
            tries_left=asked.tries_left,
        )

    async def complete(
        self, challenge: Challenge, code: str, recovery_key: bytes, new: Login
    ) -> None:
        """Answer the challenge and set the password; the device checks the code by itself.

        A code that is not of 8 digits is refused without asking: it would cost a try. Raises
        CodeRefused, ChallengeVoid (then look whether the new password opens, as after Unreachable:
        an earlier copy of the request may have come through), LockedOut, PasswordRefused,
        UnknownAccount, KeyRefused.
        """
        _check_key(recovery_key)
        _check_login(new)
        if not re.fullmatch(f"[0-9]{{{DIGITS}}}", code):
            raise CodeRefused
        info = await self._info()
        proving = Completion(
            recovery_key=recovery_key,
            challenge=challenge.id,
            value=challenge.value,
            serial=info.serial,
            username=new.username,
            nonce=os.urandom(NONCE_BYTES),
        )
        answer = await self._post("complete", changes=True, **proving.body(code, new.password))
        judge(answer, proving.answer_mac)

    async def deliver(self, body: Mapping[str, str]) -> Ended:
        """Hand the device a request that somebody else has made (``Completion.body``): whether the
        device itself has said the answer can only be judged by whoever has the recovery key.

        Raises Unreachable, BadAnswer.
        """
        return read(await self._post("complete", changes=True, **body), Ended)

    async def _info(self) -> Info:
        answer = await request(self._address, "GET", _ROOT + "info", timeout=self._timeout)
        info = read(answer, Info)
        if info.protocol != PROTOCOL:
            raise NotSupported("The device speaks another version of the recovery protocol.")
        return info

    async def _post(self, call: str, *, changes: bool = False, **fields: str) -> Answer:
        return await request(
            self._address,
            "POST",
            _ROOT + call,
            json.dumps(fields).encode(),
            {"Content-Type": "application/json"},
            timeout=self._timeout,
            changes=changes,
        )


def _check_key(recovery_key: bytes) -> None:
    if len(recovery_key) != KEY_BYTES:
        raise ValueError(f"a recovery key has {KEY_BYTES} bytes")


def _check_login(new: Login) -> None:
    if not fits(new.username, 1, _MAX_USERNAME):
        raise UsernameRefused
    if not new.password:
        raise PasswordRefused("too_short")
    if not fits(new.password, 1, len(new.password) * 4):
        raise PasswordRefused("characters")
    if not fits(new.password, 1, _MAX_PASSWORD):
        raise PasswordRefused("too_long")


def _same(typed: str, fingerprint: str) -> bool:
    """Whether these are the same hex digits, however they are grouped."""
    return re.sub(r"[\s:.-]", "", typed).lower() == fingerprint
