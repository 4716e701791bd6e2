"""The proof of a password change: the new one opens every door of the device, and the old one and
a wrong one open none.

Devices lie: some answer a change with yes and do nothing, some open to any password, and some
change it at one door and not at the other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from devices.drivers.base import DoorTried, Login, LoginKind
from devices.drivers.errors import DeviceError, OpensToAnything


@dataclass(frozen=True, slots=True)
class Door:
    """A protocol of the device, and how a login is tried there. See ``Driver.check``."""

    name: str
    check: Callable[[Login], bool]


@dataclass(frozen=True, slots=True)
class Proof:
    """What was tried, in order, and what follows.

    ``reason``: "proven", "new_refused", "door_lags" (the new one opens the device, and not one of
    its further doors), "old_still_opens", "opens_to_anything", or the code of the
    error that ended it (unreachable, locked_out, …). ``error`` is that error.
    """

    doors: tuple[DoorTried, ...]
    proven: bool
    reason: str
    error: DeviceError | None = None


def prove(doors: Iterable[Door], username: str, new: str, old: str | None, wrong: str) -> Proof:
    """Try a wrong password, the old one where it is known, and the new one, at each door.

    Costs at most two login tries on end: the new one comes last, and on most devices a success
    resets the count. An error at the first door ends it and is in the result; a further door that
    cannot be tried leaves the change unproven.
    """
    if wrong in (new, old):
        raise ValueError("the wrong password has to be wrong")
    logins: list[tuple[LoginKind, str]] = [("wrong", wrong)]
    if old is not None and old != new:
        logins.append(("old", old))
    logins.append(("new", new))
    tried: list[DoorTried] = []
    for number, door in enumerate(doors):
        for kind, password in logins:
            try:
                opened = door.check(Login(username, password))
            except OpensToAnything:
                tried.append(DoorTried(door.name, kind, True, OpensToAnything.code))
                return Proof(tuple(tried), False, OpensToAnything.code)
            except DeviceError as error:
                tried.append(DoorTried(door.name, kind, None, error.code))
                if number == 0:
                    return Proof(tuple(tried), False, error.code, error)
                break
            tried.append(DoorTried(door.name, kind, opened))
    reason = _reason(tried)
    return Proof(tuple(tried), reason == "proven", reason)


def _reason(tried: list[DoorTried]) -> str:
    opened = {door.login for door in tried if door.opened}
    if "wrong" in opened:
        return "opens_to_anything"
    new = [door.opened for door in tried if door.login == "new"]
    if False in new:
        return "new_refused" if not new[0] else "door_lags"
    if "old" in opened:
        return "old_still_opens"
    return next((door.detail for door in tried if door.opened is None), "proven")
