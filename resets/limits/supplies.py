"""The budget of a command: which limits hold for it, what is left of them, and one use taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.conf import settings

from devices.models import Device
from fleet.eventstore.handling import moment, supplies
from fleet.eventstore.messages import By
from fleet.eventstore.store import load
from resets.limits import ledger
from resets.limits.counting import About, key_of
from resets.limits.models import Breaker
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
from resets.limits.state import SHOWN_SCOPES, breaker_id
from resets.rules import RulesState, rules_id
from resets.state import ResetState, masked
from resets.steps.request_reset import RequestReset
from resets.steps.send_by_phone import SendByPhone
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode


@supplies(Budget)
def budget(command: RequestReset | SendCode | VerifyCode, state: ResetState, by: By) -> Budget:
    """What the limits say of a command, and one use of each, if all of them have one left."""
    now = moment()
    about, name = _about(command, state, by)
    counted = _counted(command)
    strange = isinstance(command, VerifyCode) and bool(state.owner) and state.owner != about.person
    subject = Subject(about.organisation, about.site, about.device, name)
    case = Case.of(about)
    if tripped := case.tripped(counted, strange=strange):
        return Budget(tripped, at=now, subject=subject, tripped=True)
    uses = case.uses((counted,), strange=strange)
    also = about.keys(counted, strange=strange).values()
    return replace(ledger.take(uses, now, also), subject=subject)


def left_for(about: About, now: datetime) -> tuple[Left, ...]:
    """What is left for a reset to begin and a code to be sent. Counts nothing."""
    case = Case.of(about)
    counted = (Counted.RESETS, Counted.CODES)
    tripped = [left for one in counted if (left := case.tripped(one))]
    return (*tripped, *ledger.look(case.uses(counted), now).lefts)


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


@dataclass(frozen=True)
class Case:
    """What one command is about, with the limits that hold there and the alarms that have been."""

    about: About
    limits: tuple[Limit, ...]
    alarms: Mapping[UUID, Breaker]

    @classmethod
    def of(cls, about: About) -> Case:
        ids = [_alarm(about, scope, value) for scope, value in about.values().items()]
        alarms = {row.pk: row for row in Breaker.objects.for_jobs().filter(pk__in=ids)}
        return cls(about, limits_at(about.site, about.organisation), alarms)

    def tripped(self, counted: Counted, *, strange: bool = False) -> Left | None:
        """The limit whose alarm waits for a person. Codes that were sent may still be typed, unless
        it was typed codes that set it off.
        """
        for scope, value in self.about.values(strange=strange).items():
            alarm = self.alarms.get(_alarm(self.about, scope, value))
            if alarm is None or not alarm.tripped:
                continue
            limit = Limit(Counted(alarm.counted), scope, alarm.most, alarm.window, trips=True)
            if counted in (Counted.RESETS, Counted.CODES, limit.counted):
                key = key_of(limit.counted, scope, self.about.organisation, value)
                return Left(Use(limit, key, _shown(scope, value)), limit.most)
        return None

    def uses(self, counted: Iterable[Counted], *, strange: bool = False) -> list[Use]:
        """What each limit counts of this command. `strange`: see `About.values`."""
        values = self.about.values(strange=strange)
        wanted = set(counted)
        return [
            use
            for limit in self.limits
            if limit.counted in wanted and limit.scope in values
            for use in self._use(limit, values[limit.scope])
        ]

    def _use(self, limit: Limit, value: str) -> Iterable[Use]:
        since = None
        if limit.trips:
            alarm = self.alarms.get(_alarm(self.about, limit.scope, value))
            since = alarm.closed_at if alarm else None
            if limit.scope is Scope.NVR:
                cameras = Device.objects.for_jobs().filter(nvr=self.about.nvr, removed=False)
                count = cameras.count()
                if count < FEWEST_CAMERAS:
                    return
                limit = replace(limit, most=min(limit.most, count - 1))
        key = key_of(limit.counted, limit.scope, self.about.organisation, value)
        thing = key_of(None, limit.scope, self.about.organisation, value)
        yield Use(limit, key, _shown(limit.scope, value), since, thing)


def limits_at(site: UUID, organisation: UUID) -> tuple[Limit, ...]:
    """The limits that hold at a site: its own, its organisation's, and those over everything."""
    streams = {rules_id(place): RulesState for place in (site, organisation)}
    loaded = load(dict(streams))
    states = [loaded[rules_id(place)].state for place in (site, organisation)]
    own, wide = (state.limits for state in states if isinstance(state, RulesState))
    everything = Limit(Counted.RESETS, Scope.EVERYTHING, settings.REKEY_RESETS_AN_HOUR, HOUR)
    return in_force(own, wide, (everything,))


def _alarm(about: About, scope: Scope, value: str) -> UUID:
    return breaker_id(about.site, key_of(None, scope, about.organisation, value))


def _shown(scope: Scope, value: str) -> str:
    """Over what, for people: a mailbox in part, an address as it is, no ids."""
    if scope is Scope.MAILBOX:
        return masked(value)
    return value if scope in SHOWN_SCOPES else ""
