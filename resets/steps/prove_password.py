"""The proof: the new password opens the device, the old and a wrong one do not.

A device that says yes and does nothing ends as unproven, never as done.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event
from resets.state import Door, Phase, ResetState

SIGNED = "signed"
WORDS = {
    SIGNED: "the device itself signed that it has the new password; its doors were not tried",
    "new_refused": "the device said yes to the new password and does not open with it",
    "door_lags": "the new password opens the device, and not every one of its doors",
    "nvr_lags": "the new password opens the camera, and its NVR has it and does not get in",
    "old_still_opens": "the old password still opens the device",
    "cut": "the device cut the password short without a word; what it kept is in the vault,"
    " and the next password will not be longer: reset it once more",
    "opens_to_anything": "the device opens to a wrong password, so nothing is proven",
    "unreachable": "a door of the device does not answer, so it could not be tried",
    "locked_out": "a door of the device is locked against logins, so it could not be tried",
    "certificate_changed": "a door of the device shows another certificate than before",
}


@event("resets.reset_proven")
class ResetProven(Event[ResetState]):
    """The new password opens the device, the old and a wrong one do not: done."""

    doors: tuple[Door, ...]

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(phase=Phase.DONE, doors=self.doors, waiting_for="", outcome="proven")


@event("resets.reset_unproven")
class ResetUnproven(Event[ResetState]):
    """The reset is not proven: {words}."""

    doors: tuple[Door, ...]
    outcome: str
    words: str

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(
            phase=Phase.UNPROVEN, doors=self.doors, waiting_for="", outcome=self.outcome
        )


@command(by=Role.JOB)
class RecordProof(Command[ResetState]):
    """Record which doors were tried, and what follows."""

    doors: tuple[Door, ...]
    outcome: str

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        later = reset.phase is Phase.UNPROVEN and reset.outcome == SIGNED != self.outcome
        if reset.phase is not Phase.PROVING and not later:
            return
        if self.outcome == "proven":
            yield ResetProven(self.doors)
        else:
            yield ResetUnproven(self.doors, self.outcome, WORDS.get(self.outcome, self.outcome))
