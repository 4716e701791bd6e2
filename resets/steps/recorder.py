"""The camera's NVR: what keeps Rekey from doing it there, and an NVR that opens it by itself.

A camera is taken off its NVR before the reset goes on (`remove_from_recorder`) and put back at the
end (`put_back_on_recorder`): by Rekey where a service of the NVR lets it, by hand where none does.
Then Rekey looks whether it is so, if the NVR tells. What is to be put back stands in the log before
the NVR is asked for anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event
from resets.recorder.state import AtRecorder, Doing
from resets.state import ResetState

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
PUTS_BACK = (AtRecorder.TO_PUT_BACK, AtRecorder.BY_HAND)
TELLS = (AtRecorder.TO_TELL, AtRecorder.TELLING)
LET_IN = {  # where it stands once the NVR opens it, however that came
    **{one: one for one in AtRecorder},
    AtRecorder.TO_REMOVE: AtRecorder.NONE,
    AtRecorder.REMOVING: AtRecorder.NONE,
    AtRecorder.TO_PUT_BACK: AtRecorder.PUT_BACK_BY_HAND,
    AtRecorder.BY_HAND: AtRecorder.PUT_BACK_BY_HAND,
    AtRecorder.TO_TELL: AtRecorder.TOLD,
    AtRecorder.TELLING: AtRecorder.TOLD,
}


@dataclass(frozen=True)
class NvrFacts:
    """The NVR of the camera. `removes`: Rekey can change its list of cameras. `why`: the key of
    `BY_HAND` that says why it cannot.
    """

    name: str = "its NVR"
    removes: bool = False
    why: str = "no_service"


def why_not(code: str) -> str:
    return BY_HAND.get(code, code.replace("_", " "))


@event("resets.recorder_let_in")
class RecorderLetIn(Event[ResetState]):
    """The NVR opens the camera, so nothing has to be done there."""

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(recorder=LET_IN[reset.at_recorder], recorder_detail="")


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
            return f"Rekey has looked: {why_not(self.why)}."
        return super().told(actor)


@event("resets.recorder_waited_for")
class RecorderWaitedFor(Event[ResetState]):
    """The NVR is waited for: {words}."""

    why: str
    words: str

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(recorder_detail=self.why)


@command(by=Role.JOB)
class RecordRecorderDeclined(Command[ResetState]):
    """Record that somebody has to do it by hand; the same twice is recorded once."""

    doing: Doing
    why: str

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        then, what = _TO_DO[self.doing]
        again = (reset.recorder, reset.recorder_detail) == (then, self.why)
        if not again and _goes_on(reset, self.doing):
            yield RecorderDeclined(self.doing, self.why, f"{what}: {why_not(self.why)}")


def _goes_on(reset: ResetState, doing: Doing) -> bool:
    """Whether it is still to be done: a person may have been quicker."""
    at = reset.at_recorder
    if doing is Doing.REMOVE:
        return at is AtRecorder.REMOVING
    if doing is Doing.PUT_BACK:
        return at in PUTS_BACK
    return at in (AtRecorder.NONE, *TELLS)


@command(by=Role.JOB)
class RecordRecorderWait(Command[ResetState]):
    """Record what keeps the NVR from answering; the same twice is recorded once."""

    why: str

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if reset.recorder_detail != self.why:
            yield RecorderWaitedFor(self.why, why_not(self.why))


@command(by=Role.JOB)
class RecordLetIn(Command[ResetState]):
    """Record that the NVR opens the camera by itself, whoever has put it right there."""

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if LET_IN[reset.at_recorder] is not reset.at_recorder:
            yield RecorderLetIn()
