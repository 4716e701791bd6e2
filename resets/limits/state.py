"""Refusals and alarms, as their events leave them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid5

from fleet.eventstore.messages import State, state
from resets.limits.rules import Limit, Scope, Use

WITHOUT_ALARM = (Scope.ORGANISATION, Scope.EVERYTHING)  # it is a site's administrators who look
PERIOD = 600  # seconds over which the refusals of one limit are told together


@dataclass(frozen=True)
class Refusal:
    """What a limit refused, to whom, and over what (`what`, for people; no mailbox in clear).

    Without a limit: many different ones, that are only counted. `frees_at` None: when a person has
    closed the alarm. `campaign`: it was one of its codes; `site` is None if it goes over several.
    """

    organisation: UUID
    site: UUID | None
    limit: Limit | None = None
    what: str = ""
    device: UUID | None = None
    device_name: str = ""
    asker: str = ""
    frees_at: datetime | None = None
    campaign: UUID | None = None

    @property
    def place(self) -> UUID:
        """The site, or the organisation for all of its sites."""
        return self.site or self.organisation


@state("guard")
class GuardState(State):
    """The refusals by one limit, over one thing, in one period of ten minutes up to `until`.

    Only the first is told at once; `count` is of them all when the period is over.
    """

    case: Refusal | None = None
    until: datetime | None = None
    count: int = 0
    summed: bool = False


@state("breaker")
class BreakerState(State):
    """The alarm of one thing at a site: such as the site itself, a mailbox or an NVR.

    `times`: how often it has gone off. `closed_at`: what was before it counts no more.
    """

    scope: Scope = Scope.SITE
    limit: Limit | None = None
    what: str = ""
    device: UUID | None = None
    device_name: str = ""
    asker: str = ""
    tripped: bool = False
    times: int = 0
    tripped_at: datetime | None = None
    closed_at: datetime | None = None
    closed_because: str = ""


def guard_id(place: UUID, use: Use | None, until: datetime) -> UUID:
    """The stream of one limit's refusals at a place, over one thing, in one period. None: of many
    other limits and things.
    """
    which = f"{use.key} {use.limit.window} {use.limit.trips}" if use else "others"
    return uuid5(place, f"guard {which} {until.timestamp():.0f}")


def period_end(now: datetime) -> datetime:
    """When the period ends in which `now` is. Everybody's clock has the same periods."""
    return datetime.fromtimestamp((now.timestamp() // PERIOD + 1) * PERIOD, UTC)


def breaker_id(site: UUID, key: UUID) -> UUID:
    """The stream of a thing's alarm at a site; the key is of the thing, whatever was counted."""
    return uuid5(site, f"breaker {key}")
