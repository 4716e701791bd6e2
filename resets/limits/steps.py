"""What becomes of refusals, and of alarms: they are facts too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fleet.accounts.state import Role
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from resets.limits.rules import Scope
from resets.limits.state import BreakerState, GuardState, Refusal

# --- refusals -------------------------------------------------------------------------------------


def _of_a_reset(fields: dict[str, Any]) -> dict[str, Any]:
    """In schema 1 the codes of campaigns were refused without a record."""
    return {**fields, "case": {**fields["case"], "campaign": None}}


@event("resets.limit_reached", schema=2, upcast={1: _of_a_reset})
class LimitReached(Event[GuardState]):
    """{case.asker} was refused, because a limit was reached.

    The first of a period; those after it are told together when it is over.
    """

    case: Refusal
    until: datetime

    def evolve(self, guard: GuardState) -> GuardState:
        return _of(guard, self.case).but(case=self.case, until=self.until, count=1)

    def told(self, actor: str) -> str:
        case, limit = self.case, self.case.limit
        if limit is None:
            return f"{case.asker} was refused, and many others with other limits."
        over = f" ({case.what})" if case.what else ""
        at = "in a campaign" if case.campaign else f"at {case.device_name}"
        return f"{case.asker} was refused {at}: no more than {limit.words}{over}."


@event("resets.refusals_summed", schema=2, upcast={1: _of_a_reset})
class RefusalsSummed(Event[GuardState]):
    """{count} refusals by one limit in ten minutes."""

    case: Refusal
    until: datetime
    count: int

    def evolve(self, guard: GuardState) -> GuardState:
        return _of(guard, self.case).but(
            case=self.case, until=self.until, count=self.count, summed=True
        )

    def told(self, actor: str) -> str:
        limit = self.case.limit
        why = f"no more than {limit.words}" if limit else "by limits of many kinds"
        return f"{self.count:,} refusals in ten minutes: {why}."


def _of(guard: GuardState, case: Refusal) -> GuardState:
    subject = case.device or case.campaign
    return guard.but(organisation=case.organisation, site=case.site, subject=subject)


@dataclass(frozen=True)
class Tally:
    """How many refusals have been counted and are told nowhere else by now."""

    count: int = 0


@command(by=Role.JOB, creates=None)
class RecordRefusal(Command[GuardState]):
    """Record the first refusal of a period."""

    case: Refusal
    until: datetime

    def decide(self, guard: GuardState, now: datetime) -> Iterable[Event[GuardState]]:
        if not guard.count:
            yield LimitReached(self.case, self.until)


@command(by=Role.JOB)
class SumRefusals(Command[GuardState]):
    """Record how many refusals there were in a period that is over."""

    case: Refusal
    until: datetime
    tally: Tally = supplied()

    def decide(self, guard: GuardState, now: datetime) -> Iterable[Event[GuardState]]:
        # The tally has the first one in it. After a sum it began anew, for those who came late.
        count = self.tally.count + (guard.count if guard.summed else 0)
        if count > guard.count:
            yield RefusalsSummed(self.case, self.until, count)


# --- alarms ---------------------------------------------------------------------------------------


@event("resets.breaker_tripped", schema=2, upcast={1: _of_a_reset})
class BreakerTripped(Event[BreakerState]):
    """The alarm went off at {case.device_name}."""

    scope: Scope
    case: Refusal
    at: datetime

    def evolve(self, breaker: BreakerState) -> BreakerState:
        case = self.case
        return breaker.but(
            organisation=case.organisation,
            site=case.site,
            subject=case.device,
            scope=self.scope,
            limit=case.limit,
            what=case.what,
            device=case.device,
            device_name=case.device_name,
            asker=case.asker,
            tripped=True,
            times=breaker.times + 1,
            tripped_at=self.at,
        )

    def told(self, actor: str) -> str:
        case = self.case
        words = case.limit.words if case.limit else "its limit"
        over = f" ({case.what})" if case.what else ""
        return (
            f"The alarm went off when {case.asker} asked for more than {words}"
            f"{over}. Nothing more is begun or sent there until an administrator has closed it."
        )


@event("resets.breaker_closed")
class BreakerClosed(Event[BreakerState]):
    """{actor} looked into the alarm and closed it: {reason}"""

    reason: str
    at: datetime

    def evolve(self, breaker: BreakerState) -> BreakerState:
        return breaker.but(tripped=False, closed_at=self.at, closed_because=self.reason)


@command(by=Role.JOB, creates=None)
class TripBreaker(Command[BreakerState]):
    """Set off the alarm: once, however many meet it, and not again for what was before a person
    closed it. `times` is how often it had gone off when the limit was looked at.
    """

    scope: Scope
    case: Refusal
    times: int

    def decide(self, breaker: BreakerState, now: datetime) -> Iterable[Event[BreakerState]]:
        if not breaker.tripped and breaker.times == self.times:
            yield BreakerTripped(self.scope, self.case, now)


@command(by=Role.ADMINISTRATOR)
class CloseBreaker(Command[BreakerState]):
    """Close an alarm. What was counted before it does not set it off again."""

    reason: str = asked(
        "What was it?",
        help="It stands in the history, for everybody who may see the site.",
        long=True,
        max_length=500,
    )

    @classmethod
    def offered(cls, breaker: BreakerState, now: datetime) -> bool:
        return breaker.tripped

    def decide(self, breaker: BreakerState, now: datetime) -> Iterable[Event[BreakerState]]:
        if not self.reason.strip():
            raise Refused(
                "reason_missing",
                "Say what set the alarm off; it stands in the history.",
                field="reason",
            )
        if not breaker.tripped:
            raise Conflict("breaker_closed", "The alarm is closed already. Look at the list.")
        yield BreakerClosed(self.reason.strip(), now)
