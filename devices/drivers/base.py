"""What every driver can be asked, and the values that go in and out.

All calls are asynchronous and raise ``errors.DeviceError`` for anything that the device or the way
to it does wrong. A driver object belongs to one device and one job: it remembers what it learned
about the device (its clock, its kind of authentication), never a login.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Literal

from devices.drivers.errors import NotSupported

LoginKind = Literal["new", "old", "wrong"]

ADMINISTRATOR = "Administrator"


class Ability(StrEnum):
    """What a driver can do for a device; each is the name of a call. People read the value."""

    IDENTIFY = "identify"
    IS_THERE = "is_there"
    CHECK = "check"
    TRIES_LEFT = "tries_left"
    IS_FRESH = "is_fresh"
    ACTIVATE = "activate"
    ACCOUNTS = "accounts"
    CREATE_ACCOUNT = "create_account"
    SET_PASSWORD = "set_password"  # noqa: S105  # nosec B105
    DELETE_ACCOUNT = "delete_account"
    RULES = "rules"
    SERVICES = "services"
    CHANNELS = "channels"
    CHALLENGE = "challenge"
    COMPLETE = "complete"
    CAMERAS = "cameras"
    REMOVE_CAMERA = "remove_camera"
    ADD_CAMERA = "add_camera"
    MOVE_CAMERA = "move_camera"
    SET_CAMERA_LOGIN = "set_camera_login"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a device's service is found.

    ``pin`` is the SHA-256 of the certificate in hex that the service has to show over TLS. Without
    one nothing is sent over TLS: ask ``http.certificate_of`` for it first (pinning on first use).
    """

    host: str
    port: int
    tls: bool = False
    path: str = "/onvif/device_service"
    pin: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and password. The password stays out of ``repr`` and so out of tracebacks."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """What the device says it is. Text from the device: bounded, printable, not to be trusted.

    ``mac`` as AA:BB:CC:DD:EE:FF in capitals, or "".
    """

    manufacturer: str
    model: str
    firmware: str
    serial: str
    hardware: str
    mac: str = ""


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
class Service:
    """A further way to talk to the same device: a driver's name, and its port there."""

    driver: str
    port: int
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of a recorder, as the recorder tells it. ``mac`` as in Identity."""

    number: int
    name: str
    online: bool
    host: str
    mac: str


@dataclass(frozen=True, slots=True)
class StoredCamera(Channel):
    """A camera as a recorder has it stored, its password apart. ``key`` is what the recorder knows
    the camera by, wherever it is; ``protocol`` how it talks to it, in the recorder's own words.

    ``opens``: whether the stored password opens the camera, by the recorder's own word; None while
    it is trying, and where it cannot tell.
    """

    port: int
    key: str
    protocol: str
    opens: bool | None


@dataclass(frozen=True, slots=True)
class Challenge:
    """A question that only whoever holds the device's recovery key can answer.

    ``expires_in`` in seconds; ``tries_left`` is how many wrong answers the device still takes.
    """

    id: str
    value: bytes
    expires_in: int
    tries_left: int


@dataclass(frozen=True, slots=True)
class DoorTried:
    """One login tried at one door (a protocol of the device).

    ``opened`` is None when the door could not be tried; ``detail`` then holds the error's code.
    """

    door: str
    login: LoginKind
    opened: bool | None
    detail: str = ""


class Driver:
    """A way to talk to one device. A driver can do what it overrides; the rest is NotSupported.

    ``timeout`` in seconds, for each exchange with the device.
    """

    name: ClassVar[str]
    abilities: ClassVar[frozenset[Ability]] = frozenset()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.abilities = frozenset(a for a in Ability if _overrides(cls, a.value))

    def __init__(self, address: Address, timeout: float) -> None:
        self._address = address
        self._timeout = timeout

    async def identify(self, login: Login | None = None) -> Identity:
        """Ask the device what it is. Some tell it without a login."""
        raise NotSupported

    async def is_there(self) -> None:
        """Ask for something that needs no login. Raises Unreachable, BadAnswer."""
        raise NotSupported

    async def check(self, login: Login) -> bool:
        """Tell whether this login opens the device. A wrong one costs one of its login tries.

        Raises LockedOut, OpensToAnything, FactoryFresh, TriesSpent, Unreachable, BadAnswer,
        ClockRefused, CertificateChanged.
        """
        raise NotSupported

    async def tries_left(self) -> int | None:
        """How many wrong logins the device still takes, by its own word; None if it tells not.

        Asking costs none.
        """
        raise NotSupported

    async def is_fresh(self) -> bool:
        """Whether the device is as it left the factory, with no password set. Needs no login."""
        raise NotSupported

    async def activate(self, new: Login, reset_email: str, recovery_key: bytes = b"") -> None:
        """Give a factory-fresh device its first administrator, and whatever else it keeps of this.

        Raises NotFresh, PasswordRefused.
        """
        raise NotSupported

    async def accounts(self, login: Login) -> tuple[Account, ...]:
        """List the device's accounts."""
        raise NotSupported

    async def create_account(self, login: Login, new: Login, level: str = ADMINISTRATOR) -> None:
        """Make an account. Raises UsernameClash, AccountLimit, PasswordRefused, UsernameRefused."""
        raise NotSupported

    async def set_password(self, login: Login, username: str, new_password: str) -> None:
        """Set an account's password and keep its level; repeating it does no harm.

        That the device says yes proves nothing: see ``proof.prove``.
        Raises UnknownAccount, FixedAccount, PasswordRefused.
        """
        raise NotSupported

    async def delete_account(self, login: Login, username: str) -> None:
        """Delete an account. Raises UnknownAccount, FixedAccount."""
        raise NotSupported

    async def rules(self) -> PasswordRules:
        """Ask for the limits on passwords and accounts. Needs no login."""
        raise NotSupported

    async def services(self, login: Login) -> tuple[Service, ...]:
        """The device's other services, as far as this one names them and we have a driver."""
        raise NotSupported

    async def channels(self, login: Login) -> tuple[Channel, ...]:
        """A recorder's channels, and the cameras on them."""
        raise NotSupported

    async def cameras(self, login: Login) -> tuple[StoredCamera, ...]:
        """What a recorder has stored of the cameras on its channels."""
        raise NotSupported

    async def remove_camera(self, login: Login, camera: StoredCamera) -> None:
        """Take a camera off a recorder: that it says yes proves nothing, see ``cameras``.

        Raises UnknownCamera where another camera is on that channel by now, or none.
        """
        raise NotSupported

    async def add_camera(self, login: Login, camera: StoredCamera, opened_by: Login) -> None:
        """Add a camera to a recorder, on whichever channel the recorder takes; see ``move_camera``.

        ``opened_by`` is the login that the recorder is to open it with. Raises CameraRefused.
        """
        raise NotSupported

    async def move_camera(self, login: Login, camera: StoredCamera, number: int) -> None:
        """Move a camera to a free channel, with its settings.

        Raises ChannelTaken, UnknownCamera.
        """
        raise NotSupported

    async def set_camera_login(self, login: Login, camera: StoredCamera, opened_by: Login) -> None:
        """Change what a recorder opens a camera with, and its name on the channel to that given.

        The camera itself is not changed. Raises CameraRefused, UnknownCamera.
        """
        raise NotSupported

    async def challenge(self) -> Challenge:
        """Ask the device for a challenge; an earlier one is void from then on. Needs no login."""
        raise NotSupported

    async def complete(
        self, challenge: Challenge, code: str, recovery_key: bytes, new: Login
    ) -> None:
        """Answer the challenge and set the password; the device checks the code by itself.

        Raises CodeRefused (with the tries left), ChallengeVoid, LockedOut, PasswordRefused.
        """
        raise NotSupported


def _overrides(cls: type[Driver], name: str) -> bool:
    return getattr(cls, name) is not getattr(Driver, name)
