"""How ready a device is for a reset, from 0 to 100, with every reason why it is not readier.

One table holds the rule: what the worst of each kind weighs adds up to 100, and of one kind only
one reason counts. So to put a reason right never lowers the score. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache

BEST = 100


class Fact(StrEnum):
    """One of the kinds of facts, its values from the worst to the best."""

    @property
    def rank(self) -> int:
        return list(type(self)).index(self)


class Mailbox(Fact):
    """What is known of the Reset Password Email."""

    MISSING = "mailbox_missing"
    BOUNCING = "mailbox_bouncing"
    UNTESTED = "mailbox_untested"
    REACHED = "mailbox_reached"


class Way(Fact):
    """How a new password would get onto the device."""

    RESTORE_ONLY = "restore_only"
    NO_ACCOUNT = "no_management_account"
    ACCOUNT = "management_account"


class Firmware(Fact):
    """Whether a published flaw is in it."""

    FLAWED = "firmware_flaw"
    UNCLEAR = "firmware_unclear"
    NO_FLAW_KNOWN = "no_flaw_known"


class Standing(Fact):
    """Whether the stored credential opens the device, and what its NVR has opens it too."""

    NOT_CERTIFIED = "not_certified"
    TROUBLE = "in_trouble"
    NEVER_CERTIFIED = "never_certified"
    NVR_SHUT_OUT = "nvr_shut_out"
    CERTIFIED = "certified"


class Age(Fact):
    """Of its password, and whose else it is."""

    SHARED = "password_shared"
    OLD = "password_old"
    FRESH = "password_fresh"


class Drilled(Fact):
    """How the last drill ended."""

    FAILED = "drill_failed"
    OVERDUE = "drill_overdue"
    PASSED = "drill_passed"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the score is made of."""

    mailbox: Mailbox
    way: Way
    firmware: Firmware
    standing: Standing
    age: Age
    drilled: Drilled


@dataclass(frozen=True)
class Reason:
    """Why a device is not readier, and what to do next. `weight`: by how much."""

    code: str
    weight: int
    words: str
    next: str

    @property
    def tone(self) -> str:
        return "bad" if self.weight >= 15 else "warn" if self.weight >= 8 else "quiet"


REASONS = {
    reason.code: reason
    for reason in (
        Reason(
            Mailbox.MISSING,
            25,
            "No Reset Password Email",
            "Name a mailbox for it; a second person has to agree.",
        ),
        Reason(
            Mailbox.BOUNCING,
            25,
            "Mails to its mailbox fail",
            "See what the mail server said, and correct the mailbox.",
        ),
        Reason(
            Mailbox.UNTESTED,
            8,
            "No mail to its mailbox yet",
            "A test mail or a drill shows whether mails arrive there.",
        ),
        Reason(
            Way.RESTORE_ONLY,
            17,
            "Only the factory restore is left",
            "Check the device while its password is known: Rekey then makes an account of its own.",
        ),
        Reason(
            Way.NO_ACCOUNT,
            5,
            "No management account",
            "Check the device while its password is known: Rekey then makes an account of its own.",
        ),
        Reason(
            Firmware.FLAWED,
            15,
            "Firmware with a published flaw",
            "Update the firmware, as the maker’s notice says; then check the device.",
        ),
        Reason(
            Firmware.UNCLEAR,
            5,
            "Firmware may have a published flaw",
            "Compare the model, the hardware and the firmware with the maker’s notice.",
        ),
        Reason(
            Standing.NOT_CERTIFIED,
            25,
            "Not certified",
            "Reset its password, or give Rekey the right one.",
        ),
        Reason(
            Standing.TROUBLE,
            18,
            "In trouble",
            "Its page says what is wrong, and what to do about it.",
        ),
        Reason(
            Standing.NEVER_CERTIFIED,
            12,
            "Never certified",
            "Check the device: nobody has seen yet whether its password opens it.",
        ),
        Reason(
            Standing.NVR_SHUT_OUT,
            10,
            "Its NVR has another password",
            "Type its present password into its NVR: until then a reset has to begin there.",
        ),
        Reason(
            Age.SHARED,
            5,
            "Other devices have its password",
            "Rotate it: whoever learns the password from one of them opens all.",
        ),
        Reason(
            Age.OLD,
            5,
            "Old password",
            "Rotate it: while the password is known, nobody has to be asked for a code.",
        ),
        Reason(
            Drilled.FAILED,
            13,
            "The last drill failed",
            "See where it failed, put that right, and begin another drill.",
        ),
        Reason(
            Drilled.OVERDUE,
            8,
            "No drill lately",
            "Begin a drill. No password is changed by it.",
        ),
    )
}


@dataclass(frozen=True, eq=False)  # one for each kind of facts: see `score`
class Score:
    """`value` from 0 to 100, and the reasons, the heaviest first."""

    value: int
    reasons: tuple[Reason, ...]

    @property
    def band(self) -> Band:
        return Band.of(self.value)


class Band(StrEnum):
    """How a score is called."""

    NOT_READY = "not_ready"
    NEARLY = "nearly"
    READY = "ready"

    @classmethod
    def of(cls, value: int) -> Band:
        return cls.READY if value >= 90 else cls.NEARLY if value >= 70 else cls.NOT_READY

    @property
    def words(self) -> str:
        return {"not_ready": "Not ready", "nearly": "Nearly ready", "ready": "Ready"}[self]

    @property
    def tone(self) -> str:
        return {"not_ready": "bad", "nearly": "warn", "ready": "ok"}[self]

    @property
    def about(self) -> str:
        return {"not_ready": "below 70", "nearly": "70 to 89", "ready": "90 to 100"}[self]


@cache  # there are fewer than a thousand kinds of facts
def score(facts: Facts) -> Score:
    """How ready a device is of which this is known."""
    told = [getattr(facts, field.name) for field in fields(facts)]
    found = [REASONS[one] for one in told if one in REASONS]
    reasons = tuple(sorted(found, key=lambda reason: -reason.weight))
    return Score(BEST - sum(reason.weight for reason in reasons), reasons)
