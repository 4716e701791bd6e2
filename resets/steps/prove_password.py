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
NAMES = {
    "onvif": "ONVIF",
    "rtsp": "RTSP",
    "vigi_local": "the web page",
    "vigi_nvr": "the OpenAPI",
    "vigi_recorder": "the NVR's page",
    "nvr": "its NVR",
}
"""The doors for people, by their protocol."""
WORDS = {
    SIGNED: "the device itself signed that it has the new password; its doors were not tried",
    "new_refused": "the device said yes to the new password, and {doors} does not open with it",
    "door_lags": "the new password opens the device, and not {doors}",
    "nvr_lags": "the new password opens the camera, and its NVR has it and does not get in",
    "old_still_opens": "the old password still opens {doors}",
    "cut": "the device cut the password short without a word; what it kept is in the vault,"
    " and the next password will not be longer: reset it once more",
    "opens_to_anything": "{doors} opens to a wrong password, so nothing is proven",
    "unreachable": "{doors} does not answer, so it could not be tried",
    "locked_out": "{doors} is locked against logins, so it could not be tried",
    "certificate_changed": "{doors} shows another certificate than before, so it was not tried",
}


def at_fault(doors: Iterable[Door], outcome: str) -> str:
    """The doors that an outcome is about, as people call them: `RTSP and the web page`."""
    about = {
        "new_refused": ("new", False),
        "door_lags": ("new", False),
        "old_still_opens": ("old", True),
        "opens_to_anything": ("wrong", True),
    }.get(outcome)
    named = dict.fromkeys(
        NAMES.get(door.door, door.door)
        for door in doors
        if (door.opened is None if about is None else (door.login, door.opened) == about)
    )
    *first, last = named or ["the device"]
    return f"{', '.join(first)} and {last}" if first else last


def told(doors: Iterable[Door], outcome: str) -> str:
    """Why it is not proven, with the names of the doors."""
    words = WORDS.get(outcome, "{doors} could not be tried ({outcome})")
    return words.format(doors=at_fault(doors, outcome), outcome=outcome.replace("_", " "))


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
            yield ResetUnproven(self.doors, self.outcome, told(self.doors, self.outcome))
