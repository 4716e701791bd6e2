"""Who takes passwords of a site along, as the events of it leave it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from fleet.errors import Refused
from fleet.eventstore.messages import State, state

MOST, WITHIN = 10, timedelta(hours=1)


@dataclass(frozen=True)
class Taken:
    """When how many passwords left, of one site."""

    at: datetime
    devices: int


@state("handover")
class HandoverState(State):
    """What one person takes along from one site; `lately` is as much as counts."""

    lately: tuple[Taken, ...] = ()

    def with_one(self, taken: Taken) -> tuple[Taken, ...]:
        return (*(one for one in self.lately if one.at > taken.at - WITHIN), taken)

    def refuse_too_often(self, now: datetime) -> None:
        counted = [one.at for one in self.lately if one.at > now - WITHIN]
        if len(counted) >= MOST:
            raise Refused(
                "handed_over_too_often",
                f"You have taken passwords of this site along {MOST} times within the hour. Take "
                "all that you need at once, later.",
                retry_after=int((counted[-MOST] + WITHIN - now).total_seconds()) + 1,
            )


def handover_id(site: UUID, person: str) -> UUID:
    return uuid5(site, f"handover {person}")
