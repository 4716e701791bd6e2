"""SOAP faults as typed errors. Only the codes are read: the reason's words are the device's own."""

from collections.abc import Callable
from xml.etree.ElementTree import Element  # nosec B405

from devices.drivers import errors
from devices.drivers.errors import DeviceError
from devices.drivers.http import Answer

# ONVIF Core Specification 5.8.2 and the fault tables of the Device Management calls; the three of
# WS-Security (UsernameToken Profile 1.0, SOAP Message Security 1.1); in the last block what
# servers were seen to use. Keys in lower case, since servers spell them either way.
_MEANINGS: dict[str, Callable[[], DeviceError]] = {
    "usernamemissing": errors.UnknownAccount,
    "fixeduser": errors.FixedAccount,
    "passwordtoolong": lambda: errors.PasswordRefused("too_long"),
    "passwordtooweak": lambda: errors.PasswordRefused("too_weak"),
    "password": lambda: errors.PasswordRefused("too_weak"),
    "anonymousnotallowed": errors.Declined,
    "usernameclash": errors.UsernameClash,
    "usernametoolong": errors.UsernameRefused,
    "usernametooshort": errors.UsernameRefused,
    "toomanyusers": errors.AccountLimit,
    "notauthorized": errors.NotAuthorised,
    "actionnotsupported": errors.NotSupported,
    "unknownaction": errors.NotSupported,
    "operationprohibited": errors.Declined,
    "invalidargs": errors.Declined,
    "invalidargval": errors.Declined,
    "wellformed": errors.Declined,
    "tagmismatch": errors.Declined,
    "action": errors.ActionFailed,
    "outofmemory": errors.ActionFailed,
    "criticalerror": errors.ActionFailed,
    # WS-Security
    "failedauthentication": errors.NotAuthorised,
    "invalidsecurity": errors.NotAuthorised,
    "invalidsecuritytoken": errors.NotAuthorised,
    "messageexpired": errors.ClockRefused,
    # seen
    "actionfailed": errors.ActionFailed,
    "optionalactionnotimplemented": errors.NotSupported,
    "passwordtooshort": lambda: errors.PasswordRefused("too_short"),
    "usernotexist": errors.UnknownAccount,
    "accountlocked": errors.LockedOut,
    "userlocked": errors.LockedOut,
}


def error(fault: Element, answer: Answer) -> DeviceError:
    """The error that a Fault element stands for; the most particular code known decides."""
    codes = [
        (element.text or "").strip().rpartition(":")[2].lower()
        for code in (fault.find("{*}Code"), fault.find("faultcode"))  # SOAP 1.2, 1.1
        if code is not None
        for element in code.iter()
        if element.tag.endswith(("}Value", "faultcode"))
    ]
    known = [_MEANINGS[code]() for code in codes if code in _MEANINGS]
    found = known[-1] if known else None
    if isinstance(found, errors.LockedOut) or (
        isinstance(found, errors.NotAuthorised) and answer.header("retry-after")
    ):
        return errors.LockedOut(seconds_left(answer))
    if found is not None:
        return found
    if answer.status in (401, 403):
        return errors.NotAuthorised()
    if "receiver" in codes or "server" in codes:
        return errors.ActionFailed()
    return errors.Declined()


def seconds_left(answer: Answer) -> int | None:
    """How long a lock lasts, in seconds, where the Retry-After header says it in seconds."""
    value = answer.header("retry-after")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 8 else None
