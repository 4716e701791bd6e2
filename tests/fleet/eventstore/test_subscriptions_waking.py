"""Who is woken for a reaction, and when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from devices.steps.add_device import DeviceAdded
from devices.steps.check_device import CheckDevice, DeviceTroubled
from fleet.accounts.steps.found_organisation import FoundOrganisation
from fleet.errors import Refused
from fleet.eventstore import tasks
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import Job
from fleet.eventstore.subscriptions import reaction, sweeping
from tests.cast import SETUP, Cast
from tests.fleet.eventstore.ground import add
from tests.fleet.eventstore.jobs import happen


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


def test_nobody_is_woken_for_what_somebody_looks_for_by_themselves_afterwards(
    target: UUID, woken: list[Any], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    reaction(DeviceTroubled)(lambda recorded: None)
    with sweeping(), django_capture_on_commit_callbacks(execute=True):
        happen(target, 1)
    assert woken == []
    with django_capture_on_commit_callbacks(execute=True):
        happen(target, 2)
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
