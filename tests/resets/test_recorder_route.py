"""Method 2: a camera on an NVR's channel, through the domain and over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest

from devices.recorder_list import RecorderList
from devices.steps.check_device import RecordNvrOpens
from devices.steps.place_on_channel import PlaceOnChannel
from devices.virtual.spec import NvrTraits
from fleet.errors import Conflict, Forbidden, NotFound, Refused
from fleet.eventstore import projections
from fleet.eventstore.handling import handle
from fleet.eventstore.models import EventRow, Job
from resets.recorder import reactions
from resets.steps.cancel_reset import CancelReset
from resets.steps.put_back_on_recorder import ConfirmOnRecorder, LeaveOffRecorder, PutBackOnNvr
from resets.steps.remove_from_recorder import ConfirmRemoved, RemoveFromRecorder
from resets.steps.send_code import SendCode
from tests.cast import SETUP, Cast, work
from tests.faults.dying import pass_time
from tests.resets.recorder_ground import (
    BOTH,
    CHANNEL,
    GATE,
    PUBLISHED,
    QUAY,
    RECORDER,
    Site,
    site,
)

pytestmark = pytest.mark.django_db
# What NVRs do and people say is no question to the database.
once = pytest.mark.one_database("sqlite")


@pytest.fixture
def there(who: Cast) -> Iterator[Site]:
    with site(who) as made:
        yield made


def owed() -> list[str]:
    return list(
        Job.objects.exclude(reaction="resets.expire_reset").values_list("reaction", flat=True)
    )


# --- not certified --------------------------------------------------------------------------------


def test_a_camera_that_its_nvr_does_not_open_is_removed_reset_and_put_back(there: Site) -> None:
    there.shut_out()
    before = there.channels
    assert before == {CHANNEL: (GATE, False), 5: (QUAY, True)}
    reset = there.begin()
    assert there.stands(reset) == ("requested", "to_remove", "")
    with pytest.raises(Refused) as no:
        handle(SendCode(), reset, there.by)
    assert no.value.code == "still_on_recorder"

    there.do(reset, RemoveFromRecorder())
    assert there.stands(reset) == ("requested", "removed", "")
    assert there.channels == {5: (QUAY, True)}

    there.choose(reset)
    work()
    assert there.stands(reset) == ("done", "put_back", ""), there.told(reset)
    assert there.channels == {CHANNEL: (GATE, True), 5: (QUAY, True)}
    assert there.nvr_door(reset) == (True, "")
    assert there.current_opens
    assert (there.camera.certified, there.camera.nvr_opens) == (True, True)
    assert there.fleet.calls(GATE)["failed_logins"] < 7
    assert not owed()
    assert list(projections.differences()) == []
    log = "\n".join(EventRow.everything.values_list("data", flat=True))
    assert there.current not in log


@once
def test_a_camera_that_only_the_nvr_does_not_open_is_put_back_when_the_reset_is_called_off(
    there: Site,
) -> None:
    there.shut_out_of_nvr()
    reset = there.begin()
    there.do(reset, RemoveFromRecorder())
    assert there.channels == {5: (QUAY, True)}
    there.do(reset, CancelReset())
    assert there.stands(reset) == ("cancelled", "put_back", "")
    assert there.channels == {CHANNEL: (GATE, True), 5: (QUAY, True)}
    assert there.camera.nvr_opens is True
    assert there.nvr_door(reset) is None, "nothing was proven"


@once
def test_without_a_known_password_it_waits_for_one(there: Site) -> None:
    there.shut_out()
    reset = there.begin()
    there.do(reset, RemoveFromRecorder())
    there.do(reset, CancelReset())
    assert there.stands(reset) == ("cancelled", "to_put_back_by_hand", "no_password")
    assert there.channels == {5: (QUAY, True)}, "no wrong password is tried at the camera"

    second = there.begin()
    assert there.row(second).recorder == "to_remove"
    calls = there.fleet.calls(RECORDER)
    there.do(second, RemoveFromRecorder())
    assert there.row(second).recorder == "removed"
    assert there.fleet.calls(RECORDER).get("chm_del_dev") == calls["chm_del_dev"], "it was off"
    there.choose(second)
    work()
    assert there.stands(second) == ("done", "put_back", "")
    assert there.stands(reset) == ("cancelled", "put_back", "")
    assert there.channels == {CHANNEL: (GATE, True), 5: (QUAY, True)}
    assert not owed()


@once
def test_a_removal_that_is_called_off_before_it_is_done_leaves_the_camera_where_it_is(
    there: Site,
) -> None:
    there.shut_out()
    reset = there.begin()
    handle(RemoveFromRecorder(), reset, there.by)
    handle(CancelReset(), reset, there.by)
    work()
    assert there.stands(reset) == ("cancelled", "none", "")
    assert there.channels == {CHANNEL: (GATE, False), 5: (QUAY, True)}
    assert "taken_off_recorder" not in there.told(reset)


@once
def test_a_removal_that_is_called_off_while_it_waits_for_the_nvr_is_not_begun(
    there: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.shut_out_of_nvr()
    reset = there.begin()
    honest = reactions.at_nvr

    @contextmanager
    def after_it_was_called_off(*given: Any) -> Iterator[Any]:
        with honest(*given) as nvr:
            if not state_is_over(there, reset):
                handle(CancelReset(), reset, there.by)
            yield nvr

    monkeypatch.setattr(reactions, "at_nvr", after_it_was_called_off)
    there.do(reset, RemoveFromRecorder())
    assert there.stands(reset) == ("cancelled", "none", "")
    assert there.fleet.calls(RECORDER).get("chm_del_dev", 0) == 0


@once
def test_a_reset_that_is_called_off_while_the_camera_comes_off_has_it_put_back(
    there: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.shut_out_of_nvr()
    reset = there.begin()
    honest = RecorderList.take_off

    def and_called_off(self: RecorderList, camera: Any) -> None:
        honest(self, camera)
        handle(CancelReset(), reset, there.by)

    monkeypatch.setattr(RecorderList, "take_off", and_called_off)
    there.do(reset, RemoveFromRecorder())
    assert there.stands(reset) == ("cancelled", "put_back", "")
    assert there.channels == {CHANNEL: (GATE, True), 5: (QUAY, True)}


def state_is_over(there: Site, reset: UUID) -> bool:
    return not there.state(reset).phase.open


@once
def test_an_nvr_that_opens_the_camera_by_now_keeps_it(there: Site) -> None:
    there.shut_out_of_nvr()
    reset = there.begin()
    there.fleet.change_copy(RECORDER, CHANNEL, "admin", there.current)
    there.do(reset, RemoveFromRecorder())
    assert there.stands(reset) == ("requested", "none", "")
    assert there.channels == {CHANNEL: (GATE, True), 5: (QUAY, True)}
    assert there.camera.nvr_opens is True
    there.choose(reset)
    work()
    assert there.stands(reset) == ("done", "told", "")


# --- by hand --------------------------------------------------------------------------------------


@once
@pytest.mark.parametrize("services", [BOTH, (PUBLISHED,)])
def test_what_was_removed_by_hand_is_looked_at(who: Cast, services: tuple) -> None:
    with site(who, services) as there:
        there.shut_out()
        reset = there.begin()
        there.do(reset, ConfirmRemoved())
        assert there.stands(reset) == ("requested", "to_remove", "still_there")
        there.fleet.remove_camera(RECORDER, CHANNEL)
        there.do(reset, ConfirmRemoved())
        assert there.stands(reset) == ("requested", "removed", "")
        there.choose(reset)
        work()
        if services == BOTH:
            assert there.stands(reset) == ("done", "put_back", "")
            return
        assert there.stands(reset) == ("done", "to_put_back_by_hand", "no_service")
        assert there.nvr_door(reset) == (None, "no_service")
        there.fleet.reboot(RECORDER)  # it has no more room for another session
        there.do(reset, ConfirmOnRecorder())
        assert there.stands(reset) == ("done", "to_put_back_by_hand", "still_missing")
        there.fleet.add_camera(RECORDER, CHANNEL, GATE, "admin", "an old one")
        there.do(reset, ConfirmOnRecorder())
        assert there.stands(reset) == ("done", "to_put_back_by_hand", "still_refused")
        there.fleet.change_copy(RECORDER, CHANNEL, "admin", there.current)
        there.do(reset, ConfirmOnRecorder())
        assert there.stands(reset) == ("done", "put_back_by_hand", "")
        assert there.camera.nvr_opens is True


@once
def test_an_nvr_that_opens_the_camera_again_needs_nobody_to_say_so(who: Cast) -> None:
    with site(who, (PUBLISHED,)) as there:
        there.shut_out()
        reset = there.begin()
        there.fleet.remove_camera(RECORDER, CHANNEL)
        there.do(reset, ConfirmRemoved())
        there.choose(reset)
        work()
        assert there.row(reset).recorder == "to_put_back_by_hand"
        there.fleet.add_camera(RECORDER, CHANNEL, GATE, "admin", there.current)
        there.look(there.nvr)
        assert there.row(reset).recorder == "put_back_by_hand"


@once
def test_an_nvr_that_tells_nothing_is_taken_at_a_persons_word(who: Cast) -> None:
    with site(who, ()) as there:
        there.fleet.change_copy(RECORDER, CHANNEL, "admin", "a wrong one")
        handle(RecordNvrOpens(False), there.gate, SETUP)
        reset = there.begin()
        with pytest.raises(Refused) as no:
            handle(RemoveFromRecorder(), reset, there.by)
        assert no.value.code == "recorder_cannot"
        there.do(reset, ConfirmRemoved())
        assert there.stands(reset) == ("requested", "removed", "")
        there.choose(reset)
        work()
        assert there.stands(reset) == ("done", "to_put_back_by_hand", "no_service")
        with pytest.raises(Refused) as no:
            handle(PutBackOnNvr(), reset, there.by)
        assert no.value.code == "recorder_cannot"
        there.do(reset, ConfirmOnRecorder())
        assert there.stands(reset) == ("done", "put_back_by_hand", "")


@once
def test_whoever_may_change_the_fleet_may_leave_it_off(there: Site) -> None:
    there.shut_out()
    reset = there.begin()
    there.do(reset, RemoveFromRecorder())
    there.do(reset, CancelReset())
    with pytest.raises(Forbidden):
        handle(LeaveOffRecorder("It goes to the attic"), reset, there.by)
    handle(LeaveOffRecorder("It goes to the attic"), reset, there.who.by(there.who.alice))
    assert there.row(reset).recorder == "left_off"
    with pytest.raises(Conflict) as no:
        handle(ConfirmOnRecorder(), reset, there.by)
    assert no.value.code == "nothing_owed"


# --- NVRs that do not do as they are told ---------------------------------------------------------


@once
@pytest.mark.parametrize(
    ("traits", "why"),
    [(NvrTraits.KEEPS, "unknown_camera"), (NvrTraits.NODS, "no_change")],
)
def test_an_nvr_that_keeps_the_camera_leaves_it_to_a_person(
    who: Cast, traits: NvrTraits, why: str
) -> None:
    with site(who, nvr_traits=traits) as there:
        there.shut_out()
        reset = there.begin()
        there.do(reset, RemoveFromRecorder())
        assert there.stands(reset) == ("requested", "to_remove", why)
        with pytest.raises(Refused):
            handle(SendCode(), reset, there.by)
        there.fleet.remove_camera(RECORDER, CHANNEL)
        there.do(reset, ConfirmRemoved())
        assert there.row(reset).recorder == "removed"


@once
@pytest.mark.parametrize(
    ("traits", "why"),
    [
        (NvrTraits.REFUSES, "bad_answer"),
        (NvrTraits.KEYLESS, "not_supported"),
        (NvrTraits.STUCK, "other_channel"),
    ],
)
def test_an_nvr_that_does_not_take_it_back_leaves_it_to_a_person(
    who: Cast, traits: NvrTraits, why: str
) -> None:
    with site(who, nvr_traits=traits) as there:
        there.shut_out()
        reset = there.begin()
        there.do(reset, RemoveFromRecorder())
        there.choose(reset)
        work()
        assert there.stands(reset) == ("done", "to_put_back_by_hand", why)
        assert there.nvr_door(reset) == (None, why)
        there.do(reset, PutBackOnNvr())
        assert there.stands(reset) == ("done", "to_put_back_by_hand", why)


@once
@pytest.mark.parametrize("traits", [NvrTraits.HESITANT, NvrTraits.STRICT])
def test_an_nvr_that_hesitates_or_is_strict_takes_it_back(who: Cast, traits: NvrTraits) -> None:
    with site(who, nvr_traits=traits) as there:
        there.shut_out()
        reset = there.begin()
        there.do(reset, RemoveFromRecorder())
        there.choose(reset)
        work()
        assert there.stands(reset) == ("done", "put_back", "")


@once
def test_another_camera_is_never_pushed_aside(there: Site) -> None:
    there.shut_out()
    reset = there.begin()
    there.do(reset, RemoveFromRecorder())
    there.fleet.remove_camera(RECORDER, 5)
    there.fleet.add_camera(RECORDER, CHANNEL, QUAY, "admin", there.specs[QUAY].password)
    there.choose(reset)
    work()
    assert there.stands(reset) == ("done", "to_put_back_by_hand", "channel_taken")
    assert there.channels == {CHANNEL: (QUAY, True)}
    there.fleet.remove_camera(RECORDER, CHANNEL)
    there.do(reset, PutBackOnNvr())
    assert there.stands(reset) == ("done", "put_back", "")
    assert there.nvr_door(reset) == (True, "")


def test_an_nvr_that_is_away_is_waited_for(there: Site) -> None:
    there.shut_out()
    reset = there.begin()
    there.do(reset, RemoveFromRecorder())
    there.fleet.power(RECORDER, False)
    there.choose(reset)
    work()
    assert there.stands(reset) == ("done", "to_put_back", "unreachable")
    there.fleet.power(RECORDER, True)
    pass_time(600)
    work()
    assert there.stands(reset) == ("done", "put_back", "")
    assert not owed()


# --- certified ------------------------------------------------------------------------------------


def test_the_nvr_is_given_the_new_password_and_proves_it(there: Site) -> None:
    assert there.camera.nvr_opens
    reset = there.begin()
    there.choose(reset)
    work()
    assert there.stands(reset) == ("done", "told", "")
    assert there.nvr_door(reset) == (True, "")
    assert there.channels == {CHANNEL: (GATE, True), 5: (QUAY, True)}
    assert there.camera.nvr_opens is True
    assert there.fleet.calls(RECORDER).get("chm_del_dev", 0) == 0
    assert not owed()


@once
def test_an_nvr_that_cannot_be_given_it_does_not_make_the_reset_unproven(who: Cast) -> None:
    with site(who, (PUBLISHED,)) as there:
        reset = there.begin()
        there.choose(reset)
        work()
        assert there.stands(reset) == ("done", "to_tell", "no_service")
        assert there.nvr_door(reset) == (None, "no_service")
        assert there.camera.nvr_opens is False
        there.fleet.change_copy(RECORDER, CHANNEL, "admin", there.current)
        there.look(there.nvr)
        assert there.row(reset).recorder == "told"
        assert there.camera.nvr_opens is True


@once
def test_an_nvr_that_has_it_and_does_not_get_in_makes_the_reset_unproven(who: Cast) -> None:
    with site(who, nvr_traits=NvrTraits.NODS) as there:
        reset = there.begin()
        there.choose(reset)
        work()
        assert there.stands(reset) == ("unproven", "to_tell", "still_refused")
        assert there.row(reset).outcome == "nvr_lags"
        assert there.nvr_door(reset) == (False, "still_refused")
        assert there.current_opens, "Rekey keeps the new password all the same"
        assert there.camera.certified is True


@once
def test_a_camera_that_stands_alone_has_no_such_door(there: Site) -> None:
    handle(PlaceOnChannel(None, None), there.gate, there.who.by(there.who.alice))
    reset = there.begin()
    there.choose(reset)
    work()
    assert there.stands(reset) == ("done", "none", "")
    assert there.nvr_door(reset) is None


# --- whoever it is no business of -----------------------------------------------------------------


@once
def test_bob_may_look_and_charlie_sees_nothing(there: Site) -> None:
    there.shut_out()
    reset = there.begin()
    for step in (RemoveFromRecorder(), ConfirmRemoved(), ConfirmOnRecorder(), PutBackOnNvr()):
        with pytest.raises(Forbidden):
            handle(step, reset, there.who.by(there.who.bob))
        with pytest.raises(NotFound):
            handle(step, reset, there.who.by(there.who.charlie))
    assert there.row(reset).recorder == "to_remove"
