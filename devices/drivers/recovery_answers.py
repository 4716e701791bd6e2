"""What a device answers in the recovery protocol, read and judged."""

import hmac
import re
import unicodedata
from collections.abc import Callable, Collection
from typing import Annotated, Literal, TypeVar, get_args

import msgspec

from devices.drivers.errors import (
    BadAnswer,
    ChallengeVoid,
    CodeRefused,
    Declined,
    DeviceError,
    FactoryFresh,
    LockedOut,
    NotFresh,
    NotSupported,
    PasswordReason,
    PasswordRefused,
    UnknownAccount,
    UsernameRefused,
)
from devices.drivers.http import Answer
from devices.drivers.recovery_crypto import unb64

_MAX_ANSWER = 4096
_LONGEST_LIFE, _TRIES, _LONGEST_WAIT = 600, 5, 3600

Text = Annotated[str, msgspec.Meta(max_length=64)]
Serial = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,64}\Z")]
Bytes8 = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{11}\Z")]
Bytes32 = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]


class KeyRefused(Declined):
    """What was sent does not fit the recovery key that the device holds."""

    code = "recovery_key_refused"
    happened = "The device does not know Rekey's recovery key."
    sentence = "It was activated anew since Rekey took it in: use another recovery method."


class EmailRefused(Declined):
    """The Reset Password Email is too long, or no address to the device."""

    code = "reset_email_refused"
    happened = "The device refused the Reset Password Email."
    sentence = "Check the address, or choose a shorter one."


class WrongFingerprint(DeviceError):
    """Somebody else may sit between, or the fingerprint is that of another device."""

    code = "wrong_fingerprint"
    happened = "The device shows another key than its fingerprint says, so nothing was sent to it."
    sentence = "Compare the fingerprint with the one printed on this very device."


class Pair(msgspec.Struct):
    key: Bytes32
    identity: Bytes32

    @property
    def key_bytes(self) -> bytes:
        return _bytes_of(self.key)

    @property
    def identity_bytes(self) -> bytes:
        return _bytes_of(self.identity)


class Info(msgspec.Struct):
    protocol: Text
    state: Literal["fresh", "ready", "no_key"]
    serial: Serial
    manufacturer: Text
    model: Text
    firmware: Text
    hardware: Text
    mac: Text
    activation: Pair | None


class Asked(msgspec.Struct):
    challenge: Bytes8
    value: Bytes32
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=_LONGEST_LIFE)]
    tries_left: Annotated[int, msgspec.Meta(ge=1, le=_TRIES)]

    @property
    def value_bytes(self) -> bytes:
        return _bytes_of(self.value)


class Ended(msgspec.Struct):
    outcome: Text
    detail: Text
    mac: Bytes32 | None


_UNSIGNED = {"malformed", "not_fresh", "key_void", "fresh", "no_key", "proof_refused"}
_REFUSALS: dict[str, Callable[[], DeviceError]] = {
    "malformed": lambda: BadAnswer("The device does not understand Rekey."),
    "not_fresh": NotFresh,
    "key_void": lambda: BadAnswer("The device's key changed in between."),
    "fresh": FactoryFresh,
    "no_key": lambda: NotSupported("The device was activated without a recovery key."),
    "proof_refused": KeyRefused,
    "closed": lambda: LockedOut(for_good=True),
    "challenge_void": ChallengeVoid,
    "replayed": lambda: BadAnswer("The device had this request before."),
    "unknown_account": UnknownAccount,
    "username_refused": UsernameRefused,
    "email_refused": EmailRefused,
}

_S = TypeVar("_S", bound=msgspec.Struct)


def read(answer: Answer, kind: type[_S]) -> _S:
    """The answer's content. Raises NotSupported, BadAnswer."""
    if answer.status in (404, 405):
        raise NotSupported
    if len(answer.body) > _MAX_ANSWER:
        raise BadAnswer("The device's answer is too large.")
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (ValueError, RecursionError) as error:
        raise BadAnswer from error


def judge(answer: Answer, mac_of: Callable[[str, str], bytes]) -> None:
    """Return if the device did what it was asked for, and proves it; raise what it says if not."""
    try:
        ended = read(answer, Ended)
        if ended.mac is None and ended.outcome not in _UNSIGNED:
            raise BadAnswer("The device does not prove its answer.")
        if ended.mac is not None:
            own = mac_of(ended.outcome, ended.detail)
            if not hmac.compare_digest(own, _bytes_of(ended.mac)):
                raise BadAnswer("The device does not prove its answer.")
        if ended.outcome == "done":
            return
        error = refusal(ended)
    except (BadAnswer, NotSupported) as bad:
        bad.maybe_done = True
        raise
    # What a proven refusal says of this request may be said of its copy: it proves nothing either.
    error.maybe_done = ended.mac is None or ended.outcome in ("challenge_void", "replayed")
    raise error


def refusal(ended: Ended, expected: Collection[str] | None = None) -> DeviceError:
    """The error for an outcome other than ``done``. Raises BadAnswer where it is not expected."""
    outcome, detail = ended.outcome, ended.detail
    if expected is not None and outcome not in expected:
        raise BadAnswer
    if outcome == "locked":
        return LockedOut(_number(detail, 1, _LONGEST_WAIT))
    if outcome == "code_refused":
        return CodeRefused(_number(detail, 0, _TRIES - 1))
    if outcome == "password_refused":
        for reason in get_args(PasswordReason):
            if detail == reason:
                return PasswordRefused(reason)
    if outcome not in _REFUSALS:
        raise BadAnswer
    return _REFUSALS[outcome]()


def fits(text: str, shortest: int, longest: int) -> bool:
    """Whether it is UTF-8 of so many bytes, without control characters."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return shortest <= size <= longest and not any(unicodedata.category(c) == "Cc" for c in text)


def printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()


def mac_address(text: str) -> str:
    """As AA:BB:CC:DD:EE:FF, or "" if it is none."""
    plain = text.upper().replace("-", ":")
    return plain if re.fullmatch("([0-9A-F]{2}:){5}[0-9A-F]{2}", plain) else ""


def _number(text: str, least: int, most: int) -> int:
    if not re.fullmatch("0|[1-9][0-9]{0,3}", text) or not least <= int(text) <= most:
        raise BadAnswer
    return int(text)


def _bytes_of(text: str) -> bytes:
    try:
        return unb64(text)
    except ValueError as error:
        raise BadAnswer from error
