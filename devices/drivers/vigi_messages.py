"""What VIGI devices answer: JSON with an ``error_code``, its texts percent-encoded.

The codes are those of the vendor's NVR Open API document, V1.0; cameras use the same ones on their
local web API. A lock is told in ``data.code`` too, under another ``error_code``.
"""

import ipaddress
import re
from collections.abc import Callable, Collection
from typing import Annotated, TypeVar
from urllib.parse import unquote

import msgspec

from devices.drivers.errors import (
    BadAnswer,
    Busy,
    CameraRefused,
    CodeRefused,
    Declined,
    DeviceError,
    FactoryFresh,
    LockedOut,
    NotAuthorised,
    NotSupported,
    UnknownCamera,
)
from devices.drivers.http import Answer
from devices.drivers.onvif_faults import seconds_left

T = TypeVar("T", bound=msgspec.Struct)

AUTHENTICATION_FAILED = -40401
_LOCKED, _FRESH, _LOCKED_FOR_GOOD = -40404, -40405, -40408


class SessionOver(Busy):
    """The device has forgotten the session. Whoever has the login takes a new one, once."""

    happened = "The device ends each session at once."


_MEANINGS: dict[int, Callable[[], DeviceError]] = {
    AUTHENTICATION_FAILED: NotAuthorised,
    -40402: CodeRefused,
    -40403: SessionOver,
    _FRESH: FactoryFresh,
    -40406: lambda: Busy("The device has too many clients."),
    _LOCKED_FOR_GOOD: lambda: LockedOut(for_good=True),
    -40108: lambda: Busy("The device did not get it done in time."),
    -40109: Busy,
    -40110: lambda: BadAnswer("The device does not know itself by that name."),
    -40209: BadAnswer,
    -40210: BadAnswer,
    -40211: BadAnswer,
    -70302: NotAuthorised,
    -70303: lambda: NotAuthorised("The account may not do this on the device."),
    -70312: NotAuthorised,
    # Of a recorder's unpublished calls, see ``vigi_recorder``.
    -71501: BadAnswer,
    -71520: UnknownCamera,
    -71521: UnknownCamera,
    -71554: CameraRefused,
    -71558: lambda: Busy("The recorder is still trying the camera."),
    -71559: lambda: Busy("The recorder does not reach the camera."),
    -71560: lambda: Busy("The recorder is still trying the camera."),
}


class _Details(msgspec.Struct):
    code: int = 0
    sec_left: Annotated[int, msgspec.Meta(ge=0, lt=100_000_000)] = 0


class _Verdict(msgspec.Struct):
    error_code: int | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


def read(
    answer: Answer, shape: type[T], *, accepted: Collection[int] = (0,), session: bool = False
) -> T:
    """The answer as ``shape``, or the typed error that it stands for.

    ``accepted`` are the error codes that are none here. ``session`` says that a session's token was
    shown: then a failed authentication means that the session is over.
    """
    error = refusal(answer, accepted=accepted, session=session)
    if error is not None:
        raise error
    found = _decoded(answer.body, shape)
    if found is None:
        raise BadAnswer("The device's answer is not what was asked for.")
    return found


def refusal(
    answer: Answer, *, accepted: Collection[int] = (0,), session: bool = False
) -> DeviceError | None:
    """The error that an answer stands for, by its code or else by its status; None if by none."""
    verdict = _decoded(answer.body, _Verdict) or _Verdict()
    details = _decoded(bytes(verdict.data), _Details) or _Details()
    code = verdict.error_code
    if details.code in (_LOCKED, _FRESH, _LOCKED_FOR_GOOD):
        code = details.code
    if code == _LOCKED or details.sec_left:
        return LockedOut(details.sec_left or None)
    if not code and answer.status != 200:
        return _of_status(answer, session)
    if not code or code in accepted:
        return None
    if session and code == AUTHENTICATION_FAILED:
        return SessionOver()
    if code in _MEANINGS:
        return _MEANINGS[code]()
    shown = f" (error {code})" if -99_999 <= code <= 99_999 else ""
    return Declined(f"The device refused the request{shown}.")


def text(value: str, limit: int = 128) -> str:
    """``value`` decoded: trimmed, printable; BadAnswer if over ``limit``."""
    decoded = unquote(value).strip()
    if len(decoded) > limit:
        raise BadAnswer("The device's answer holds a text that is too long.")
    return "".join(character for character in decoded if character.isprintable())


def mac(value: str) -> str:
    """A hardware address as AA:BB:CC:DD:EE:FF, or "" where none is given. Raises BadAnswer."""
    digits = re.sub("[:-]", "", text(value)).upper()
    if digits in ("", "0" * 12, "F" * 12):
        return ""
    if not re.fullmatch("[0-9A-F]{12}", digits):
        raise BadAnswer("The device's answer holds a hardware address that is none.")
    return ":".join(re.findall("..", digits))


def host(value: str) -> str:
    """An address on a recorder's list, or "" where none is given. Raises BadAnswer."""
    given = text(value)
    if not given:
        return ""
    try:
        address = ipaddress.ip_address(given)
    except ValueError as error:
        raise BadAnswer("The recorder's list holds an address that is none.") from error
    return "" if address.is_unspecified else str(address)


def _of_status(answer: Answer, session: bool) -> DeviceError:
    match answer.status:
        case 423 | 429:
            return LockedOut(seconds_left(answer))
        case 401 | 403 if answer.header("retry-after"):
            return LockedOut(seconds_left(answer))
        case 401 if session:
            return SessionOver()
        case 401 | 403:
            return NotAuthorised()
        case 404 | 405 | 501:
            return NotSupported("There is no VIGI service at this address.")
        case 408 | 502 | 503 | 504:
            return Busy()
        case status if 300 <= status < 400:
            return BadAnswer("The device points to another address, which is not followed.")
        case status:
            return BadAnswer(f"The device answers with HTTP {status} and no reason.")


def _decoded(body: bytes, shape: type[T]) -> T | None:
    try:
        # Lax: numbers come as texts too.
        return msgspec.json.decode(body, type=shape, strict=False)
    except (ValueError, RecursionError):
        return None
