"""A camera's NVR: off it before the reset goes on, back on it at the end."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from fleet.eventstore.messages import EVENTS, Event, decode
from fleet.eventstore.testing import NOW, given
from resets.recorder.reactions import ENDINGS
from resets.recorder.state import AtRecorder, CameraThere, Doing
from resets.state import Door, Phase, ResetState
from resets.steps.apply_password import PasswordApplied
from resets.steps.approve_reset import ApprovalAsked
from resets.steps.break_glass import GlassBroken
from resets.steps.cancel_reset import ResetCancelled
from resets.steps.choose_password import ChoosePassword, Kept
from resets.steps.expire_reset import ResetExpired
from resets.steps.prove_password import ResetProven
from resets.steps.put_back_on_recorder import (
    ConfirmOnRecorder,
    LeaveOffRecorder,
    LeftOffRecorder,
    PutBackAsked,
    PutBackByHand,
    PutBackOnNvr,
    PutBackOnRecorder,
    RecordByHand,
    RecorderTold,
    RecordPutRight,
)
from resets.steps.recorder import (
    NvrFacts,
    RecorderDeclined,
    RecorderLetIn,
    RecorderWaitedFor,
    RecordLetIn,
    RecordRecorderDeclined,
    RecordRecorderWait,
)
from resets.steps.remove_from_recorder import (
    CameraFound,
    ConfirmRemoved,
    RecordCameraFound,
    RecordStayed,
    RecordTakenOff,
    RemovalAsked,
    RemoveFromRecorder,
    StayedOnRecorder,
    TakenOffRecorder,
)
from resets.steps.send_code import SendCode
from resets.steps.show_qr import ShowQr
from tests.resets.steps.story import CHOSEN, DOORS, ISSUED, REQUESTED, SECRET, TESS, VERIFIED

NVR = UUID(int=20)
ON_NVR = replace(REQUESTED, nvr=NVR, channel=3, on_recorder=True)
CERTIFIED = replace(ON_NVR, on_recorder=False)
CAN = NvrFacts("Harbour recorder", removes=True, why="")
CANNOT = NvrFacts("Harbour recorder", removes=False, why="no_service")
ASKED = RemovalAsked("Harbour recorder", by_hand=False)
BY_HAND = RemovalAsked("Harbour recorder", by_hand=True)
FOUND = CameraFound(CameraThere(3, "Gate", "192.0.2.3", 80, "", "uuid", "onvif"))
OFF = TakenOffRecorder(3, by_hand=False, seen=True)
CALLED_OFF = (ON_NVR, ASKED, FOUND, OFF, ResetCancelled())
DECLINED = RecorderDeclined(
    Doing.PUT_BACK,
    "channel_taken",
    "put the camera back on its NVR: another camera is on its channel by now",
)
OWED = (*CALLED_OFF, DECLINED)
PROVEN = (CERTIFIED, ISSUED, VERIFIED, CHOSEN, PasswordApplied(), ResetProven(DOORS))
NOT_TOLD = RecorderDeclined(
    Doing.TELL,
    "no_service",
    "give its NVR the new password: Rekey has no service of this NVR that changes its list of "
    "cameras",
)


def at(*events: Event[Any]) -> AtRecorder:
    stands: AtRecorder = given(*events).state().at_recorder
    return stands


# --- off it ---------------------------------------------------------------------------------------


def test_only_a_camera_that_its_nvr_does_not_open_has_to_be_off_it() -> None:
    assert at(REQUESTED) is AtRecorder.NONE
    assert at(CERTIFIED) is AtRecorder.NONE
    assert at(ON_NVR) is AtRecorder.TO_REMOVE


@pytest.mark.parametrize("events", [(ON_NVR,), (ON_NVR, ASKED)])
def test_while_it_is_on_it_nothing_goes_on(events: tuple[Event[Any], ...]) -> None:
    given(*events).knowing(TESS).when(SendCode()).refused("still_on_recorder")
    given(*events).when(ShowQr()).refused("still_on_recorder")
    state = given(*events).state()
    assert not SendCode.offered(state, NOW)
    assert not ShowQr.offered(state, NOW)
    broken = GlassBroken("There is a fire", "somebody", NOW + timedelta(hours=1))
    given(*events, broken).knowing(Kept(SECRET)).when(ChoosePassword()).refused("still_on_recorder")
    assert not ChoosePassword.offered(given(*events, broken).state(), NOW)


def test_once_it_is_off_everything_goes_on() -> None:
    state = given(ON_NVR, ASKED, OFF).state()
    assert SendCode.offered(state, NOW)
    assert ShowQr.offered(state, NOW)


def test_rekey_is_asked_to_remove_it() -> None:
    asked = given(ON_NVR).knowing(CAN)
    assert asked.when(RemoveFromRecorder()).then(ASKED).recorder is AtRecorder.REMOVING
    given(ON_NVR).knowing(CANNOT).when(RemoveFromRecorder()).refused("recorder_cannot")


def test_somebody_says_that_they_have_removed_it() -> None:
    given(ON_NVR).knowing(CANNOT).when(ConfirmRemoved()).then(BY_HAND)


@pytest.mark.parametrize("step", [RemoveFromRecorder(), ConfirmRemoved()])
def test_it_is_removed_once_and_in_time(step: Any) -> None:
    known = (CAN,)
    given(ON_NVR, ASKED).knowing(*known).when(step).refused("removal_under_way")
    given(ON_NVR, ASKED, OFF).knowing(*known).when(step).refused("not_on_recorder")
    given(CERTIFIED).knowing(*known).when(step).refused("not_on_recorder")
    given(ON_NVR, ResetCancelled()).knowing(*known).when(step).refused("not_on_recorder")
    late = given(ON_NVR).at(NOW + timedelta(hours=2)).knowing(*known)
    late.when(step).refused("reset_expired")
    asked = ApprovalAsked("always", "digest", NOW + timedelta(hours=1))
    given(ON_NVR, asked).knowing(*known).when(step).refused("not_approved")


@pytest.mark.parametrize(
    ("events", "offered"),
    [
        ((ON_NVR,), {RemoveFromRecorder, ConfirmRemoved}),
        ((ON_NVR, ASKED), set()),
        ((ON_NVR, ASKED, OFF), set()),
        ((ON_NVR, ResetExpired()), set()),
        (CALLED_OFF, set()),
        (OWED, {PutBackOnNvr, ConfirmOnRecorder, LeaveOffRecorder}),
        ((*PROVEN, NOT_TOLD), {PutBackOnNvr, ConfirmOnRecorder, LeaveOffRecorder}),
        ((*OWED, PutBackOnRecorder(3)), set()),
        (PROVEN, set()),
    ],
)
def test_people_are_offered_what_is_next(events: tuple[Any, ...], offered: set[Any]) -> None:
    steps = (RemoveFromRecorder, ConfirmRemoved, PutBackOnNvr, ConfirmOnRecorder, LeaveOffRecorder)
    state = given(*events).state()
    assert {step for step in steps if step.offered(state, NOW)} == offered


def test_what_was_there_is_noted_before_it_is_gone() -> None:
    state = given(ON_NVR, ASKED).when(RecordCameraFound(FOUND.camera)).then(FOUND)
    assert state.camera_there == FOUND.camera
    given(ON_NVR, ASKED, FOUND).when(RecordCameraFound(FOUND.camera)).then_nothing()


def test_it_is_taken_off_once() -> None:
    given(ON_NVR, ASKED).when(RecordTakenOff(by_hand=False, seen=True)).then(OFF)
    given(ON_NVR, ASKED, OFF).when(RecordTakenOff(by_hand=False, seen=True)).then_nothing()
    given(CERTIFIED).when(RecordTakenOff(by_hand=False, seen=True)).then_nothing()


def test_an_nvr_that_keeps_it_leaves_it_to_a_person() -> None:
    kept = RecorderDeclined(
        Doing.REMOVE,
        "still_there",
        "remove the camera from its NVR: the NVR has it on a channel still",
    )
    record = RecordRecorderDeclined(Doing.REMOVE, "still_there")
    state = given(ON_NVR, BY_HAND).when(record).then(kept)
    assert (state.recorder, state.recorder_detail) == (AtRecorder.TO_REMOVE, "still_there")
    given(ON_NVR, BY_HAND, kept).when(record).then_nothing()
    given(ON_NVR, ASKED, OFF).when(record).then_nothing()


def test_an_nvr_that_opens_it_after_all_keeps_it() -> None:
    for events in ((ON_NVR,), (ON_NVR, ASKED)):
        state = given(*events).when(RecordLetIn()).then(RecorderLetIn())
        assert state.recorder is AtRecorder.NONE
        assert SendCode.offered(state, NOW)
    given(CERTIFIED).when(RecordLetIn()).then_nothing()
    given(*CALLED_OFF, PutBackOnRecorder(3)).when(RecordLetIn()).then_nothing()


# --- back on it -----------------------------------------------------------------------------------


def test_whatever_ends_a_reset_is_heard_by_whoever_puts_cameras_back() -> None:
    """Each event that there is, on a reset under way: does it end it?"""
    golden = json.loads((Path(__file__).parents[2] / "golden" / "events.json").read_text())
    ends = set()
    for name, cls in EVENTS.items():
        if cls.of is not ResetState or name not in golden:
            continue
        samples = [golden[name]["samples"][str(cls.schema)]]
        samples += [{**samples[0], field: True} for field in samples[0]]
        for sample in samples:
            try:
                happened = decode(name, cls.schema, json.dumps(sample))
            except ValueError:
                continue  # that field is no yes or no
            for events in ((ON_NVR, ASKED, OFF), (ON_NVR, ASKED, OFF, ISSUED, VERIFIED, CHOSEN)):
                before = given(*events).state()
                if before.phase.open and not happened.evolve(before).phase.open:
                    ends.add(cls)
    assert ends == set(ENDINGS)
    for cls in ends:
        assert cls.__module__.startswith("resets.steps")


@pytest.mark.parametrize("before", [(ON_NVR, ASKED), (ON_NVR, ASKED, FOUND, OFF)])
def test_what_may_be_off_is_to_be_put_back_when_the_reset_is_over(before: tuple[Any, ...]) -> None:
    assert at(*before) in (AtRecorder.REMOVING, AtRecorder.REMOVED)
    for end in (ResetCancelled(), ResetExpired()):
        assert at(*before, end) is AtRecorder.TO_PUT_BACK
        assert at(*before, end).owed
    assert at(ON_NVR, ResetCancelled()) is AtRecorder.TO_REMOVE
    assert not at(ON_NVR, ResetCancelled()).owed


def test_it_is_put_back() -> None:
    for before in (CALLED_OFF, OWED):
        state = given(*before).when(RecordPutRight(3)).then(PutBackOnRecorder(3))
        assert (state.recorder, state.doors) == (AtRecorder.PUT_BACK, ())
    given(*CALLED_OFF, PutBackOnRecorder(3)).when(RecordPutRight(3)).then_nothing()


def test_a_proof_is_given_the_nvrs_word() -> None:
    untried = (*DOORS, Door("nvr", "new", None, "unreachable"))
    proven = (*PROVEN[:-1], ResetProven(untried))
    state = given(*proven).when(RecordPutRight(3)).then(RecorderTold())
    assert state.doors == (*DOORS, Door("nvr", "new", True))
    assert (state.recorder, state.phase) == (AtRecorder.TOLD, Phase.DONE)


def test_what_was_called_off_in_time_stayed_where_it_was() -> None:
    called_off = (ON_NVR, ASKED, ResetCancelled())
    state = given(*called_off).when(RecordStayed()).then(StayedOnRecorder())
    assert state.at_recorder is AtRecorder.NONE
    given(ON_NVR, ASKED).when(RecordStayed()).then_nothing()
    given(*CALLED_OFF).when(RecordStayed()).then_nothing()


def test_what_rekey_cannot_do_is_left_to_a_person() -> None:
    record = RecordRecorderDeclined(Doing.PUT_BACK, "channel_taken")
    assert given(*CALLED_OFF).when(record).then(DECLINED).at_recorder is AtRecorder.BY_HAND
    given(*OWED).when(record).then_nothing()
    given(*OWED, PutBackOnRecorder(3)).when(record).then_nothing()
    tell = RecordRecorderDeclined(Doing.TELL, "no_service")
    assert given(*PROVEN).when(tell).then(NOT_TOLD).at_recorder is AtRecorder.TO_TELL
    given(*CALLED_OFF).when(tell).then_nothing()


def test_what_keeps_an_nvr_is_told_once() -> None:
    waited = RecorderWaitedFor("unreachable", "the NVR does not answer")
    state = given(*CALLED_OFF).when(RecordRecorderWait("unreachable")).then(waited)
    assert (state.at_recorder, state.recorder_detail) == (AtRecorder.TO_PUT_BACK, "unreachable")
    given(*CALLED_OFF, waited).when(RecordRecorderWait("unreachable")).then_nothing()


@pytest.mark.parametrize(("events", "then"), [
    (OWED, AtRecorder.PUT_BACK_BY_HAND),
    ((*PROVEN, NOT_TOLD), AtRecorder.TOLD),
])  # fmt: skip
def test_somebody_has_put_it_right(events: tuple[Any, ...], then: AtRecorder) -> None:
    asked = PutBackAsked(by_hand=True)
    given(*events).when(ConfirmOnRecorder()).then(asked)
    assert given(*events, asked).when(RecordLetIn()).then(RecorderLetIn()).recorder is then
    assert given(*events, asked).when(RecordByHand()).then(PutBackByHand()).recorder is then
    given(*events).knowing(CAN).when(PutBackOnNvr()).then(PutBackAsked(by_hand=False))
    given(*events).knowing(CANNOT).when(PutBackOnNvr()).refused("recorder_cannot")
    busy = given(*events, asked)
    assert busy.state().at_recorder.busy
    assert busy.state().at_recorder.owed
    busy.when(ConfirmOnRecorder()).refused("recorder_busy")
    why = RecordRecorderDeclined(
        Doing.PUT_BACK if then is AtRecorder.PUT_BACK_BY_HAND else Doing.TELL, "still_refused"
    )
    [declined] = busy.when(why).decided()
    assert given(*events, asked, declined).state().at_recorder is at(*events)


def test_it_may_be_left_off_with_a_reason() -> None:
    left = given(*OWED).when(LeaveOffRecorder("It goes to the attic "))
    assert left.then(LeftOffRecorder("It goes to the attic")).at_recorder is AtRecorder.LEFT_OFF
    given(*OWED).when(LeaveOffRecorder(" ")).refused("reason_missing")


@pytest.mark.parametrize("step", [PutBackOnNvr(), ConfirmOnRecorder(), LeaveOffRecorder("So")])
def test_nobody_does_what_is_not_owed(step: Any) -> None:
    given(*CALLED_OFF).knowing(CAN).when(step).refused("recorder_busy")
    for events in ((ON_NVR,), (ON_NVR, ASKED, OFF), (*OWED, PutBackOnRecorder(3)), PROVEN):
        given(*events).knowing(CAN).when(step).refused("nothing_owed")


def test_every_sentence_reads_well() -> None:
    assert ASKED.told("Tess") == "Tess asked Rekey to remove the camera from Harbour recorder."
    assert BY_HAND.told("Tess") == "Tess says that the camera was removed from Harbour recorder."
    assert OFF.told("Rekey") == "The camera is off its NVR; it is to be put back on channel 3."
    unseen = TakenOffRecorder(3, by_hand=True, seen=False)
    assert unseen.told("Rekey").endswith("The NVR does not tell, so nobody has looked.")
    assert DECLINED.told("Rekey") == (
        "Rekey could not put the camera back on its NVR: another camera is on its channel by now. "
        "Somebody has to do it on the NVR itself."
    )
    looked = RecorderDeclined(Doing.REMOVE, "still_there", "remove it")
    assert looked.told("Rekey") == "Rekey has looked: the NVR has it on a channel still."
    assert PutBackAsked(by_hand=False).told("Tess") == "Tess asked Rekey to try again at the NVR."
