"""A person calls a reset off, as long as the device has not heard of a new password."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleet.accounts.state import Role
from fleet.errors import Conflict
from fleet.eventstore.messages import Command, Event, command, event
from resets.state import Phase, ResetState


@event("resets.reset_cancelled")
class ResetCancelled(Event[ResetState]):
    """{actor} cancelled the reset."""

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(phase=Phase.CANCELLED, outcome="cancelled", tries_left=0)


@command(by=Role.TECHNICIAN)
class CancelReset(Command[ResetState]):
    """Cancel the reset. The device keeps the password that it has."""

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        return reset.may_stop

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if not reset.phase.open:
            raise Conflict("ended_already", "This reset has ended already.")
        if not reset.may_stop:
            raise Conflict(
                "too_late_to_cancel",
                "The new password is being put on the device, which is not stopped half-way. "
                "Wait for its end, then begin another reset if you need to.",
            )
        yield ResetCancelled()
