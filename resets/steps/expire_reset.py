"""A reset that nobody went on with ends by itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event
from resets.state import Phase, ResetState


@event("resets.reset_expired")
class ResetExpired(Event[ResetState]):
    """Nobody went on with the reset in time; the device keeps the password that it has."""

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(phase=Phase.EXPIRED, outcome="expired", tries_left=0)


@command(by=Role.JOB)
class ExpireReset(Command[ResetState]):
    """End a reset that still waits for a person when its time is over."""

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        due = reset.expires_at is not None and now >= reset.expires_at
        if reset.phase.with_people and due:
            yield ResetExpired()
