"""One virtual device: its accounts, its password rules, its lock-out and its character. No I/O.

It knows nothing of the product and was written from the ONVIF documents, not from the driver.
"""

from dataclasses import dataclass, field
from enum import StrEnum

LEVELS = ("Administrator", "Operator", "User", "Anonymous", "Extended")
FIXED_USER = "admin"


class Auth(StrEnum):
    """How the device guards its ONVIF calls."""

    WS = "ws"
    DIGEST_MD5 = "http-digest md5"
    DIGEST_SHA256 = "http-digest sha256"


class Character(StrEnum):
    """How the device behaves, seen in real ones or in reports of them."""

    HONEST = "honest"
    LIAR = "liar"  # SetUser says yes and changes nothing
    SLOW = "slow"  # answers after seconds
    DEAD = "dead"  # refuses every connection
    OPEN = "open"  # accepts any login
    KEEPER = "keeper"  # SetUser adds a password, and the old one still opens
    TERSE = "terse"  # refuses without a reason: a bare Receiver fault


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """Lengths in characters; classes are lower case, upper case, digits and everything else."""

    min_length: int = 8
    max_length: int = 32
    classes: int = 2


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """What a device is, from the factory on. Times in seconds.

    ``password`` is the first one of ``admin``. ``nvr`` and ``channel`` say where a camera hangs.
    ``port`` 0 means any free one.
    """

    serial: str
    kind: str
    name: str
    place: str
    model: str
    mac: str
    firmware: str
    password: str = field(repr=False)
    port: int = 0
    nvr: str | None = None
    channel: int | None = None
    auth: Auth = Auth.WS
    character: Character = Character.HONEST
    policy: PasswordPolicy = PasswordPolicy()
    max_users: int = 8
    max_username_length: int = 32
    lockout_tries: int = 7
    lockout_seconds: float = 60
    clock_skew: float = 0
    delay: float = 0


@dataclass(slots=True)
class User:
    """An account. ``kept`` are older passwords that still open it (Character.KEEPER)."""

    password: str = field(repr=False)
    level: str
    kept: list[str] = field(default_factory=list, repr=False)


class Fault(Exception):
    """A refusal as ONVIF names it: Sender or Receiver, and subcodes from the outside in."""

    def __init__(self, *subcodes: str, receiver: bool = False, retry_after: int = 0) -> None:
        super().__init__("/".join(subcodes))
        self.subcodes = subcodes
        self.receiver = receiver
        self.retry_after = retry_after


@dataclass(slots=True)
class Lock:
    """What the device remembers of one client that logs in wrongly."""

    failures: int = 0
    until: float = 0


class Device:
    """A device that is on. ``now`` is the world's time in seconds, given with every call."""

    def __init__(self, spec: DeviceSpec) -> None:
        self.spec = spec
        self.users = {FIXED_USER: User(spec.password, "Administrator")}
        self.calls: dict[str, int] = {}
        self.failed_logins = 0
        self._locks: dict[str, Lock] = {}

    # -- logging in ---------------------------------------------------------------------------

    def clock(self, now: float) -> float:
        return now + self.spec.clock_skew

    def locked_for(self, client: str, now: float) -> float:
        """Seconds for which this client's logins are refused, right or wrong."""
        lock = self._locks.get(client)
        return max(0.0, lock.until - now) if lock else 0.0

    def failed(self, client: str, now: float) -> None:
        self.failed_logins += 1
        lock = self._locks.setdefault(client, Lock())
        lock.failures += 1
        if lock.failures >= self.spec.lockout_tries:
            lock.failures, lock.until = 0, now + self.spec.lockout_seconds

    def succeeded(self, client: str) -> None:
        self._locks.pop(client, None)

    def restarted(self) -> None:
        """Power was off: locks are gone, accounts stay."""
        self._locks.clear()

    def passwords_of(self, username: str) -> list[str]:
        user = self.users.get(username)
        return [user.password, *user.kept] if user else []

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
        new = self._checked(password, "Password")
        self.users[username] = User(new, _level(level))

    def set_user(self, username: str, password: str | None, level: str) -> None:
        user = self.users.get(username)
        if user is None:
            raise Fault("InvalidArgVal", "UsernameMissing")
        if username == FIXED_USER and level != user.level:
            raise Fault("InvalidArgVal", "FixedUser")
        if self.spec.character is Character.LIAR:
            return
        self._put(user, self._checked(password, "PasswordTooWeak"), _level(level))

    def delete_user(self, username: str) -> None:
        if username == FIXED_USER:
            raise Fault("InvalidArgVal", "FixedUser")
        if self.users.pop(username, None) is None:
            raise Fault("InvalidArgVal", "UsernameMissing")

    def change_password(self, username: str, password: str) -> None:
        """Somebody sets a password on the device's own page. Raises KeyError, Fault."""
        user = self.users[username]
        user.password, user.kept = self._checked(password, "PasswordTooWeak"), []

    def _put(self, user: User, password: str, level: str) -> None:
        if self.spec.character is Character.KEEPER and user.password != password:
            user.kept.append(user.password)
        user.password, user.level = password, level

    def _checked(self, password: str | None, weak: str) -> str:
        policy = self.spec.policy
        if password is None:
            raise Fault("OperationProhibited", weak)
        if len(password) > policy.max_length:
            raise Fault("OperationProhibited", "PasswordTooLong")
        classes = {_class_of(character) for character in password}
        if len(password) < policy.min_length or len(classes) < policy.classes:
            raise Fault("OperationProhibited", weak)
        return password


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
