"""The rules of a site for its resets: codes, approval by a second person, limits.

Each site may set its own, within the bounds of the standards; what it leaves alone is as here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from fleet.errors import Refused
from fleet.eventstore.messages import State, state
from resets.limits.rules import Limit


@dataclass(frozen=True)
class CodeRules:
    """A site's rules for codes. Times in seconds.

    Bounds: RFC 4226 and NIST SP 800-63B-4 (6 to 8 digits), OWASP ASVS 5.0 6.5.5 (10 minutes).
    """

    digits: int = 8
    valid: int = 600
    tries: int = 5
    between_sends: int = 60
    sends: int = 3
    open_for: int = 3600

    def checked(self) -> CodeRules:
        """These rules, when they are to be used from now on. Raises Refused out of bounds.

        Not in `__post_init__`: rules that were allowed once stand in events, and those have to be
        readable for ever.
        """
        for name, (least, most) in CODE_BOUNDS.items():
            if not least <= getattr(self, name) <= most:
                raise Refused(
                    "rule_out_of_bounds",
                    f"Between {least} and {most}, please: that is what the standards leave.",
                    field=name,
                    least=least,
                    most=most,
                )
        return self


def between(bounds: Mapping[str, tuple[int, int]], name: str, unit: str = "") -> str:
    """The bounds of a rule, for people."""
    least, most = bounds[name]
    return f"{least:,} to {most:,}{f' {unit}' if unit else ''}."


CODE_BOUNDS = {
    "digits": (6, 8),
    "valid": (60, 600),
    "tries": (1, 10),
    "between_sends": (30, 3600),
    "sends": (1, 5),
    "open_for": (600, 86_400),
}


@dataclass(frozen=True)
class ApprovalRules:
    """When a second person has to agree before anything happens. Hours in the site's own zone.

    `night_from` and `night_to` bound the hours of the night, `above_a_day` is how many resets the
    site takes in 24 h without asking; 0 or equal hours switch a rule off. `valid` in seconds.
    """

    always: bool = False
    night_from: int = 0
    night_to: int = 0
    nvrs: bool = False
    above_a_day: int = 0
    without_mailbox: bool = False
    valid: int = 86_400

    def checked(self) -> ApprovalRules:
        """These rules, when they are to be used from now on. Raises Refused out of bounds."""
        for name, (least, most) in APPROVAL_BOUNDS.items():
            if not least <= getattr(self, name) <= most:
                raise Refused(
                    "rule_out_of_bounds",
                    f"Between {least} and {most}, please.",
                    field=name,
                    least=least,
                    most=most,
                )
        return self

    def why(self, *, nvr: bool, mailbox: bool, today: int, at: datetime, zone: ZoneInfo) -> str:
        """Why a second person has to agree to a reset that begins now; "" if nobody has to.

        `today`: how many resets the site had in the last 24 h.
        """
        if self.always:
            return "always"
        if self.without_mailbox and not mailbox:
            return "without_mailbox"
        if self.nvrs and nvr:
            return "nvr"
        if self.above_a_day and today >= self.above_a_day:
            return "above_a_day"
        return "night" if self.is_night(at.astimezone(zone).hour) else ""

    def is_night(self, hour: int) -> bool:
        if self.night_from <= self.night_to:
            return self.night_from <= hour < self.night_to
        return hour >= self.night_from or hour < self.night_to


APPROVAL_BOUNDS = {
    "night_from": (0, 23),
    "night_to": (0, 23),
    "above_a_day": (0, 10_000),
    "valid": (600, 604_800),
}
APPROVAL_WORDS = {
    "always": "this site asks for a second person each time",
    "without_mailbox": "the device has no Reset Password Email",
    "nvr": "it is an NVR",
    "above_a_day": "the site has had many resets today",
    "night": "it is night at the site",
}


@dataclass(frozen=True)
class PasswordSharing:
    """Whether a campaign may give all devices of the site one password. Without it, each gets one
    of its own, whatever was planned.
    """

    allowed: bool = False


@state("rules")
class RulesState(State):
    """The rules of a site; those of an organisation hold its own limits. None: the defaults."""

    codes: CodeRules = CodeRules()
    approval: ApprovalRules = ApprovalRules()
    sharing: PasswordSharing = PasswordSharing()
    limits: tuple[Limit, ...] | None = None


def rules_id(place: UUID) -> UUID:
    """The stream of the rules of a site or an organisation."""
    return uuid5(place, "reset rules")
