"""The rules of a site for its resets, and the limits of an organisation as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from resets.limits.rules import ORGANISATION_WIDE, Limit, checked, guarded
from resets.rules import (
    APPROVAL_BOUNDS,
    CODE_BOUNDS,
    ApprovalRules,
    CodeRules,
    PasswordSharing,
    RulesState,
    between,
)

CODES = CodeRules()  # the defaults


@dataclass(frozen=True)
class Place:
    """Where rules hold: at a site, or (`site` None) over an organisation as a whole."""

    organisation: UUID
    site: UUID | None


@event("resets.code_rules_set")
class CodeRulesSet(Event[RulesState]):
    """{actor} set the rules for codes: {rules.digits} digits, valid {rules.valid} s."""

    organisation: UUID
    site: UUID | None
    rules: CodeRules

    def evolve(self, state: RulesState) -> RulesState:
        return state.but(organisation=self.organisation, site=self.site, codes=self.rules)


@event("resets.approval_rules_set")
class ApprovalRulesSet(Event[RulesState]):
    """{actor} set when a second person has to agree to a reset."""

    organisation: UUID
    site: UUID | None
    rules: ApprovalRules

    def evolve(self, state: RulesState) -> RulesState:
        return state.but(organisation=self.organisation, site=self.site, approval=self.rules)


@event("resets.password_sharing_set")
class PasswordSharingSet(Event[RulesState]):
    """{actor} set whether campaigns may give all devices of the site one password."""

    organisation: UUID
    site: UUID | None
    rules: PasswordSharing

    def evolve(self, state: RulesState) -> RulesState:
        return state.but(organisation=self.organisation, site=self.site, sharing=self.rules)

    def told(self, actor: str) -> str:
        said = "may give all devices" if self.rules.allowed else "may no longer give all devices"
        return f"{actor} set that campaigns {said} of the site one password."


@event("resets.limits_set")
class LimitsSet(Event[RulesState]):
    """{actor} set the limits of resets and codes."""

    organisation: UUID
    site: UUID | None
    limits: tuple[Limit, ...] | None

    def evolve(self, state: RulesState) -> RulesState:
        return state.but(organisation=self.organisation, site=self.site, limits=self.limits)


@command(by=Role.ADMINISTRATOR, creates=None)
class SetCodeRules(Command[RulesState]):
    """Set the site's rules for codes. Resets that are under way keep those they began with."""

    place_id: UUID
    digits: int = asked(
        "Digits", help=between(CODE_BOUNDS, "digits"), initial=CODES.digits, default=CODES.digits
    )
    valid: int = asked(
        "A code is valid for",
        help=between(CODE_BOUNDS, "valid", "seconds"),
        initial=CODES.valid,
        default=CODES.valid,
    )
    tries: int = asked(
        "Wrong codes until it is burned",
        help=between(CODE_BOUNDS, "tries"),
        initial=CODES.tries,
        default=CODES.tries,
    )
    between_sends: int = asked(
        "Least time between two codes",
        help=between(CODE_BOUNDS, "between_sends", "seconds"),
        initial=CODES.between_sends,
        default=CODES.between_sends,
    )
    sends: int = asked(
        "Codes in one reset",
        help=between(CODE_BOUNDS, "sends"),
        initial=CODES.sends,
        default=CODES.sends,
    )
    open_for: int = asked(
        "A reset waits for people for",
        help=between(CODE_BOUNDS, "open_for", "seconds") + " Then it ends by itself.",
        initial=CODES.open_for,
        default=CODES.open_for,
    )
    ground: Place = supplied()

    def decide(self, state: RulesState, now: datetime) -> Iterable[Event[RulesState]]:
        rules = CodeRules(
            self.digits, self.valid, self.tries, self.between_sends, self.sends, self.open_for
        ).checked()
        if rules != state.codes:
            yield CodeRulesSet(self.ground.organisation, self.ground.site, rules)


@command(by=Role.ADMINISTRATOR, creates=None)
class SetApprovalRules(Command[RulesState]):
    """Set when a second person has to agree to a reset."""

    place_id: UUID
    always: bool = asked("Always", default=False)
    nvrs: bool = asked("For NVRs", default=False)
    without_mailbox: bool = asked("For devices without a Reset Password Email", default=False)
    above_a_day: int = asked(
        "From this many resets in 24 hours on",
        help="0: never. " + between(APPROVAL_BOUNDS, "above_a_day"),
        initial=0,
        default=0,
    )
    night_from: int = asked(
        "The night begins at",
        help="An hour by the clock of the site. " + between(APPROVAL_BOUNDS, "night_from"),
        initial=0,
        default=0,
    )
    night_to: int = asked(
        "The night ends at",
        help="Where both are the same hour, there is no night. "
        + between(APPROVAL_BOUNDS, "night_to"),
        initial=0,
        default=0,
    )
    valid: int = asked(
        "A request waits for",
        help=between(APPROVAL_BOUNDS, "valid", "seconds") + " Then it has expired.",
        initial=86_400,
        default=86_400,
    )
    ground: Place = supplied()

    def decide(self, state: RulesState, now: datetime) -> Iterable[Event[RulesState]]:
        rules = ApprovalRules(
            self.always,
            self.night_from,
            self.night_to,
            self.nvrs,
            self.above_a_day,
            self.without_mailbox,
            self.valid,
        ).checked()
        if rules != state.approval:
            yield ApprovalRulesSet(self.ground.organisation, self.ground.site, rules)


@command(by=Role.ADMINISTRATOR, creates=None)
class SetPasswordSharing(Command[RulesState]):
    """Set whether a campaign may give all devices of the site one password."""

    place_id: UUID
    allowed: bool = asked(
        "Campaigns may give all devices of the site one password",
        help="Whoever learns it from one device opens all of them. Without this, each device gets "
        "a password of its own.",
        default=False,
    )
    ground: Place = supplied()

    def decide(self, state: RulesState, now: datetime) -> Iterable[Event[RulesState]]:
        rules = PasswordSharing(self.allowed)
        if rules != state.sharing:
            yield PasswordSharingSet(self.ground.organisation, self.ground.site, rules)


@command(by=Role.ADMINISTRATOR, creates=None)
class SetLimits(Command[RulesState]):
    """Set the limits of a site, or of an organisation. None: go back to the defaults."""

    place_id: UUID
    limits: tuple[Limit, ...] | None
    ground: Place = supplied()

    def decide(self, state: RulesState, now: datetime) -> Iterable[Event[RulesState]]:
        wide = self.ground.site is None
        if self.limits is not None:
            checked(self.limits) if wide else guarded(self.limits)
        for limit in self.limits or ():
            if wide != (limit.scope in ORGANISATION_WIDE):
                raise Refused(
                    "limit_elsewhere",
                    "This limit is set for the organisation as a whole, not for a site."
                    if not wide
                    else "This limit is set for each site.",
                    field="scope",
                )
        if self.limits != state.limits:
            yield LimitsSet(self.ground.organisation, self.ground.site, self.limits)
