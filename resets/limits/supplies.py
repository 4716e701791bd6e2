"""The budget of a command: which limits hold for it, what is left of them, and one use taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from devices.models import Device
from fleet.eventstore.handling import moment, supplies
from fleet.eventstore.messages import By, State
from fleet.eventstore.store import load
from resets.campaigns.state import CodesState
from resets.campaigns.steps.codes import SendCampaignCode
from resets.limits import ledger
from resets.limits.counting import About
from resets.limits.rules import (
    FEWEST_CAMERAS,
    HOUR,
    Budget,
    Counted,
    Left,
    Limit,
    Scope,
    Subject,
    Use,
    in_force,
)
from resets.limits.state import WITHOUT_ALARM, BreakerState, breaker_id
from resets.rules import RulesState, rules_id
from resets.state import Phase, ResetState, masked
from resets.steps.request_reset import RequestReset
from resets.steps.send_by_phone import SendByPhone
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode


@supplies(Budget)
def budget(command: Any, state: ResetState | CodesState, by: By) -> Budget:
    """What the limits say of a command, and one use of each, if all of them have one left."""
    if isinstance(state, CodesState):
        return _of_campaign(command, state, moment())
    if state.phase is Phase.APPLYING:
        return Budget()  # no code is sent any more, also for a challenge that is brought
    now = moment()
    about, name = _about(command, state, by)
    counted = _counted(command)
    strange = isinstance(command, VerifyCode) and bool(state.owner) and state.owner != about.person
    assert about.site and about.device
    subject = Subject(about.organisation, about.site, about.device, name)
    case = Case.of(about, strange=strange)
    if tripped := case.tripped(counted):
        return Budget(tripped, at=now, subject=subject, tripped=True)
    keys = case.keys(counted)
    return replace(ledger.take(case.uses(counted, keys), now, keys.values()), subject=subject)


def _of_campaign(command: Any, codes: CodesState, now: datetime) -> Budget:
    """The same for a code of a campaign. An alarm stops it, and none is set off by it: alarms look
    for what nobody has agreed to.
    """
    counted = Counted.CODES if isinstance(command, SendCampaignCode) else Counted.GUESSES
    guesses = counted is Counted.GUESSES
    strange = guesses and bool(codes.owner) and codes.owner != command.human.id
    about = About.of_campaign(codes)
    subject = Subject(about.organisation, about.site, campaign=codes.campaign)
    case = Case.of(about, strange=strange)
    if tripped := case.tripped(counted):
        return Budget(tripped, at=now, subject=subject, tripped=True)
    case = replace(case, limits=tuple(limit for limit in case.limits if not limit.trips))
    keys = case.keys(counted)
    return replace(ledger.take(case.uses(counted, keys), now, keys.values()), subject=subject)


def left_for(about: About, now: datetime) -> tuple[Left, ...]:
    """What is left for a reset to begin and a code to be sent, each limit once. Counts nothing."""
    case = Case.of(about)
    counted = (Counted.RESETS, Counted.CODES)
    tripped = {left.limit: left for one in counted if (left := case.tripped(one))}
    uses = [use for one in counted for use in case.uses(one, case.keys(one))]
    others = (left for left in ledger.look(uses, now).lefts if left.limit not in tripped)
    return (*tripped.values(), *others)


def _counted(command: object) -> Counted:
    if isinstance(command, RequestReset):
        return Counted.RESETS
    return Counted.CODES if isinstance(command, SendCode) else Counted.GUESSES


def _about(
    command: RequestReset | SendCode | VerifyCode, state: ResetState, by: By
) -> tuple[About, str]:
    """Whom and what the command is about, and the device's name."""
    by_phone = isinstance(command, SendByPhone)  # for the person who showed the QR
    person, source = state.qr_owner if by_phone else command.human.id, by.source
    if isinstance(command, RequestReset):
        facts = command.facts
        at = (facts.organisation, facts.site, facts.id)
        return About(*at, facts.reset_email, person, source, facts.nvr), facts.name
    assert state.organisation and state.site and state.subject
    at = (state.organisation, state.site, state.subject)
    return About(*at, state.reset_email, person, source, state.nvr), state.device_name


Keys = Mapping[Scope, UUID]


@dataclass(frozen=True)
class Case:
    """What one command is about, with the limits that hold there and the alarms that have been.

    `things`: the keys of what may have an alarm. `strange`: see `About.values`.
    """

    about: About
    strange: bool
    limits: tuple[Limit, ...]
    things: Keys
    alarms: Mapping[Scope, BreakerState]

    @classmethod
    def of(cls, about: About, *, strange: bool = False) -> Case:
        """All of it with one query: every step of a reset passes here."""
        things = about.keys(None, strange=strange)
        ids = {
            s: breaker_id(about.site, key)
            for s, key in things.items()
            if about.site and s not in WITHOUT_ALARM
        }
        wide = rules_id(about.organisation)
        own = rules_id(about.site) if about.site else None
        kinds: dict[UUID, type[State]] = dict.fromkeys((own or wide, wide), RulesState)
        loaded = load(kinds | dict.fromkeys(ids.values(), BreakerState))
        states: dict[UUID, Any] = {stream: one.state for stream, one in loaded.items()}
        everything = Limit(Counted.RESETS, Scope.EVERYTHING, settings.REKEY_RESETS_AN_HOUR, HOUR)
        set_here = states[own].limits if own else None  # over several sites, no site's own hold
        limits = in_force(set_here, states[wide].limits, (everything,))
        return cls(about, strange, limits, things, {s: states[stream] for s, stream in ids.items()})

    def keys(self, counted: Counted) -> Keys:
        return self.about.keys(counted, strange=self.strange)

    def tripped(self, counted: Counted) -> Left | None:
        """The limit whose alarm waits for a person. Codes that were sent may still be typed, unless
        it was typed codes that set it off.
        """
        for scope, alarm in self.alarms.items():
            if not alarm.tripped or alarm.limit is None:
                continue
            if counted in (Counted.RESETS, Counted.CODES, alarm.limit.counted):
                key = self.keys(alarm.limit.counted)[scope]
                return Left(Use(alarm.limit, key, self._shown(scope)), alarm.limit.most)
        return None

    def uses(self, counted: Counted, keys: Keys) -> list[Use]:
        """What each limit counts of this command."""
        mine = [limit for limit in self.limits if limit.counted is counted and limit.scope in keys]
        return [use for limit in mine if (use := self._use(limit, keys[limit.scope]))]

    def _use(self, limit: Limit, key: UUID) -> Use | None:
        scope = limit.scope
        if not limit.trips:
            return Use(limit, key, self._shown(scope))
        if scope is Scope.NVR:
            cameras = Device.objects.for_jobs().filter(nvr=self.about.nvr, removed=False).count()
            if cameras < FEWEST_CAMERAS:
                return None
            limit = replace(limit, most=min(limit.most, cameras - 1))
        alarm, thing = self.alarms[scope], self.things[scope]
        return Use(limit, key, self._shown(scope), alarm.closed_at, thing)

    def _shown(self, scope: Scope) -> str:
        """Over what, for people: a mailbox in part, an address as it is, no ids."""
        if scope is Scope.MAILBOX:
            return masked(self.about.mailbox)
        return self.about.source if scope is Scope.SOURCE else ""
