"""The device refused for good, or did not answer for too long: honestly failed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event
from resets.state import Phase, ResetState


@event("resets.reset_failed")
class ResetFailed(Event[ResetState]):
    """The reset failed: {words}"""

    outcome: str
    words: str

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(phase=Phase.FAILED, outcome=self.outcome, waiting_for="")


@command(by=Role.JOB)
class FailReset(Command[ResetState]):
    """Give up, and say why."""

    outcome: str
    words: str

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if reset.phase in (Phase.APPLYING, Phase.PROVING) or reset.awaits_challenge:
            yield ResetFailed(self.outcome, self.words)
