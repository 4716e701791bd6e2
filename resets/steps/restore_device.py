"""The factory restore: somebody presses the device's button, and Rekey sets the first password.

What cannot be set by Rekey is set by hand at the device, and Rekey verifies it. What the device has
forgotten is put back by people, and ticked off.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from fleet.accounts.state import Role
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from resets.state import AWAITS_BUTTON, AWAITS_HAND, Phase, RecoveryMethod, ResetState
from resets.steps.choose_password import Kept

BUTTON_WITHIN = timedelta(hours=1)


class Lost(StrEnum):
    """What a device forgets when it is restored, and somebody puts back."""

    NETWORK = "network"
    TIME = "time"
    PICTURE = "picture"
    RECORDING = "recording"
    EVENTS = "events"
    ACCOUNTS = "accounts"
    SERVICES = "services"
    RECORDER = "recorder"


LOST = {
    Lost.NETWORK: "Address and network: a fixed address, gateway, name servers",
    Lost.TIME: "Time zone and time server",
    Lost.PICTURE: "Picture: name in the picture, orientation, resolution, privacy masks",
    Lost.RECORDING: "Recording: schedule, storage, bit rate",
    Lost.EVENTS: "Events: motion, areas, alarms, notifications",
    Lost.ACCOUNTS: "Accounts of people and programs, beside the one that is reset",
    Lost.SERVICES: "Services: HTTPS, ONVIF, RTSP and their ports",
    Lost.RECORDER: "Its place on the NVR, or its cameras if it is one",
}
_WHY_BY_HAND = {
    "not_supported": "Rekey cannot set a first password on it",
    "not_fresh": "somebody has set its first password already",
    "hand_refused": "the password that was typed does not open it",
}


def _waits(reset: ResetState) -> bool:
    """Whether somebody at the device is waited for, and it has heard of no password yet."""
    return reset.phase is Phase.APPLYING and reset.method is RecoveryMethod.FACTORY_RESTORE


# --- the button -----------------------------------------------------------------------------------


@event("resets.restore_awaited")
class RestoreAwaited(Event[ResetState]):
    """Rekey waits until {until:%H:%M} UTC for somebody to restore the device by its button."""

    until: datetime

    def evolve(self, reset: ResetState) -> ResetState:
        restore = replace(reset.restore, until=self.until)
        return reset.but(waiting_for=AWAITS_BUTTON, restore=restore)


@event("resets.restore_seen")
class RestoreSeen(Event[ResetState]):
    """The device is as it left the factory: Rekey gives it the new password."""

    at: datetime

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(waiting_for="", restore=replace(reset.restore, seen=self.at))


@command(by=Role.JOB)
class AwaitRestore(Command[ResetState]):
    """Wait for the button, for an hour; then say honestly that nobody came."""

    began: datetime

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        heard = reset.restore.by_hand or reset.restore.seen is not None
        if _waits(reset) and not reset.waiting_for and not heard:
            yield RestoreAwaited(self.began + BUTTON_WITHIN)


@command(by=Role.JOB)
class RecordSeen(Command[ResetState]):
    """Record that the device has no password any more: from here it may hear of the new one."""

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if _waits(reset) and reset.restore.seen is None:
            yield RestoreSeen(now)


# --- by hand --------------------------------------------------------------------------------------


@event("resets.hand_needed")
class HandNeeded(Event[ResetState]):
    """The password has to be set at the device: {why}."""

    why: str

    def evolve(self, reset: ResetState) -> ResetState:
        secret = reset.restore.chosen if reset.restore.by_hand else reset.secret
        restore = replace(reset.restore, by_hand=False)
        return reset.but(secret=secret, waiting_for=AWAITS_HAND, restore=restore)

    def told(self, actor: str) -> str:
        why = _WHY_BY_HAND.get(self.why, self.why.replace("_", " "))
        return f"The password has to be set at the device itself: {why}."


@event("resets.password_set_by_hand")
class PasswordSetByHand(Event[ResetState]):
    """{actor} has set a password at the device, and typed it; now it is tried."""

    secret: UUID

    def evolve(self, reset: ResetState) -> ResetState:
        restore = replace(reset.restore, by_hand=True, chosen=reset.secret)
        return reset.but(secret=self.secret, generated=False, waiting_for="", restore=restore)


@command(by=Role.JOB)
class AskForHand(Command[ResetState]):
    """Ask for the password to be set at the device."""

    why: str

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if _waits(reset) and reset.waiting_for != AWAITS_HAND:
            yield HandNeeded(self.why)


@command(by=Role.TECHNICIAN)
class SetByHand(Command[ResetState]):
    """Say that you have set the password at the device itself. Rekey verifies it."""

    password: str = asked("Password that you set at the device", secret=True, max_length=128)
    kept: Kept = supplied()

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        return _waits(reset) and reset.waiting_for in (AWAITS_BUTTON, AWAITS_HAND)

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if not self.offered(reset, now):
            raise Conflict(
                "no_hand_needed", "No password is to be set by hand now. Look where it stands."
            )
        if not self.password:
            raise Refused("password_missing", "Type the password.", field="password")
        if self.kept.secret is None:
            raise Refused("password_too_weak", self.kept.problem or "", field="password")
        yield PasswordSetByHand(self.kept.secret)


# --- what is put back -----------------------------------------------------------------------------


@event("resets.item_ticked")
class ItemTicked(Event[ResetState]):
    """{actor} ticked off what was put back: {item}."""

    item: Lost

    def evolve(self, reset: ResetState) -> ResetState:
        ticked = (*reset.restore.ticked, self.item.value)
        return reset.but(restore=replace(reset.restore, ticked=ticked))

    def told(self, actor: str) -> str:
        return f"{actor} ticked off: {LOST[self.item]}."


@command(by=Role.TECHNICIAN)
class TickOff(Command[ResetState]):
    """Tick off what was put back on the restored device, or what it never had."""

    item: Lost = asked("What is done?")

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        restored = reset.restore.seen is not None or reset.restore.by_hand
        known = reset.method is RecoveryMethod.FACTORY_RESTORE and restored
        return known and len(reset.restore.ticked) < len(Lost)

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if reset.method is not RecoveryMethod.FACTORY_RESTORE:
            raise Conflict("nothing_restored", "This reset restores nothing.")
        if reset.restore.seen is None and not reset.restore.by_hand:
            raise Conflict("not_restored_yet", "The device was not restored yet.")
        if self.item.value in reset.restore.ticked:
            raise Conflict("ticked_already", "This was ticked off already.")
        yield ItemTicked(self.item)
