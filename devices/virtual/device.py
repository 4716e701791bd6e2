"""One virtual device: its accounts, its password rules, its lock-out and its character. No I/O.

It knows nothing of the product and was written from the ONVIF documents, not from the driver.
"""

import hashlib
import secrets
from dataclasses import asdict, dataclass, field
from typing import Any

from devices.virtual.lockout import FOR_GOOD, Locks
from devices.virtual.spec import (
    Auth,
    Character,
    DeviceSpec,
    Discovery,
    PasswordPolicy,
    ServiceSpec,
    Vendor,
)

__all__ = [
    "Auth",
    "ChannelCopy",
    "Character",
    "Device",
    "DeviceSpec",
    "Discovery",
    "Fault",
    "PasswordPolicy",
    "ServiceSpec",
    "User",
    "Vendor",
]

LEVELS = ("Administrator", "Operator", "User", "Anonymous", "Extended")
FIXED_USER = "admin"


@dataclass(slots=True)
class User:
    """An account. ``kept`` are older passwords that still open it (Character.KEEPER); ``rtsp`` is
    the one that RTSP goes by where that is another (Character.LAGGING)."""

    password: str = field(repr=False)
    level: str
    kept: list[str] = field(default_factory=list, repr=False)
    rtsp: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class ChannelCopy:
    """What a recorder holds of the camera on one of its channels, its password included.

    ``name`` is the one that is drawn into the picture, ``alias`` the one in the recorder's list.
    """

    serial: str
    name: str
    alias: str
    host: str
    port: int
    mac: str
    username: str
    password: str = field(repr=False)


class Fault(Exception):
    """A refusal as ONVIF names it: Sender or Receiver, and subcodes from the outside in."""

    def __init__(self, *subcodes: str, receiver: bool = False, retry_after: int = 0) -> None:
        super().__init__("/".join(subcodes))
        self.subcodes = subcodes
        self.receiver = receiver
        self.retry_after = retry_after


class Device:
    """A device that is on. ``now`` is the world's time in seconds, given with every call.

    Kept without power: ``users``, ``channels`` (of a recorder, by number), ``flash`` (what services
    keep there). ``ports`` tells where its services listen: "onvif" and the names of the others.
    ``fleet_start`` counts the starts of its fleet.
    """

    __slots__ = (
        "_drawn", "_restarts", "calls", "channels", "failed_logins", "flash", "fleet_start",
        "locks", "ports", "spec", "users",
    )  # fmt: skip

    def __init__(self, spec: DeviceSpec) -> None:
        self.spec = spec
        self.users: dict[str, User] = {}
        if not spec.fresh:
            self.users[FIXED_USER] = User(spec.password, "Administrator")
        self.channels: dict[int, ChannelCopy] = {}
        self.flash: dict[str, str] = {}
        self.ports: dict[str, int] = {}
        self.calls: dict[str, int] = {}
        self.failed_logins = 0
        self.locks = Locks(spec)
        self.fleet_start = 1
        self._restarts = 0
        self._drawn = 0

    @property
    def fresh(self) -> bool:
        """As it left the factory: nobody has set a password."""
        return not self.users

    def is_(self, trait: Character) -> bool:
        return trait in self.spec.character

    def called(self, operation: str) -> None:
        """Count a call under its name: see ``Fleet.calls``."""
        self.calls[operation] = self.calls.get(operation, 0) + 1

    def clock(self, now: float) -> float:
        return now + self.spec.clock_skew

    def random_bytes(self, count: int) -> bytes:
        """For nonces, tokens and ids. With a seed the n-th draw of a life is always the same."""
        if not self.spec.seed:
            return secrets.token_bytes(count)
        self._drawn += 1
        source = f"{self.spec.seed}/{self.lifetime}/{self._drawn}"
        return hashlib.shake_128(source.encode()).digest(count)

    def there(self, now: float) -> bool:
        """Whether a flapping device is there at this time; every other one is."""
        if not self.spec.flapping:
            return True
        turn = f"{self.spec.seed}/{self.spec.serial}/{now // self.spec.flapping}"
        return hashlib.sha256(turn.encode()).digest()[0] < 128

    @property
    def lifetime(self) -> str:
        """Another one after every restart, of the device and of its fleet."""
        return f"{self.fleet_start}.{self._restarts}"

    def restarted(self) -> None:
        """Power was off: locks are gone, accounts stay."""
        self._restarts += 1
        self._drawn = 0
        self.locks.forget()

    def keeps(self) -> dict[str, Any]:
        """All that outlives a loss of power, as values of JSON."""
        return {
            "users": {name: asdict(user) for name, user in self.users.items()},
            "channels": [
                [number, copy.serial, copy.username, copy.password, copy.alias]
                for number, copy in self.channels.items()
            ],
            "flash": self.flash,
        }

    def factory_reset(self) -> None:
        """As it left the factory, whoever owned it since: no account, nothing kept."""
        self.users.clear()
        self.channels.clear()
        self.flash.clear()
        self.locks = Locks(self.spec)

    # -- logging in ---------------------------------------------------------------------------

    def locked_for(self, client: str, now: float) -> float:
        """Seconds for which this client's logins are refused, right or wrong; maybe FOR_GOOD."""
        return FOR_GOOD if self.is_(Character.LOCKED) else self.locks.left(client, now)

    def failed(self, client: str, now: float, username: str = FIXED_USER) -> None:
        """Count a wrong login, at whichever door."""
        self.failed_logins += 1
        self.locks.failed(client, username == FIXED_USER, now)

    def succeeded(self, client: str) -> None:
        self.locks.succeeded(client)

    def passwords_of(self, username: str, door: str = "") -> list[str]:
        """What opens an account; at the door "rtsp" that may be something else."""
        user = self.users.get(username)
        if user is None:
            return []
        if door == "rtsp" and user.rtsp is not None:
            return [user.rtsp]
        return [user.password, *user.kept]

    def opens(self, username: str, password: str) -> bool:
        """Whether this login opens the device, asked past its front door: no try is counted."""
        return password in self.passwords_of(username)

    # -- accounts -----------------------------------------------------------------------------

    def create_user(self, username: str, password: str | None, level: str) -> None:
        if username in self.users:
            raise Fault("OperationProhibited", "UsernameClash")
        if len(username) > self.spec.max_username_length:
            raise Fault("OperationProhibited", "UsernameTooLong")
        if not username:
            raise Fault("OperationProhibited", "UsernameTooShort")
        if len(self.users) >= self.spec.max_users:
            raise Fault("Action", "TooManyUsers", receiver=True)
        new = self.checked(password, "Password")
        if self.fresh and level != "Administrator":
            raise Fault("OperationProhibited")
        self.users[username] = User(new, _level(level))

    def set_user(self, username: str, password: str | None, level: str) -> None:
        user = self.users.get(username)
        if user is None and self.is_(Character.MAKER):
            return self.create_user(username, password, level)
        if user is None:
            raise Fault("InvalidArgVal", "UsernameMissing")
        if username == FIXED_USER and level != user.level:
            raise Fault("InvalidArgVal", "FixedUser")
        new, level = self.checked(password, "PasswordTooWeak"), _level(level)
        if not self.is_(Character.LIAR):
            self._put(user, new, level)
        return None

    def delete_user(self, username: str) -> None:
        if username == FIXED_USER:
            raise Fault("InvalidArgVal", "FixedUser")
        if self.users.pop(username, None) is None:
            raise Fault("InvalidArgVal", "UsernameMissing")

    def change_password(self, username: str, password: str) -> None:
        """Somebody sets a password on the device's own page. Raises KeyError, Fault."""
        user = self.users[username]
        user.password, user.kept = self.checked(password, "PasswordTooWeak"), []
        user.rtsp = None

    def checked(self, password: str | None, weak: str) -> str:
        """The password as the device stores it. Raises Fault where it breaks the rules."""
        policy = self.spec.policy
        if password is None:
            raise Fault("OperationProhibited", weak)
        if len(password) > policy.max_length:
            raise Fault("OperationProhibited", "PasswordTooLong")
        classes = {_class_of(character) for character in password}
        if len(password) < policy.min_length or len(classes) < policy.classes:
            raise Fault("OperationProhibited", weak)
        return password[: policy.cut] if policy.cut else password

    def _put(self, user: User, password: str, level: str) -> None:
        if self.is_(Character.KEEPER) and user.password != password:
            user.kept.append(user.password)
        if self.is_(Character.LAGGING) and user.rtsp is None:
            user.rtsp = user.password
        user.password, user.level = password, level


def _level(level: str) -> str:
    if level not in LEVELS:
        raise Fault("InvalidArgVal")
    if level == "Anonymous":
        raise Fault("OperationProhibited", "AnonymousNotAllowed")
    return level


def _class_of(character: str) -> str:
    for name in ("islower", "isupper", "isdigit"):
        if getattr(character, name)():
            return name
    return "other"
