"""What every driver can be asked, and the values that go in and out.

All calls are asynchronous and raise ``errors.DeviceError`` for anything that the device or the way
to it does wrong. A driver object belongs to one device and one job: it remembers what it learned
about the device (its clock, its kind of authentication), never a login.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

LoginKind = Literal["new", "old", "wrong"]

ADMINISTRATOR = "Administrator"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a device's service is found."""

    host: str
    port: int
    tls: bool = False
    path: str = "/onvif/device_service"


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and password. The password stays out of ``repr`` and so out of tracebacks."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """What the device says it is. Text from the device: bounded, printable, not to be trusted."""

    manufacturer: str
    model: str
    firmware: str
    serial: str
    hardware: str


@dataclass(frozen=True, slots=True)
class Account:
    """An account on the device, and its level as ONVIF names it (Administrator, Operator, …)."""

    username: str
    level: str


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """The limits that the device announces; None where it announces none.

    Lengths in characters. ``accounts_supported`` is False where the device has no account calls.
    A device may be stricter than it says: it then answers with ``PasswordRefused``.
    """

    max_length: int | None = None
    max_username_length: int | None = None
    max_users: int | None = None
    accounts_supported: bool = True


@dataclass(frozen=True, slots=True)
class DoorTried:
    """One login tried at one door (a protocol of the device).

    ``opened`` is None when the door could not be tried; ``detail`` then holds the error's code.
    """

    door: str
    login: LoginKind
    opened: bool | None
    detail: str = ""


class Driver(Protocol):
    """A way to talk to one device. ``abilities`` names the calls that it can really do."""

    name: ClassVar[str]
    abilities: ClassVar[frozenset[str]]

    async def identify(self, login: Login | None = None) -> Identity:
        """Ask the device what it is. Some tell it without a login."""
        ...

    async def check(self, login: Login) -> bool:
        """Tell whether this login opens the device. A wrong one costs one of its login tries.

        Raises LockedOut, OpensToAnything, Unreachable, BadAnswer, ClockRefused.
        """
        ...

    async def accounts(self, login: Login) -> tuple[Account, ...]:
        """List the device's accounts."""
        ...

    async def create_account(self, login: Login, new: Login, level: str = ADMINISTRATOR) -> None:
        """Make an account. Raises UsernameClash, AccountLimit, PasswordRefused, UsernameRefused."""
        ...

    async def set_password(self, login: Login, username: str, new_password: str) -> None:
        """Set an account's password and keep its level; repeating it does no harm.

        That the device says yes proves nothing: see ``proof.prove``.
        Raises UnknownAccount, FixedAccount, PasswordRefused.
        """
        ...

    async def delete_account(self, login: Login, username: str) -> None:
        """Delete an account. Raises UnknownAccount, FixedAccount."""
        ...

    async def rules(self) -> PasswordRules:
        """Ask for the limits on passwords and accounts. Needs no login."""
        ...
