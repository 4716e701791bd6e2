"""What is done about a reaction that fails, or whose worker does not come back."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from devices.steps.check_device import DeviceTroubled
from fleet.eventstore import subscriptions, tasks
from fleet.eventstore.messages import Recorded
from fleet.eventstore.models import Job
from fleet.eventstore.subscriptions import MOST_ATTEMPTS, Later, reaction
from tests.fleet.eventstore.jobs import Crash, happen, owed, pass_time, run_due


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
