"""The proof of a password change: the new one opens, and the old one and a wrong one do not.

Devices lie: some answer a change with yes and do nothing, some open to any password.
"""

from dataclasses import dataclass

from devices.drivers.base import DoorTried, Driver, Login, LoginKind
from devices.drivers.errors import DeviceError, OpensToAnything


@dataclass(frozen=True, slots=True)
class Proof:
    """What was tried, in order, and what follows.

    ``reason``: "proven", "new_refused", "old_still_opens", "opens_to_anything", or the code of the
    error that ended it (unreachable, locked_out, …). ``error`` is that error.
    """

    doors: tuple[DoorTried, ...]
    proven: bool
    reason: str
    error: DeviceError | None = None


async def prove(driver: Driver, username: str, new: str, old: str | None, wrong: str) -> Proof:
    """Try a wrong password, the old one where it is known, and the new one.

    Costs at most two of the device's login tries. Device errors end it and are in the result.
    """
    if wrong in (new, old):
        raise ValueError("the wrong password has to be wrong")
    logins: list[tuple[LoginKind, str]] = [("wrong", wrong)]
    if old is not None and old != new:
        logins.append(("old", old))
    # The new one last: on most devices a success resets the count of failed logins.
    logins.append(("new", new))
    doors: list[DoorTried] = []
    for kind, password in logins:
        try:
            opened = await driver.check(Login(username, password))
        except OpensToAnything:
            doors.append(DoorTried(driver.name, kind, True, OpensToAnything.code))
            return Proof(tuple(doors), False, OpensToAnything.code)
        except DeviceError as error:
            doors.append(DoorTried(driver.name, kind, None, error.code))
            return Proof(tuple(doors), False, error.code, error)
        doors.append(DoorTried(driver.name, kind, opened))
    reason = _reason({door.login for door in doors if door.opened})
    return Proof(tuple(doors), reason == "proven", reason)


def _reason(opened: set[LoginKind]) -> str:
    if "wrong" in opened:
        return "opens_to_anything"
    if "new" not in opened:
        return "new_refused"
    if "old" in opened:
        return "old_still_opens"
    return "proven"
