"""What can go wrong with a device, typed.

Every error has a stable ``code``, says in ``str(error)`` what happened and in ``sentence`` what to
do next. None of the texts is taken from the device: a device may echo a password in its answer.

DeviceError
├── Unreachable        no connection, or no answer in time
│   └── Busy           it answers, and says that it has no time
├── ForbiddenAddress   an address that Rekey never talks to
├── BadAnswer          an answer that cannot be read, is too large, or is not what was asked for
├── NotAuthorised      the login was refused
├── ClockRefused       the login was refused because of the time it was signed with
├── LockedOut          too many wrong logins; the device refuses right ones too for a while
├── TriesSpent         one more wrong login might lock the device: the last try is never spent
├── CertificateChanged it shows another TLS certificate than the pinned one
├── FactoryFresh       it has no password yet
├── NotFresh           it cannot be activated: somebody has set a password
├── OpensToAnything    the device asks nobody for a login, so no login can be checked
├── NotSupported       the device does not offer what was asked for
└── Declined           the device understood, and said no
    ├── CodeRefused
    ├── ChallengeVoid
    ├── PasswordRefused
    ├── UsernameRefused
    ├── UsernameClash
    ├── AccountLimit
    ├── UnknownAccount
    ├── FixedAccount
    ├── UnknownCamera
    ├── ChannelTaken
    ├── CameraRefused
    └── ActionFailed   it said no without saying why
"""

import errno
from typing import ClassVar, Literal

PasswordReason = Literal["too_long", "too_short", "too_weak", "characters"]


class OutOfFiles(Exception):
    """This process may open no more connections: no error of a device, and nothing is known of any.

    Whoever runs Rekey: allow it more open files (`ulimit -n`, or systemd's LimitNOFILE).
    """

    @classmethod
    def if_so(cls, error: OSError) -> None:
        """Raises OutOfFiles where an error says so."""
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise cls("this process may open no more files") from error


class DeviceError(Exception):
    """A device problem. ``maybe_done``: a change that was asked for may have been carried out."""

    code: ClassVar[str] = "device_error"
    happened: ClassVar[str] = "The device could not be used."
    sentence: str = "Try again; if it stays so, look at the device itself."

    def __init__(self, happened: str = "", *, maybe_done: bool = False) -> None:
        super().__init__(happened or self.happened)
        self.maybe_done = maybe_done


class Unreachable(DeviceError):
    """No connection, a time-out, or a connection that broke before the answer."""

    code = "unreachable"
    happened = "The device does not answer."
    sentence = (
        "Check that the device has power and network and that its address and port are right, "
        "then try again."
    )


class Busy(Unreachable):
    """The device is there and has no room for this call now: too many clients, or its own time-out.

    Nothing was done, and no login was judged.
    """

    code = "busy"
    happened = "The device is busy."
    sentence = "Try again in a minute; close other connections to it if it stays so."


class ForbiddenAddress(DeviceError):
    """Nothing was sent. ``reason`` as of ``reach.Reach.problem``: own_address, own_port, …"""

    code = "forbidden_address"
    happened = "Rekey does not talk to that address."
    sentence = "Give the address that the device itself has in its site's network."

    def __init__(self, reason: str = "") -> None:
        super().__init__()
        self.reason = reason


class BadAnswer(DeviceError):
    """Malformed, oversized or unexpected: whatever it is, it is not an answer to the question."""

    code = "bad_answer"
    happened = "The device's answer cannot be understood."
    sentence = (
        "Check that the address and port belong to this service of the device, "
        "then try again; if it stays so, update the device's firmware."
    )


class NotAuthorised(DeviceError):
    """The device refused the login, or the account may not do what was asked."""

    code = "not_authorised"
    happened = "The device refused the login."
    sentence = "Give a user name and password that open the device and belong to an administrator."


class ClockRefused(DeviceError):
    """The login was signed with a time that the device does not accept."""

    code = "clock_refused"
    happened = "The device refused the time of the login."
    sentence = "Set the device's clock, then try again."


class LockedOut(DeviceError):
    """The device refuses every login for a while, or ``for_good``.

    ``seconds_left`` where the device tells.
    """

    code = "locked_out"
    happened = "The device is locked after too many wrong logins."

    def __init__(self, seconds_left: int | None = None, *, for_good: bool = False) -> None:
        super().__init__()
        self.seconds_left = seconds_left
        self.for_good = for_good
        wait = "until it unlocks" if seconds_left is None else f"{seconds_left} seconds"
        self.sentence = f"Wait {wait}; every try before that may lengthen the lock."
        if for_good:
            self.sentence = "It does not unlock by itself: restore it with its reset button."


class TriesSpent(DeviceError):
    """The last login try is never spent. ``seconds_left`` until Rekey may try again, if known."""

    code = "tries_spent"
    happened = "One more wrong login could lock the device, so Rekey does not try."

    def __init__(self, seconds_left: int | None = None) -> None:
        super().__init__()
        self.seconds_left = seconds_left
        wait = "when it counts anew" if seconds_left is None else f"in {seconds_left} seconds"
        self.sentence = f"Rekey may try again {wait}."


class CertificateChanged(DeviceError):
    """``seen`` is the SHA-256 of the certificate that it shows now, in hex."""

    code = "certificate_changed"
    happened = "The device shows another certificate than before, so nothing was sent to it."
    sentence = (
        "Find out whether the device was reset, updated or replaced; "
        "if so, accept the new certificate on its page."
    )

    def __init__(self, port: int = 0, seen: str = "") -> None:
        super().__init__()
        self.port = port
        self.seen = seen


class FactoryFresh(DeviceError):
    """The device is as it left the factory: there is no login that could open it."""

    code = "factory_fresh"
    happened = "The device has no password yet: it is as it left the factory."
    sentence = "Set its first password: find it under Discovery and press Set Password."


class NotFresh(DeviceError):
    """The device has been activated by somebody."""

    code = "not_fresh"
    happened = "The device has a password already, so it cannot be activated."
    sentence = "Add it with its password, or use Forget Password."


class OpensToAnything(DeviceError):
    """The device does what is asked without any login, so a login proves nothing."""

    code = "opens_to_anything"
    happened = "The device answers to anybody, with no login at all."
    sentence = "Turn on authentication for this service on the device, or set its first password."


class NotSupported(DeviceError):
    """No such service, or no such call."""

    code = "not_supported"
    happened = "The device does not offer this."
    sentence = "Check on the device that this service is switched on and allows what was asked."


class Declined(DeviceError):
    """The device understood the request and refuses it. Nothing was changed."""

    code = "declined"
    happened = "The device refused the request."
    sentence = "Look at the device's own page for what it forbids."


class CodeRefused(Declined):
    """The device found the code wrong. ``tries_left`` as it says."""

    code = "code_refused"
    happened = "The device refused the code."
    sentence = "Check the code and type it again."

    def __init__(self, tries_left: int | None = None) -> None:
        super().__init__()
        self.tries_left = tries_left


class ChallengeVoid(Declined):
    """The challenge is too old, was replaced by a newer one, or the device was restarted since."""

    code = "challenge_void"
    happened = "The device has forgotten what it asked."
    sentence = "Begin again: a code for the old question does not count any more."


class PasswordRefused(Declined):
    """``reason``: too_long, too_short, too_weak, or characters that cannot be sent."""

    code = "password_refused"

    def __init__(self, reason: PasswordReason) -> None:
        words = {
            "too_long": ("too long", "Choose a shorter one."),
            "too_short": ("too short", "Choose a longer one."),
            "too_weak": ("too weak", "Mix lower and upper case letters, digits and signs."),
            "characters": ("not made of usable characters", "Use letters, digits and signs only."),
        }
        what, self.sentence = words[reason]
        super().__init__(f"The device refused the password: it is {what}.")
        self.reason: PasswordReason = reason


class UsernameRefused(Declined):
    """Too long, too short, or not allowed."""

    code = "username_refused"
    happened = "The device refused the user name."
    sentence = "Choose another user name, within the length that the device allows."


class UsernameClash(Declined):
    """An account of that name is there already."""

    code = "username_clash"
    happened = "The device already has an account of that name."
    sentence = "Choose another user name, or set the password of the existing account."


class AccountLimit(Declined):
    """No room for another account."""

    code = "account_limit"
    happened = "The device has no room for another account."
    sentence = "Delete an account that nobody uses on the device, then try again."


class UnknownAccount(Declined):
    """There is no account of that name."""

    code = "unknown_account"
    happened = "The device has no account of that name."
    sentence = "Check the user name against the device's list of accounts."


class FixedAccount(Declined):
    """The account is built in: it can be neither deleted nor changed this way."""

    code = "fixed_account"
    happened = "The device does not let this built-in account be changed this way."
    sentence = "Change it on the device's own page, or use another recovery method."


class UnknownCamera(Declined):
    """The recorder does not have this camera on this channel."""

    code = "unknown_camera"
    happened = "The recorder does not have this camera on that channel."
    sentence = "Look at the recorder's channels, and try again."


class ChannelTaken(Declined):
    """Another camera is on that channel of the recorder: it is never pushed aside."""

    code = "channel_taken"
    happened = "Another camera is on that channel of the recorder."
    sentence = "Free the channel on the recorder, or put the camera on another one."


class CameraRefused(Declined):
    """The recorder tried the login it was given at the camera, and the camera refused it."""

    code = "camera_refused"
    happened = "The camera refused the login that the recorder tried."
    sentence = "Check the camera's password; do not let the recorder go on trying a wrong one."


class ActionFailed(Declined):
    """A bare Receiver fault or ter:ActionFailed: no reason is given."""

    code = "action_failed"
    happened = "The device says that it could not do it, and not why."
    sentence = "Try a password of 8 to 16 letters and digits; if it stays so, restart the device."
