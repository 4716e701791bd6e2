"""What has to happen because of an event happens: whoever crashes, and wherever they do."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import ChannelError

from devices.steps.add_device import DeviceAdded
from devices.steps.check_device import (
    CheckDevice,
    CheckRequested,
    DeviceCertified,
    DeviceTroubled,
    RecordTrouble,
)
from fleet import broker
from fleet.accounts.steps.found_organisation import FoundOrganisation
from fleet.celery import app
from fleet.errors import Refused
from fleet.eventstore import store, subscriptions, tasks
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Recorded
from fleet.eventstore.models import Checkpoint, EventRow, Job
from fleet.eventstore.store import read_stream
from fleet.eventstore.subscriptions import MOST_ATTEMPTS, Later, later, reaction
from tests.cast import SETUP, Cast, cast
from tests.fleet.eventstore.ground import add, at_once, device
from tests.services import free_port


class Crash(BaseException):
    """The process is gone from one moment to the next."""


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No reactions but the test's own, and a broker that nobody has to run."""
    monkeypatch.setattr(subscriptions, "REACTIONS", {})
    monkeypatch.setattr(tasks, "wake", lambda task, *arguments, urgent=False: True)


@pytest.fixture
def who(quiet: None, db: None) -> Cast:
    return cast()


@pytest.fixture
def target(who: Cast) -> UUID:
    return device(who)


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch, quiet: None) -> None:
    """A worker that does what it is woken for at once."""
    monkeypatch.setattr(
        tasks, "wake", lambda task, *arguments, urgent=False: task.run(*arguments) or True
    )


def happen(target: UUID, number: int) -> None:
    handle(RecordTrouble(f"trouble {number}"), target, SETUP)


def pass_time(seconds: float) -> None:
    """Everything that waits has waited so much longer."""
    gone = timedelta(seconds=seconds)
    Job.objects.update(
        due_at=F("due_at") - gone,
        lease_until=F("lease_until") - gone,
        woken_at=F("woken_at") - gone,
    )


def owed() -> Job:
    [job] = Job.objects.all()
    return job


def run_due() -> None:
    for job_id in subscriptions.due_jobs():
        subscriptions.run(job_id)


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
    (Job.objects, "bulk_create"),
    (Checkpoint, "save"),
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


# --- failing --------------------------------------------------------------------------------------


def failing(error: BaseException) -> list[int]:
    tried: list[int] = []

    @reaction(DeviceTroubled)
    def note(recorded: Recorded) -> None:
        tried.append(recorded.position)
        raise error

    return tried


def test_a_failure_is_tried_again_with_growing_waits_and_parked_in_the_end(target: UUID) -> None:
    tried = failing(ValueError("what a server said"))
    happen(target, 1)
    subscriptions.pump()
    waits = []
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert owed().status == "waiting"
        run_due()
        assert (len(tried), owed().attempts) == (attempt, attempt)
        waits.append(round((owed().due_at - timezone.now()).total_seconds()))
        pass_time(400)
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]
    assert owed().status == "parked"
    assert subscriptions.due_jobs() == []
    subscriptions.run(owed().id)
    assert len(tried) == MOST_ATTEMPTS


def test_a_parked_job_is_taken_up_again_when_a_person_says_so(target: UUID) -> None:
    tried = failing(ValueError())
    happen(target, 1)
    subscriptions.pump()
    subscriptions.retry(owed().id)
    assert owed().attempts == 0
    Job.objects.update(status="parked", attempts=MOST_ATTEMPTS, due_at=timezone.now())
    subscriptions.retry(owed().id)
    run_due()
    assert len(tried) == 1
    assert (owed().status, owed().attempts) == ("waiting", 1)


def test_a_job_that_is_under_way_is_not_taken_up_again_by_a_person(target: UUID) -> None:
    failing(ValueError())
    happen(target, 1)
    subscriptions.pump()
    run_due()
    before = Job.objects.values().get()
    subscriptions.retry(before["id"])
    assert Job.objects.values().get() == before


def test_a_job_that_kills_every_worker_is_parked_too(target: UUID) -> None:
    tried = failing(Crash())
    happen(target, 1)
    subscriptions.pump()
    for _ in range(MOST_ATTEMPTS):
        [job] = subscriptions.due_jobs()
        with pytest.raises(Crash):
            subscriptions.run(job)
        pass_time(60)
    run_due()
    assert (owed().status, len(tried)) == ("parked", MOST_ATTEMPTS)
    assert owed().error


def test_one_that_fails_does_not_hold_up_the_others(target: UUID, at_hand: None) -> None:
    done: list[str] = []

    @reaction(DeviceTroubled)
    def note(recorded: Recorded) -> None:
        if recorded.event.trouble == "trouble 1":
            raise ValueError
        done.append(recorded.event.trouble)

    for number in range(3):
        happen(target, number)
    tasks.sweep()
    assert done == ["trouble 0", "trouble 2"]


def test_a_job_of_a_reaction_that_is_no_more_fails_like_any_other(target: UUID) -> None:
    failing(ValueError())
    happen(target, 1)
    subscriptions.pump()
    subscriptions.REACTIONS.clear()
    run_due()
    assert owed().error == "KeyError"


def test_a_failure_leaves_no_text_of_others_in_the_database_and_no_values_in_the_log(
    target: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    @reaction(DeviceTroubled)
    def note(recorded: Recorded) -> None:
        password = "hunter" + "-two-and-a-half"  # as a local variable has it
        raise ValueError(len(password))

    happen(target, 1)
    subscriptions.pump()
    run_due()
    assert owed().error == "ValueError"
    [record] = [r for r in caplog.records if "job_failed" in r.getMessage()]
    shape = logging.getLogger().handlers[0].formatter
    for text in (caplog.text, (shape and shape.format(record)) or ""):
        assert "hunter-two" not in text
    assert "Traceback" in str(record.msg)


# --- one worker at a time -------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_many_who_are_woken_for_a_job_one_does_it(quiet: None, transactional_db: None) -> None:
    done: list[int] = []

    @reaction(DeviceTroubled)
    def note(recorded: Recorded) -> None:
        done.append(recorded.position)
        time.sleep(0.05)

    target = device(cast())
    for number in range(3):
        happen(target, number)
    subscriptions.pump()
    ids = list(Job.objects.values_list("id", flat=True))

    def worker() -> None:
        for job_id in ids:
            subscriptions.run(job_id)

    assert at_once(*[worker] * 6) == [None] * 6
    assert len(done) == 3
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_who_read_the_log_make_each_job_once(quiet: None, transactional_db: None) -> None:
    reaction(DeviceTroubled)(lambda recorded: None)
    target = device(cast())
    for number in range(20):
        happen(target, number)
    assert at_once(*[subscriptions.pump] * 6) == [None] * 6
    assert Job.objects.count() == 20


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_for_as_long_as_the_job_runs(
    quiet: None, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "LEASE", timedelta(seconds=1.2))
    monkeypatch.setattr(subscriptions, "RENEW_EVERY", 0.1)
    running, most = [], []
    go_on = threading.Event()

    @reaction(DeviceTroubled)
    def note(recorded: Recorded) -> None:
        running.append(1)
        most.append(len(running))
        go_on.wait(10)
        running.pop()

    happen(device(cast()), 1)
    subscriptions.pump()
    job = owed().id

    def others() -> None:
        until = time.monotonic() + 2.2  # longer than the lease
        while time.monotonic() < until:
            if running:
                subscriptions.run(job)
            time.sleep(0.05)
        go_on.set()

    assert at_once(lambda: subscriptions.run(job), others) == [None, None]
    assert most == [1]
    assert not Job.objects.exists()


def test_a_lease_that_ran_out_is_somebody_elses(target: UUID) -> None:
    """A worker that was stopped for a while comes back when another has taken its job: it neither
    ends the other one's job nor puts it back.
    """
    for outcome in (None, Later(0, "not yet"), ValueError()):
        Job.objects.all().delete()
        subscriptions.REACTIONS.clear()
        other = uuid4()

        def taken(recorded: Recorded, outcome: Any = outcome, other: UUID = other) -> None:
            Job.objects.update(lease=other, lease_until=timezone.now() + timedelta(seconds=15))
            if outcome is not None:
                raise outcome

        reaction(DeviceTroubled)(taken)
        happen(target, hash(str(outcome)))
        subscriptions.pump()
        run_due()
        assert (owed().lease, owed().status) == (other, "waiting")
        assert owed().lease_until is not None


# --- waking up ------------------------------------------------------------------------------------


@pytest.fixture
def woken(quiet: None, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []

    def wake(task: Any, *arguments: Any, urgent: bool = False) -> bool:
        calls.append((task, *arguments))
        return True

    monkeypatch.setattr(tasks, "wake", wake)
    return calls


def test_somebody_is_woken_for_events_that_somebody_reacts_to_and_only_once_they_are_there(
    target: UUID, woken: list[Any], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    reaction(DeviceTroubled)(lambda recorded: None)
    with django_capture_on_commit_callbacks(execute=True):
        happen(target, 1)
        assert woken == []
    assert woken == [(tasks.sweep,)]


def test_nobody_is_woken_for_what_nobody_reacts_to(
    target: UUID, woken: list[Any], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    reaction(DeviceTroubled)(lambda recorded: None)
    with django_capture_on_commit_callbacks(execute=True):
        handle(CheckDevice(), target, SETUP)
        handle(FoundOrganisation("Elsewhere"), new_id(), SETUP)
    assert woken == []


def test_nobody_is_woken_for_what_did_not_happen(
    who: Cast, woken: list[Any], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    reaction(DeviceAdded)(lambda recorded: None)
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(Refused):
        handle(add(who, port=0), new_id(), who.by(who.alice))
    assert woken == []


def test_a_sweep_wakes_somebody_for_each_job_that_is_due(target: UUID, woken: list[Any]) -> None:
    reaction(DeviceTroubled)(lambda recorded: None)
    for number in range(3):
        happen(target, number)
    tasks.sweep()
    ids = Job.objects.order_by("id").values_list("id", flat=True)
    assert woken == [(tasks.run, job) for job in ids]


@contextmanager
def no_broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Redis on a port that is closed; files that cannot be written."""
    before = {name: app.conf[name] for name in ("broker_url", "broker_write_url")}
    try:
        if "REDIS_URL" in os.environ:
            app.conf.update(dict.fromkeys(before, f"redis://127.0.0.1:{free_port()}/0"))
        else:
            monkeypatch.setattr(broker.Channel, "_put", _full)
        app._pool = app.amqp._producer_pool = None
        yield
    finally:
        monkeypatch.undo()
        app.conf.update(before)
        app._pool = app.amqp._producer_pool = None


def _full(*arguments: Any, **named: Any) -> None:
    raise ChannelError("no space left on device")


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_breaks_neither_a_request_nor_a_sweep(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reactions = {}
    monkeypatch.setattr(subscriptions, "REACTIONS", reactions)
    done: list[int] = []
    reaction(DeviceTroubled)(lambda recorded: done.append(recorded.position))
    target = device(cast())
    began = time.monotonic()
    with monkeypatch.context() as patched, no_broker(patched):
        for number in range(3):
            assert handle(RecordTrouble(f"trouble {number}"), target, SETUP).version == number + 3
        tasks.sweep()
    assert time.monotonic() - began < 3, "whoever asks does not wait for a broker"
    assert caplog.text.count("'event': 'broker_away'") == 3 + 1  # a sweep asks it once
    assert Job.objects.count() == 3
    assert not done
    pass_time(60)  # the broker is back; beat sweeps
    monkeypatch.setattr(
        tasks, "wake", lambda task, *arguments, urgent=False: task.run(*arguments) or True
    )
    tasks.sweep()
    assert len(done) == 3
