"""The new password is put on the device, by Rekey's own account there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from devices.steps.check_device import TROUBLES
from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event
from resets.state import Phase, ResetState


@event("resets.device_waited_for")
class DeviceWaitedFor(Event[ResetState]):
    """The device could not be reached ({why}); Rekey keeps trying until {until:%H:%M} UTC."""

    why: str
    until: datetime

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(waiting_for=self.why)

    def told(self, actor: str) -> str:
        why = TROUBLES.get(self.why, "it could not be used")
        return f"The device is waited for: {why}. Rekey keeps trying until {self.until:%H:%M} UTC."


@event("resets.password_applied")
class PasswordApplied(Event[ResetState]):
    """The device took the new password; now it is proven."""

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(phase=Phase.PROVING, waiting_for="")


@command(by=Role.JOB)
class RecordWait(Command[ResetState]):
    """Record that the device cannot be reached for now; the same trouble is recorded once."""

    why: str
    until: datetime

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        wanted = reset.phase in (Phase.APPLYING, Phase.PROVING) or reset.awaits_challenge
        if wanted and reset.waiting_for != self.why:
            yield DeviceWaitedFor(self.why, self.until)


@command(by=Role.JOB)
class RecordApplied(Command[ResetState]):
    """Record that the device says it has the new password."""

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if reset.phase is Phase.APPLYING:
            yield PasswordApplied()
