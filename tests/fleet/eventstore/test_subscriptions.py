"""What has to happen because of an event happens: whoever crashes, and wherever they do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from devices.steps.check_device import CheckDevice, CheckRequested, DeviceCertified, DeviceTroubled
from fleet.eventstore import store, subscriptions, tasks
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Recorded
from fleet.eventstore.models import Checkpoint, EventRow, Job
from fleet.eventstore.store import read_stream
from fleet.eventstore.subscriptions import MOST_ATTEMPTS, Later, later, reaction
from tests.cast import SETUP, Cast
from tests.fleet.eventstore.jobs import Crash, happen, owed, pass_time, run_due

# --- nothing is lost ------------------------------------------------------------------------------


def crashing(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, after: bool, on_call: int
) -> None:
    """The process crashes before, or right after, the n-th call of a function."""
    real, calls = getattr(owner, name), []

    def call(*arguments: Any, **named: Any) -> Any:
        calls.append(name)
        if len(calls) == on_call and not after:
            raise Crash
        answer = real(*arguments, **named)
        if len(calls) == on_call and after:
            raise Crash
        return answer

    monkeypatch.setattr(owner, name, call)


POINTS: list[tuple[Any, str]] = [
    (subscriptions, "pump"),
    (Checkpoint.objects, "select_for_update"),
    (store, "last_position"),
    (store, "read_between"),
    (subscriptions._jobs, "insert"),
    (subscriptions, "_read_up_to"),
    (subscriptions, "due_jobs"),
    (tasks, "wake"),
    (subscriptions, "claim"),
    (store, "read_one"),
    (subscriptions, "_renewed"),
    (subscriptions, "_put_back"),
]


@pytest.mark.parametrize("on_call", [1, 2])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("owner", "name"), POINTS, ids=[name for _, name in POINTS])
def test_wherever_a_worker_crashes_every_job_is_done_in_the_end(
    target: UUID,
    at_hand: None,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    after: bool,
    on_call: int,
) -> None:
    done: list[int] = []

    @reaction(DeviceTroubled)
    def note(recorded: Recorded) -> None:
        if recorded.event.trouble != "trouble 2" and recorded.version not in asked_again:
            asked_again.add(recorded.version)
            raise Later(1, "not yet")
        done.append(recorded.position)

    asked_again: set[int] = set()
    monkeypatch.setattr(subscriptions, "PUMP_AT_ONCE", 2)
    for number in range(3):
        happen(target, number)
    with monkeypatch.context() as crash:
        crashing(crash, owner, name, after=after, on_call=on_call)
        assert at_work(target) == "crashed"
    for _ in range(4):
        pass_time(60)
        tasks.sweep()
    heard = EventRow.everything.filter(type="devices.device_troubled")
    assert set(done) == set(heard.values_list("position", flat=True))
    assert not Job.objects.exists()


def at_work(target: UUID) -> str:
    try:
        for number in (3, 4, 5, 6):
            tasks.sweep()
            happen(target, number)
            pass_time(60)
    except Crash:
        return "crashed"
    return "nothing happened"


def test_a_worker_that_crashes_in_the_middle_of_a_job_does_it_again(
    target: UUID, at_hand: None
) -> None:
    began: list[int] = []

    @reaction(DeviceTroubled)
    def note(recorded: Recorded) -> None:
        began.append(recorded.position)
        if len(began) < 3:
            raise Crash

    happen(target, 1)
    for _ in range(2):
        with pytest.raises(Crash):
            tasks.sweep()
        tasks.sweep()  # nobody takes it while the lease may still be held
        pass_time(60)
    tasks.sweep()
    assert len(began) == 3
    assert not Job.objects.exists()


def test_a_job_that_is_done_is_done_once_however_often_somebody_is_woken(
    target: UUID, at_hand: None
) -> None:
    done: list[int] = []
    reaction(DeviceTroubled)(lambda recorded: done.append(recorded.position))
    happen(target, 1)
    subscriptions.pump()
    job = owed()
    for _ in range(3):
        subscriptions.run(job.id)
        tasks.sweep()
    assert len(done) == 1


@pytest.mark.parametrize("at_once", [1, 2, 3, 1000])
def test_no_event_is_passed_over_and_none_is_taken_twice(
    target: UUID, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(subscriptions, "PUMP_AT_ONCE", at_once)
    reaction(DeviceTroubled)(lambda recorded: None)
    for number in range(6):
        happen(target, number)
        handle(CheckDevice(), target, SETUP)  # nobody reacts to this
        if number % 3 == 0:
            subscriptions.pump()
    subscriptions.pump()
    subscriptions.pump()
    heard = EventRow.everything.filter(type="devices.device_troubled").order_by("position")
    assert list(Job.objects.order_by("id").values_list("position", flat=True)) == list(
        heard.values_list("position", flat=True)
    )
    assert Checkpoint.objects.get().position == store.last_position()


def test_a_reaction_hears_its_own_events_and_all_who_react_hear_them(target: UUID) -> None:
    heard: list[tuple[str, str]] = []

    @reaction(DeviceTroubled, CheckRequested)
    def one(recorded: Recorded) -> None:
        heard.append(("one", recorded.type))

    @reaction(DeviceTroubled)
    def other(recorded: Recorded) -> None:
        heard.append(("other", recorded.type))

    @reaction(DeviceCertified)
    def third(recorded: Recorded) -> None:
        heard.append(("third", recorded.type))

    happen(target, 1)
    handle(CheckDevice(), target, SETUP)
    subscriptions.pump()
    run_due()
    assert sorted(heard) == [
        ("one", "devices.check_requested"),
        ("one", "devices.device_troubled"),
        ("other", "devices.device_troubled"),
    ]


def test_a_job_knows_whose_it_is(who: Cast, target: UUID) -> None:
    reaction(DeviceTroubled)(lambda recorded: None)
    happen(target, 1)
    subscriptions.pump()
    assert (owed().organisation, owed().site) == (who.organisation, who.site)


def test_who_reacts_from_today_on_is_not_asked_about_yesterday(target: UUID) -> None:
    reaction(CheckRequested)(lambda recorded: None)
    happen(target, 1)
    subscriptions.pump()
    reaction(DeviceTroubled)(lambda recorded: None)
    subscriptions.pump()
    assert not Job.objects.exists()


# --- when -----------------------------------------------------------------------------------------


def test_a_job_that_is_due_later_waits_until_then(target: UUID) -> None:
    done: list[int] = []

    @reaction(DeviceTroubled, due=lambda event: timezone.now() + timedelta(hours=1))
    def note(recorded: Recorded) -> None:
        done.append(recorded.position)

    happen(target, 1)
    subscriptions.pump()
    assert owed().due_at > timezone.now() + timedelta(minutes=59)
    assert subscriptions.due_jobs() == []
    subscriptions.run(owed().id)
    assert not done
    pass_time(3600)
    run_due()
    assert len(done) == 1


def test_nobody_is_woken_twice_for_one_job_and_again_when_nothing_came_of_it(target: UUID) -> None:
    reaction(DeviceTroubled)(lambda recorded: None)
    happen(target, 1)
    subscriptions.pump()
    assert subscriptions.due_jobs() == [owed().id]
    assert subscriptions.due_jobs() == []
    pass_time(subscriptions.WAKE_AGAIN.total_seconds() + 1)
    assert subscriptions.due_jobs() == [owed().id]


def test_the_ones_that_wait_longest_come_first(target: UUID) -> None:
    reaction(DeviceTroubled)(lambda recorded: None)
    for number in range(4):
        happen(target, number)
    subscriptions.pump()
    ids = list(Job.objects.order_by("-id").values_list("id", flat=True))
    now = timezone.now()  # once: between two looks at the clock a busy machine may lose seconds
    for age, job in enumerate(reversed(ids)):
        Job.objects.filter(id=job).update(due_at=now - timedelta(seconds=age))
    assert subscriptions.due_jobs(3) == ids[:3]
    assert subscriptions.due_jobs(3) == ids[3:]


def test_a_reaction_that_asks_for_later_is_asked_again_then(target: UUID) -> None:
    asked: list[int] = []

    @reaction(DeviceTroubled)
    def note(recorded: Recorded) -> None:
        asked.append(recorded.position)
        if len(asked) < 3:
            raise Later(30, "unreachable")

    happen(target, 1)
    subscriptions.pump()
    for count in (1, 2):
        run_due()
        assert len(asked) == count
        waits = owed().due_at - timezone.now()
        assert timedelta(seconds=28) < waits <= timedelta(seconds=30)
        assert (owed().error, owed().lease, owed().woken_at) == ("unreachable", None, None)
        subscriptions.run(owed().id)
        assert len(asked) == count
        pass_time(30)
    run_due()
    assert not Job.objects.exists()


def test_asking_for_later_is_no_failure_however_often(target: UUID) -> None:
    """A device may be away for days; and one error after that does not park its job."""
    asked: list[int] = []

    @reaction(DeviceTroubled)
    def note(recorded: Recorded) -> None:
        asked.append(recorded.position)
        if len(asked) > 3 * MOST_ATTEMPTS:
            raise ValueError("the database was away for a moment")
        raise Later(1, "unreachable")

    happen(target, 1)
    subscriptions.pump()
    for _ in range(3 * MOST_ATTEMPTS + 1):
        run_due()
        pass_time(5)
    assert len(asked) == 3 * MOST_ATTEMPTS + 1
    assert (owed().status, owed().error) == ("waiting", "ValueError")


@pytest.mark.parametrize(
    ("age", "longest", "expected"), [(0, 900, 2), (3, 900, 2), (60, 900, 30), (5000, 900, 900)]
)
def test_waits_grow_with_the_age_of_the_event(
    target: UUID, age: int, longest: float, expected: float
) -> None:
    happened = read_stream(target)[-1]
    aged = Recorded(**{**happened.__dict__, "at": timezone.now() - timedelta(seconds=age)})
    assert later(aged, "unreachable", longest=longest).seconds == pytest.approx(expected, abs=0.5)
