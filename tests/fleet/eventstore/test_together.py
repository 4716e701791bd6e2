"""Questions of many threads that are asked as one, and jobs that are carried out side by side."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from devices.steps.check_device import DeviceTroubled, RecordCheck, RecordTrouble
from fleet.errors import NotFound
from fleet.eventstore import projections, subscriptions, tasks
from fleet.eventstore import side_by_side as hands
from fleet.eventstore import together as clerk
from fleet.eventstore.chain import first_break
from fleet.eventstore.handling import Order, handle, handle_together
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Recorded
from fleet.eventstore.models import Job
from fleet.eventstore.store import read_stream
from fleet.eventstore.together import Together, side_by_side
from tests.cast import SETUP, cast
from tests.faults.rekey import until
from tests.fleet.eventstore.ground import device

asked: list[list[int]] = []
held = threading.Event()


def _doubled(some: list[int]) -> list[int | Exception]:
    """0 is an answer's own error, 13 one of all that are asked with it; -1 waits."""
    asked.append(sorted(some))
    if -1 in some:
        held.wait(10)
    if 13 in some:
        raise LookupError("13")
    return [ValueError("nothing") if one == 0 else one * 2 for one in some]


doubled = Together(_doubled)


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    asked.clear()
    held.clear()
    yield
    held.set()


def at_the_same_moment(some: list[int]) -> list[Any]:
    """The answers, or the errors, to questions that come while another one is answered."""

    def ask(one: int) -> Any:
        with side_by_side():
            try:
                return doubled(one)
            except Exception as error:
                return error

    with ThreadPoolExecutor(len(some) + 1) as pool:
        first = pool.submit(ask, -1)
        until("the first is asked", lambda: asked, 10)
        others = [pool.submit(ask, one) for one in some]
        until("all are asked", lambda: together_waiting() == len(some), 10)
        held.set()
        assert first.result(10) == -2
        return [other.result(10) for other in others]


def together_waiting() -> int:
    return clerk._clerk._calls.qsize()


def test_what_is_asked_for_soon_is_waited_for_when_it_is_called_for() -> None:
    with side_by_side():
        late = doubled.soon(-1)
        until("it is asked", lambda: asked, 10)
        wrong = doubled.soon(0)
        held.set()
        assert late() == -2
        with pytest.raises(ValueError, match="nothing"):
            wrong()


def test_outside_of_such_threads_an_error_is_raised_no_earlier() -> None:
    answer, wrong = doubled.soon(2), doubled.soon(13)
    assert asked == [[2], [13]]
    assert answer() == 4
    with pytest.raises(LookupError):
        wrong()


def test_what_is_asked_meanwhile_is_asked_as_one_and_everybody_has_their_own_answer() -> None:
    assert at_the_same_moment([3, 1, 2]) == [6, 2, 4]
    assert asked == [[-1], [1, 2, 3]]


def test_an_error_among_the_answers_is_for_the_one_who_asked() -> None:
    one, other = at_the_same_moment([0, 1])
    assert isinstance(one, ValueError)
    assert other == 2


def test_an_error_of_all_is_found_out_one_by_one() -> None:
    one, other = at_the_same_moment([13, 1])
    assert isinstance(one, LookupError)
    assert other == 2
    assert sorted(asked[1:]) == [[1], [1, 13], [13]]


def test_elsewhere_it_is_a_plain_call() -> None:
    assert doubled(2) == 4
    with pytest.raises(ValueError, match="nothing"):
        doubled(0)
    assert together_waiting() == 0


@pytest.mark.django_db(transaction=True)
def test_inside_of_a_transaction_it_is_a_plain_call() -> None:
    def who(some: list[int]) -> list[str]:
        return [threading.current_thread().name for _ in some]

    ask = Together(who)
    with side_by_side():
        assert ask(1) == "clerk"
        with transaction.atomic():
            assert ask(1) == threading.current_thread().name


# --- jobs -----------------------------------------------------------------------------------------


@pytest.fixture
def at_once(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No reactions but the test's own; and connections are given back before the tables are."""
    monkeypatch.setattr(subscriptions, "REACTIONS", {})
    monkeypatch.setattr(tasks, "wake", lambda task, *arguments, urgent=False: True)
    yield

    def closed(some: list[int]) -> list[None]:
        connection.close()
        return [None] * len(some)

    close = Together(closed)
    until("all hands are free", lambda: not hands._hands._at, 10)
    with side_by_side():
        close(1)


def happened(targets: list[UUID], number: int = 1) -> list[int]:
    """The jobs of an event of each of these devices."""
    for target in targets:
        handle(RecordTrouble(f"trouble {number}"), target, SETUP)
    subscriptions.pump()
    return subscriptions.due_jobs()


def test_jobs_are_carried_out_side_by_side_and_record_together(at_once: None) -> None:
    who = cast()
    targets = [device(who) for _ in range(5)]
    meeting = threading.Barrier(len(targets))

    @subscriptions.reaction(DeviceTroubled, many=True)
    def certify(recorded: Recorded) -> None:
        meeting.wait(10)
        by = recorded.because("certify")
        handle_together([Order(RecordCheck(opened=True), recorded.stream)], by)

    hands.start(happened(targets))
    until("all are done", lambda: not Job.objects.exists(), 10)
    for target in targets:
        assert read_stream(target)[-1].type == "devices.device_certified"
        assert first_break(read_stream(target)) is None
    assert list(projections.differences()) == []


def test_one_that_fails_or_comes_again_later_keeps_nobody_from_being_done(at_once: None) -> None:
    who = cast()
    targets = [device(who) for _ in range(3)]

    @subscriptions.reaction(DeviceTroubled, many=True)
    def meet(recorded: Recorded) -> None:
        if recorded.stream == targets[0]:
            raise LookupError
        if recorded.stream == targets[1]:
            raise subscriptions.Later(100, "not_yet")
        by = recorded.because("certify")
        # The second order is refused, and so is the first one with it.
        orders = [Order(RecordCheck(opened=True), targets[2]), Order(RecordTrouble("x"), new_id())]
        with pytest.raises(NotFound):
            handle_together(orders, by)

    hands.start(happened(targets))
    until("all came to something", lambda: not Job.objects.exclude(error__gt="").exists(), 10)
    assert set(Job.objects.values_list("error", flat=True)) == {"LookupError", "not_yet"}
    assert set(Job.objects.values_list("lease", flat=True)) == {None}
    assert read_stream(targets[2])[-1].type == "devices.device_troubled"


def test_no_more_jobs_are_taken_than_there_are_hands(
    at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = cast()
    monkeypatch.setattr(hands, "AT_ONCE", 2)
    go_on, begun = threading.Event(), list[UUID]()

    @subscriptions.reaction(DeviceTroubled, many=True)
    def wait(recorded: Recorded) -> None:
        begun.append(recorded.stream)
        go_on.wait(10)

    due = happened([device(who) for _ in range(3)])
    hands.start(due)
    until("two have begun", lambda: len(begun) == 2, 10)
    [left] = Job.objects.filter(lease=None)
    assert left.woken_at is None, "somebody else is woken for it"
    go_on.set()
    until("two are done", lambda: not hands._hands._at, 10)
    assert Job.objects.count() == 1
    hands.start([left.id])
    until("all are done", lambda: not Job.objects.exists(), 10)
    assert len(begun) == 3


def test_leases_are_renewed_for_as_long_as_jobs_run(
    at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = cast()
    monkeypatch.setattr(subscriptions, "RENEW_EVERY", 0.1)
    go_on = threading.Event()

    @subscriptions.reaction(DeviceTroubled, many=True)
    def wait(recorded: Recorded) -> None:
        go_on.wait(10)

    hands.start(happened([device(who)]))
    first = Job.objects.get().lease_until
    assert first
    until("renewed", lambda: (Job.objects.get().lease_until or first) > first, 10)
    go_on.set()


def test_no_job_is_written_for_what_is_not_wanted(at_once: None) -> None:
    who = cast()
    asked_for = device(who)

    @subscriptions.reaction(DeviceTroubled, wanted=lambda state: state.trouble == "trouble 2")
    def nothing(recorded: Recorded) -> None:
        pass

    assert happened([asked_for, device(who)]) == []
    assert len(happened([asked_for], 2)) == 1
