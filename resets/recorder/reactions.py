"""What is done at the NVR of a camera whose password is reset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from devices.drivers.errors import DeviceError, LockedOut, TriesSpent, Unreachable
from devices.models import Device
from devices.queries import device_for_jobs
from devices.recorder_list import Stuck
from devices.steps.check_device import DeviceCertified, NvrLetIn, RecordNvrOpens
from devices.vault import VaultError
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import By, Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import Later, later, reaction
from resets.models import Reset
from resets.recorder.duty import AtNvr, at_nvr, new_opened, opened_by, opens, put_right, there
from resets.recorder.state import AtRecorder, Doing
from resets.state import ResetState
from resets.steps.approve_reset import ApprovalVoided, ResetDeclined
from resets.steps.cancel_reset import ResetCancelled
from resets.steps.disown_reset import ResetDisowned
from resets.steps.expire_reset import ResetExpired
from resets.steps.fail_reset import ResetFailed
from resets.steps.prove_password import ResetProven, ResetUnproven
from resets.steps.put_back_on_recorder import PutBackAsked, RecordByHand, RecordPutRight
from resets.steps.recorder import DOOR, RecordLetIn, RecordRecorderDeclined, RecordRecorderWait
from resets.steps.remove_from_recorder import (
    RecordCameraFound,
    RecordStayed,
    RecordTakenOff,
    RemovalAsked,
)
from resets.steps.request_reset import ResetRequested

# Whatever ends a reset: a test holds this against every event that there is.
ENDINGS = (
    ResetProven,
    ResetUnproven,
    ResetFailed,
    ResetCancelled,
    ResetExpired,
    ResetDeclined,
    ApprovalVoided,
    ResetDisowned,
)
WAITS = (Unreachable, LockedOut, TriesSpent)
REMOVING_FOR = timedelta(minutes=15)  # that a person waits for an NVR that does not answer
PUTTING_BACK_FOR = timedelta(hours=24)
UNASKED = ("no_service", "not_certified")  # nobody can ask the NVR


Declined = Callable[[str], None]


# --- off it ---------------------------------------------------------------------------------------


@reaction(
    ResetRequested,
    at_site=True,
    wanted=lambda reset: reset.recorder is AtRecorder.TO_REMOVE,
)
def look_at_recorder(recorded: Recorded) -> None:
    """Note how the NVR has the camera, as long as it has it: it may be removed by hand."""
    reset, by = _reset(recorded), recorded.because("look at the NVR")
    if reset.recorder is not AtRecorder.TO_REMOVE:
        return
    camera = _camera(reset)
    try:
        with at_nvr(reset, camera, recorded, "look at the NVR") as nvr:
            if channel := nvr.channel():
                handle(RecordCameraFound(there(channel, camera)), reset.id, by)
    except (DeviceError, Stuck, VaultError):
        return  # whoever removes it is told


@reaction(RemovalAsked, urgent=True, at_site=True)
def take_off_recorder(recorded: Recorded) -> None:
    """Remove the camera from its NVR, or look whether somebody has."""
    asked, reset = recorded.event, _reset(recorded)
    assert isinstance(asked, RemovalAsked)
    if not _still_asked(reset):
        return
    job, camera = "take the camera off its NVR", _camera(reset)
    by = recorded.because(job)

    def declined(why: str) -> None:
        handle(RecordRecorderDeclined(Doing.REMOVE, why), reset.id, by)

    try:
        with at_nvr(reset, camera, recorded, job) as nvr:
            if _still_asked(_reset(recorded)):  # and not called off while somebody else was there
                _take_off(nvr, asked.by_hand, declined, by)
    except Stuck as stuck:
        if asked.by_hand and stuck.code in UNASKED:  # the person's word it is
            handle(RecordTakenOff(by_hand=True, seen=False), reset.id, by)
        else:
            declined(stuck.code)
    except (DeviceError, VaultError) as error:
        _wait_or(declined, error, recorded, by, REMOVING_FOR)


def _take_off(nvr: AtNvr, by_hand: bool, declined: Declined, by: By) -> None:
    """What is needed to put it back is in the log before the NVR is asked to let go of it."""
    reset, channel = nvr.reset, nvr.channel()
    if channel is not None and opens(channel):
        orders = [Order(RecordLetIn(), reset.id), Order(RecordNvrOpens(True), nvr.camera.pk)]
        handle_all(orders, by)
        return
    if channel is not None:
        handle(RecordCameraFound(there(channel, nvr.camera)), reset.id, by)
        if by_hand:
            declined("still_there")
            return
        if nvr.cameras is None:
            raise Stuck("no_service")
        nvr.cameras.take_off(replace(nvr.wanted, key=there(channel, nvr.camera).key))
    handle(RecordTakenOff(by_hand, seen=True), reset.id, by)
    nvr.read_anew()


def _still_asked(reset: ResetState) -> bool:
    return reset.phase.with_people and reset.recorder is AtRecorder.REMOVING


# --- back on it -----------------------------------------------------------------------------------


@reaction(*ENDINGS, urgent=True, at_site=True, wanted=lambda reset: reset.nvr is not None)
def put_right_on_recorder(recorded: Recorded) -> None:
    """The reset is over: put the camera back, or give the NVR the new password."""
    _put_right(recorded, recorded.stream)


@reaction(PutBackAsked, urgent=True, at_site=True)
def look_at_recorder_again(recorded: Recorded) -> None:
    """Somebody says that they have put it right by hand, or wants Rekey to try again."""
    asked, reset = recorded.event, _reset(recorded)
    assert isinstance(asked, PutBackAsked)
    if not asked.by_hand:
        _put_right(recorded, reset.id)
        return
    job, camera, doing = "look at the NVR", _camera(reset), _owed(reset)
    by = recorded.because(job)
    if doing is None:
        return

    def declined(why: str) -> None:
        handle(RecordRecorderDeclined(doing, why), reset.id, by)

    try:
        with at_nvr(reset, camera, recorded, job) as nvr:
            channel = nvr.channel()
            if channel is None or not opens(channel):
                declined("still_missing" if channel is None else "still_refused")
                return
            orders = [Order(RecordLetIn(), reset.id), Order(RecordNvrOpens(True), camera.pk)]
            handle_all(orders, by)
            nvr.read_anew()
    except Stuck as stuck:
        if stuck.code in UNASKED:
            handle(RecordByHand(), reset.id, by)
        else:
            declined(stuck.code)
    except (DeviceError, VaultError) as error:
        _wait_or(declined, error, recorded, by, REMOVING_FOR)


@reaction(NvrLetIn)
def recorder_opens_it(recorded: Recorded) -> None:
    """The NVR opens the camera by itself: nothing is owed there any more."""
    by = recorded.because("see that the NVR opens the camera")
    for reset in _owing(recorded.stream):
        if not reset.at_recorder.busy:
            handle(RecordLetIn(), reset.id, by)


@reaction(DeviceCertified, at_site=True)
def put_back_when_known(recorded: Recorded) -> None:
    """A password that opens the camera is known by now: what was left for want of it is done."""
    for reset in _owing(recorded.stream):
        if (reset.at_recorder, reset.recorder_detail) == (AtRecorder.BY_HAND, "no_password"):
            _put_right(recorded, reset.id)


def _put_right(recorded: Recorded, reset_id: UUID) -> None:
    reset = state_of(ResetState, reset_id)
    doing = _owed(reset)
    if doing is None:
        return
    job, camera = "put the camera right on its NVR", _camera(reset)
    by = recorded.because(job)

    def declined(why: str) -> None:
        orders: list[Order] = [Order(RecordRecorderDeclined(doing, why), reset.id)]
        if doing is Doing.TELL and camera.nvr_opens:  # it has the old password, which opens nothing
            orders.append(Order(RecordNvrOpens(False), camera.pk))
        handle_all(orders, by)

    if any(door.door == DOOR and door.opened for door in reset.doors):  # the proof has seen to it
        _record_right(reset, camera, camera.channel or 0, by)
        return
    if Reset.objects.for_jobs().filter(device=camera.pk, open=True).exists():
        raise Later(30, "another_reset")  # its password is about to change once more
    try:
        with at_nvr(reset, camera, recorded, job) as nvr:
            if reset.recorder is AtRecorder.REMOVING and nvr.channel() is not None:
                handle(RecordStayed(), reset.id, by)
                return
            known = opened_by(reset, camera)
            if known is None:
                raise Stuck("no_password")
            if nvr.cameras is None:
                raise Stuck("no_service")
            _record_right(reset, camera, put_right(nvr, doing, known), by)
            nvr.read_anew()
    except Stuck as stuck:
        declined(stuck.code)
    except (DeviceError, VaultError) as error:
        _wait_or(declined, error, recorded, by, PUTTING_BACK_FOR)


def _record_right(reset: ResetState, camera: Device, channel: int, by: By) -> None:
    orders = [Order(RecordPutRight(channel), reset.id), Order(RecordNvrOpens(True), camera.pk)]
    handle_all(orders, by)


def _owed(reset: ResetState) -> Doing | None:
    """What is to be done at the NVR, now that the reset is over."""
    match reset.at_recorder:
        case AtRecorder.TO_PUT_BACK | AtRecorder.BY_HAND:
            return Doing.PUT_BACK
        case AtRecorder.TO_TELL | AtRecorder.TELLING:
            return Doing.TELL
        case AtRecorder.NONE if reset.nvr and not reset.phase.open and new_opened(reset):
            return Doing.TELL
    return None


def _owing(device: UUID) -> list[ResetState]:
    owed = [one.value for one in AtRecorder if one.owed]
    rows = Reset.objects.for_jobs().filter(device=device, recorder__in=owed)
    return [state_of(ResetState, pk) for pk in rows.values_list("pk", flat=True)]


def _wait_or(
    declined: Declined,
    error: DeviceError | VaultError,
    recorded: Recorded,
    by: By,
    patience: timedelta,
) -> None:
    """Come back later to an NVR that has no answer now; to any other, a person has to go."""
    for_good = isinstance(error, LockedOut) and error.for_good
    if not isinstance(error, WAITS) or for_good or timezone.now() >= recorded.at + patience:
        declined(error.code)
        return
    if recorded.event.of is ResetState:
        handle(RecordRecorderWait(error.code), recorded.stream, by)
    if isinstance(error, LockedOut | TriesSpent) and error.seconds_left:
        raise Later(error.seconds_left, error.code) from error
    raise later(recorded, error.code, longest=300) from error


def _reset(recorded: Recorded) -> ResetState:
    return state_of(ResetState, recorded.stream)


def _camera(reset: ResetState) -> Device:
    assert reset.subject
    return device_for_jobs(reset.subject)
