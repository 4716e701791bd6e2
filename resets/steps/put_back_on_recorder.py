"""The camera is put right on its NVR: back on its channel, or opened with its new password."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleet.accounts.state import Role
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from resets.recorder.state import AtRecorder
from resets.state import Door, ResetState
from resets.steps.recorder import DOOR, LET_IN, PUTS_BACK, TELLS, NvrFacts, why_not


@event("resets.put_back_on_recorder")
class PutBackOnRecorder(Event[ResetState]):
    """The camera is back on channel {channel} of its NVR, which opens it."""

    channel: int

    def evolve(self, reset: ResetState) -> ResetState:
        return _opened_there(reset).but(recorder=AtRecorder.PUT_BACK, recorder_detail="")


@event("resets.recorder_told")
class RecorderTold(Event[ResetState]):
    """The NVR has the new password, and opens the camera with it."""

    def evolve(self, reset: ResetState) -> ResetState:
        return _opened_there(reset).but(recorder=AtRecorder.TOLD, recorder_detail="")


def _opened_there(reset: ResetState) -> ResetState:
    """The NVR's word for its channel, beside the doors that were proven before it."""
    if not reset.doors:
        return reset
    others = tuple(door for door in reset.doors if door.door != DOOR)
    return reset.but(doors=(*others, Door(DOOR, "new", True)))


@event("resets.put_back_asked")
class PutBackAsked(Event[ResetState]):
    """{actor} wants the NVR to be looked at again."""

    by_hand: bool

    def evolve(self, reset: ResetState) -> ResetState:
        tells = reset.at_recorder in TELLS
        then = AtRecorder.TELLING if tells else AtRecorder.TO_PUT_BACK
        return reset.but(recorder=then, recorder_detail="")

    def told(self, actor: str) -> str:
        if self.by_hand:
            return f"{actor} says that the NVR has the camera, and its password."
        return f"{actor} asked Rekey to try again at the NVR."


@event("resets.put_back_by_hand")
class PutBackByHand(Event[ResetState]):
    """The camera was put right on its NVR by hand. The NVR does not tell, so nobody has looked."""

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(recorder=LET_IN[reset.at_recorder], recorder_detail="")


@event("resets.left_off_recorder")
class LeftOffRecorder(Event[ResetState]):
    """{actor} left the camera off its NVR: {reason}"""

    reason: str

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(recorder=AtRecorder.LEFT_OFF, recorder_detail="")


_BY_HAND = (AtRecorder.BY_HAND, AtRecorder.TO_TELL)


@command(by=Role.TECHNICIAN)
class PutBackOnNvr(Command[ResetState]):
    """Let Rekey try once more to put the camera right on its NVR."""

    recorder: NvrFacts = supplied()

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        return reset.at_recorder in _BY_HAND

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        _refuse_unless_owed(reset)
        if not self.recorder.removes:
            raise Refused(
                "recorder_cannot",
                f"Rekey cannot do it on {self.recorder.name}: {why_not(self.recorder.why)}. "
                "Do it on the NVR itself, then say so here.",
            )
        yield PutBackAsked(by_hand=False)


@command(by=Role.TECHNICIAN)
class ConfirmOnRecorder(Command[ResetState]):
    """Say that you have put the camera right on its NVR by hand. Rekey looks, where it tells."""

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        return reset.at_recorder in _BY_HAND

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        _refuse_unless_owed(reset)
        yield PutBackAsked(by_hand=True)


@command(by=Role.OPERATOR)
class LeaveOffRecorder(Command[ResetState]):
    """Say that nothing will be done at the NVR: the camera stays as it is there."""

    reason: str = asked("Why?", long=True, max_length=500)

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        return reset.at_recorder in _BY_HAND

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        _refuse_unless_owed(reset)
        if not self.reason.strip():
            raise Refused("reason_missing", "Say why; it stands in the history.", field="reason")
        yield LeftOffRecorder(self.reason.strip())


def _refuse_unless_owed(reset: ResetState) -> None:
    if reset.at_recorder.owed and reset.at_recorder.busy:
        raise Conflict("recorder_busy", "Rekey is at it. Wait a moment and look again.")
    if reset.at_recorder not in _BY_HAND:
        raise Conflict("nothing_owed", "Nothing is left to be done at the NVR.")


@command(by=Role.JOB)
class RecordPutRight(Command[ResetState]):
    """Record that the NVR opens the camera on this channel, with what Rekey gave it."""

    channel: int

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if reset.at_recorder in PUTS_BACK:
            yield PutBackOnRecorder(self.channel)
        elif reset.at_recorder in (AtRecorder.NONE, *TELLS):
            yield RecorderTold()


@command(by=Role.JOB)
class RecordByHand(Command[ResetState]):
    """Record that somebody has put it right, where the NVR itself does not tell."""

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if reset.at_recorder.owed:
            yield PutBackByHand()
