"""What a virtual device is from the factory on, and how it misbehaves."""

from dataclasses import dataclass, field
from enum import Flag, StrEnum, auto
from typing import Self


class Auth(StrEnum):
    """How the device guards its ONVIF calls."""

    WS = "ws"
    DIGEST_MD5 = "http-digest md5"
    DIGEST_SHA256 = "http-digest sha256"


class Traits(Flag):
    """Flags that are also known by their names in small letters: ``LIAR | SLOW`` is "liar+slow"."""

    @classmethod
    def _missing_(cls, value: object) -> Self:
        if not isinstance(value, str):
            made: Self = super()._missing_(value)
            return made
        found = cls(0)
        for name in value.split("+"):
            if name.upper() not in cls.__members__:
                raise ValueError(f"{name!r} is none of {', '.join(cls.__members__).lower()}")
            found |= cls[name.upper()]
        return found

    @property
    def names(self) -> str:
        return "+".join(trait.name.lower() for trait in self if trait.name)


class Character(Traits):
    """How the device behaves, seen in real ones or in reports of them. They may be combined."""

    HONEST = 0
    LIAR = auto()  # SetUser says yes and changes nothing
    SLOW = auto()  # answers after seconds
    DEAD = auto()  # refuses every connection
    OPEN = auto()  # accepts any login
    KEEPER = auto()  # SetUser adds a password, and the old one still opens
    TERSE = auto()  # refuses without a reason: a bare Receiver fault
    LOCKED = auto()  # somebody else's wrong logins have locked it, for everybody
    LAGGING = auto()  # a changed password opens HTTP; RTSP goes by the one before
    MUTE = auto()  # GetUsers is empty, and answered to anybody
    MAKER = auto()  # SetUser makes the user that it does not find
    TWO_WAYS = auto()  # takes a WS-UsernameToken as well as its HTTP digest
    TIMELESS = auto()  # ignores the time of a token
    NAMELESS = auto()  # tells no MAC: GetNetworkInterfaces is empty
    FICKLE = auto()  # shows another TLS certificate after every restart
    OLD_TLS = auto()  # speaks TLS 1.2 alone, with an RSA key and one cipher suite


class Discovery(Traits):
    """How the device answers a WS-Discovery probe where it does not answer as it should."""

    USUAL = 0
    SILENT = auto()  # never
    ONLY_DEVICE = auto()  # only to a probe for tds:Device
    ONLY_TRANSMITTER = auto()  # only to one for dn:NetworkVideoTransmitter
    ONLY_UNTYPED = auto()  # only to one without types
    TWICE = auto()
    OTHER_PORT = auto()  # from another port than it was asked at
    RAW_SPACE = auto()  # its name's space is not percent-encoded


class NvrTraits(Traits):
    """How a recorder takes changes of its list of cameras where it does not do as it is told."""

    USUAL = 0
    KEEPS = auto()  # refuses to remove a camera
    REFUSES = auto()  # refuses to add one
    STRICT = auto()  # refuses a login that does not open the camera, and stores nothing
    NODS = auto()  # says yes to every change, and does nothing
    STUCK = auto()  # says yes to a move, and leaves the camera where it is
    HESITANT = auto()  # after a change it says a few times that it is still trying
    KEYLESS = auto()  # its page does not say how a camera's password travels


class Vendor(StrEnum):
    TP_LINK = "TP-Link"
    HIKVISION = "Hikvision"
    DAHUA = "Dahua"


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """Lengths in characters; classes are lower case, upper case, digits and everything else.

    A password is cut at ``cut`` characters when it is set, in silence; 0 means it is not.
    """

    min_length: int = 8
    max_length: int = 32
    classes: int = 2
    cut: int = 0


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A further service of a device: rtsp, recovery, vigi_local, and of a recorder vigi_nvr and
    vigi_recorder. Port 0: any free."""

    name: str
    port: int = 0
    tls: bool = False


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """What a device is, from the factory on. Times in seconds.

    ``password`` is the first one of ``admin``; a ``fresh`` device has no account yet. ``nvr`` and
    ``channel`` say where a camera hangs. ``port`` is that of ONVIF, 0 means any free one; ``path``
    that of its service. All its chance follows from ``seed``; with "" it is real.
    """

    serial: str
    kind: str
    name: str
    place: str
    model: str
    mac: str
    firmware: str
    password: str = field(repr=False)
    seed: str = ""
    vendor: Vendor = Vendor.TP_LINK
    host: str = "127.0.0.1"
    port: int = 0
    tls: bool = False
    path: str = "/onvif/device_service"
    services: tuple[ServiceSpec, ...] = ()
    nvr: str | None = None
    channel: int | None = None
    fresh: bool = False
    auth: Auth = Auth.WS
    character: Character = Character.HONEST
    discovery: Discovery = Discovery.USUAL
    nvr_traits: NvrTraits = NvrTraits.USUAL
    max_channels: int = 16
    policy: PasswordPolicy = PasswordPolicy()
    max_users: int = 8
    max_username_length: int = 32
    # ``lockout_tries`` wrong logins by admin, or ``lockout_tries_others`` by any other name, lock
    # their client's address out of every door. A right login sets the count to nothing where
    # ``lockout_resets``. After ``lockout_for_good`` locks (0: never) nobody gets in until the
    # device is set back to the factory's state.
    lockout_tries: int = 7
    lockout_tries_others: int = 0  # 0: as many
    lockout_seconds: float = 60
    lockout_resets: bool = True
    lockout_for_good: int = 0
    refusal_status: int = 0  # of a wrong login: 400, 403 or 500; 0: as ONVIF says
    clock_skew: float = 0
    delay: float = 0  # before every answer
    flapping: float = 0  # every so many seconds it is drawn anew whether the device is there
    restart_seconds: float = 0  # from the restart's request until it is there again
