"""The camera is taken off its NVR, which would lock it with the password that it has stored."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleet.accounts.state import Role
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Command, Event, command, event, supplied
from resets.recorder.state import AtRecorder, CameraThere
from resets.state import Phase, ResetState, refuse_if_over, refuse_unless_agreed
from resets.steps.recorder import NvrFacts, why_not


@event("resets.removal_asked")
class RemovalAsked(Event[ResetState]):
    """{actor} wants the camera off {recorder}."""

    recorder: str
    by_hand: bool

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(recorder=AtRecorder.REMOVING, recorder_detail="")

    def told(self, actor: str) -> str:
        if self.by_hand:
            return f"{actor} says that the camera was removed from {self.recorder}."
        return f"{actor} asked Rekey to remove the camera from {self.recorder}."


@event("resets.camera_found_on_recorder")
class CameraFound(Event[ResetState]):
    """The NVR has the camera on one of its channels; what is needed to put it back is noted."""

    camera: CameraThere

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(camera_there=self.camera)


@event("resets.taken_off_recorder")
class TakenOffRecorder(Event[ResetState]):
    """The camera is off its NVR; it is to be put back on channel {channel}."""

    channel: int | None
    by_hand: bool
    seen: bool

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(recorder=AtRecorder.REMOVED, recorder_detail="")

    def told(self, actor: str) -> str:
        seen = "" if self.seen else " The NVR does not tell, so nobody has looked."
        return f"{self.sentence.format(channel=self.channel)}{seen}"


@event("resets.stayed_on_recorder")
class StayedOnRecorder(Event[ResetState]):
    """The camera was not taken off its NVR, so nothing has to be done there."""

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(recorder=AtRecorder.NONE, recorder_detail="")


@command(by=Role.TECHNICIAN)
class RemoveFromRecorder(Command[ResetState]):
    """Let Rekey remove the camera from its NVR. It is put back on the same channel at the end."""

    recorder: NvrFacts = supplied()

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        return _to_remove(reset)

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        _refuse_unless_to_remove(reset, now)
        if not self.recorder.removes:
            raise Refused(
                "recorder_cannot",
                f"Rekey cannot remove it from {self.recorder.name}: "
                f"{why_not(self.recorder.why)}. Remove it on the NVR itself, then say so here.",
            )
        yield RemovalAsked(self.recorder.name, by_hand=False)


@command(by=Role.TECHNICIAN)
class ConfirmRemoved(Command[ResetState]):
    """Say that you have removed the camera from its NVR. Rekey looks, where the NVR tells."""

    recorder: NvrFacts = supplied()

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        return _to_remove(reset)

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        _refuse_unless_to_remove(reset, now)
        yield RemovalAsked(self.recorder.name, by_hand=True)


def _to_remove(reset: ResetState) -> bool:
    waits = reset.phase.with_people and reset.phase is not Phase.AWAITING_APPROVAL
    return waits and reset.recorder is AtRecorder.TO_REMOVE


def _refuse_unless_to_remove(reset: ResetState, now: datetime) -> None:
    refuse_if_over(reset, now)
    refuse_unless_agreed(reset)
    if reset.recorder is AtRecorder.REMOVING:
        raise Conflict("removal_under_way", "Rekey is at it. Wait a moment and look again.")
    if not _to_remove(reset):
        raise Conflict("not_on_recorder", "The camera does not have to be removed from an NVR now.")


@command(by=Role.JOB)
class RecordCameraFound(Command[ResetState]):
    """Record how the NVR has the camera stored; the same twice is recorded once."""

    camera: CameraThere

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if reset.camera_there != self.camera:
            yield CameraFound(self.camera)


@command(by=Role.JOB)
class RecordTakenOff(Command[ResetState]):
    """Record that the camera is off its NVR. `seen`: by the NVR's own word."""

    by_hand: bool
    seen: bool

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if reset.still_on_recorder:
            yield TakenOffRecorder(reset.channel, self.by_hand, self.seen)


@command(by=Role.JOB)
class RecordStayed(Command[ResetState]):
    """Record that the NVR has the camera still, after its removal was called off."""

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if not reset.phase.open and reset.recorder is AtRecorder.REMOVING:
            yield StayedOnRecorder()
