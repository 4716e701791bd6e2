"""The camera's NVR: the camera is taken off it before the reset goes on, and put back at the end.

By Rekey where a service of the NVR lets it, by hand where none does: then Rekey looks whether it is
so, if the NVR tells. What is to be put back stands in the log before the NVR is asked for anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from fleet.accounts.state import Role
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from resets.recorder.state import AtRecorder, CameraThere, Doing
from resets.state import Door, Phase, ResetState, refuse_if_over, refuse_unless_agreed

DOOR = "nvr"

# What to do by hand, by why Rekey cannot or could not do it.
BY_HAND = {
    "no_service": "Rekey has no service of this NVR that changes its list of cameras",
    "not_certified": "the password that Rekey has of the NVR does not open it",
    "no_password": "Rekey knows no password that opens the camera",  # nosec B105
    "unreachable": "the NVR does not answer",
    "still_there": "the NVR has it on a channel still",
    "still_missing": "the NVR has it on no channel yet",
    "still_refused": "the password that the NVR has does not open it",
    "channel_taken": "another camera is on its channel by now",
    "other_channel": "the NVR keeps it on another channel",
    "no_change": "the NVR says yes and changes nothing",
    "camera_refused": "the camera refused the login that the NVR tried",
    "not_authorised": "the NVR refused Rekey's login",
    "locked_out": "the NVR has locked itself against logins",
    "not_supported": "the NVR does not offer what that takes",
    "bad_answer": "the NVR's answer cannot be understood",
    "elsewhere": "Rekey's books have the camera elsewhere by now",
    "certificate_changed": "the NVR shows another certificate than before",
}
LOOKED = ("still_there", "still_missing", "still_refused")  # it was not for Rekey to do
_TO_DO: dict[Doing, tuple[AtRecorder, str]] = {
    Doing.REMOVE: (AtRecorder.TO_REMOVE, "remove the camera from its NVR"),
    Doing.PUT_BACK: (AtRecorder.BY_HAND, "put the camera back on its NVR"),
    Doing.TELL: (AtRecorder.TO_TELL, "give its NVR the new password"),
}


@dataclass(frozen=True)
class NvrFacts:
    """The NVR of the camera. `removes`: Rekey can change its list of cameras. `why`: the key of
    `BY_HAND` that says why it cannot.
    """

    name: str = "its NVR"
    removes: bool = False
    why: str = "no_service"


# --- off it ---------------------------------------------------------------------------------------


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


@event("resets.recorder_let_in")
class RecorderLetIn(Event[ResetState]):
    """The NVR opens the camera, so nothing has to be done there."""

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(recorder=_LET_IN[reset.at_recorder], recorder_detail="")


_LET_IN = {
    **{one: one for one in AtRecorder},
    AtRecorder.TO_REMOVE: AtRecorder.NONE,
    AtRecorder.REMOVING: AtRecorder.NONE,
    AtRecorder.TO_PUT_BACK: AtRecorder.PUT_BACK_BY_HAND,
    AtRecorder.BY_HAND: AtRecorder.PUT_BACK_BY_HAND,
    AtRecorder.TO_TELL: AtRecorder.TOLD,
    AtRecorder.TELLING: AtRecorder.TOLD,
}


@event("resets.stayed_on_recorder")
class StayedOnRecorder(Event[ResetState]):
    """The camera was not taken off its NVR, so nothing has to be done there."""

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(recorder=AtRecorder.NONE, recorder_detail="")


@event("resets.recorder_declined")
class RecorderDeclined(Event[ResetState]):
    """Rekey could not {words}. Somebody has to do it on the NVR itself."""

    doing: Doing
    why: str
    words: str

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(recorder=_TO_DO[self.doing][0], recorder_detail=self.why)

    def told(self, actor: str) -> str:
        if self.why in LOOKED:
            return f"Rekey has looked: {_why(self.why)}."
        return super().told(actor)


@event("resets.recorder_waited_for")
class RecorderWaitedFor(Event[ResetState]):
    """The NVR is waited for: {words}."""

    why: str
    words: str

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(recorder_detail=self.why)


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
                f"{_why(self.recorder.why)}. Remove it on the NVR itself, then say so here.",
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


# --- back on it -----------------------------------------------------------------------------------


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
        tells = reset.at_recorder in _TELLS
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
        return reset.but(recorder=_LET_IN[reset.at_recorder], recorder_detail="")


@event("resets.left_off_recorder")
class LeftOffRecorder(Event[ResetState]):
    """{actor} left the camera off its NVR: {reason}"""

    reason: str

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(recorder=AtRecorder.LEFT_OFF, recorder_detail="")


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
                f"Rekey cannot do it on {self.recorder.name}: {_why(self.recorder.why)}. "
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


_BY_HAND = (AtRecorder.BY_HAND, AtRecorder.TO_TELL)
_PUTS_BACK = (AtRecorder.TO_PUT_BACK, AtRecorder.BY_HAND)
_TELLS = (AtRecorder.TO_TELL, AtRecorder.TELLING)


def _refuse_unless_owed(reset: ResetState) -> None:
    if reset.at_recorder.owed and reset.at_recorder.busy:
        raise Conflict("recorder_busy", "Rekey is at it. Wait a moment and look again.")
    if reset.at_recorder not in _BY_HAND:
        raise Conflict("nothing_owed", "Nothing is left to be done at the NVR.")


# --- what the jobs record -------------------------------------------------------------------------


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
class RecordRecorderDeclined(Command[ResetState]):
    """Record that somebody has to do it by hand; the same twice is recorded once."""

    doing: Doing
    why: str

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        then, what = _TO_DO[self.doing]
        again = (reset.recorder, reset.recorder_detail) == (then, self.why)
        if not again and _goes_on(reset, self.doing):
            yield RecorderDeclined(self.doing, self.why, f"{what}: {_why(self.why)}")


@command(by=Role.JOB)
class RecordRecorderWait(Command[ResetState]):
    """Record what keeps the NVR from answering; the same twice is recorded once."""

    why: str

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if reset.recorder_detail != self.why:
            yield RecorderWaitedFor(self.why, _why(self.why))


@command(by=Role.JOB)
class RecordStayed(Command[ResetState]):
    """Record that the NVR has the camera still, after its removal was called off."""

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if not reset.phase.open and reset.recorder is AtRecorder.REMOVING:
            yield StayedOnRecorder()


@command(by=Role.JOB)
class RecordPutRight(Command[ResetState]):
    """Record that the NVR opens the camera on this channel, with what Rekey gave it."""

    channel: int

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if reset.at_recorder in _PUTS_BACK:
            yield PutBackOnRecorder(self.channel)
        elif reset.at_recorder in (AtRecorder.NONE, *_TELLS):
            yield RecorderTold()


@command(by=Role.JOB)
class RecordLetIn(Command[ResetState]):
    """Record that the NVR opens the camera by itself, whoever has put it right there."""

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if _LET_IN[reset.at_recorder] is not reset.at_recorder:
            yield RecorderLetIn()


@command(by=Role.JOB)
class RecordByHand(Command[ResetState]):
    """Record that somebody has put it right, where the NVR itself does not tell."""

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if reset.at_recorder.owed:
            yield PutBackByHand()


def _goes_on(reset: ResetState, doing: Doing) -> bool:
    """Whether it is still to be done: a person may have been quicker."""
    at = reset.at_recorder
    if doing is Doing.REMOVE:
        return at is AtRecorder.REMOVING
    if doing is Doing.PUT_BACK:
        return at in _PUTS_BACK
    return at in (AtRecorder.NONE, *_TELLS)


def _why(code: str) -> str:
    return BY_HAND.get(code, code.replace("_", " "))
