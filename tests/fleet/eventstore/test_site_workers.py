"""A site with a worker of its own: what reaches into its network waits for that one alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from devices import tasks as device_tasks
from devices.models import Telemetry
from devices.steps.check_device import DeviceCertified, RecordCheck
from devices.sweep import sweep
from fleet.audit import queries as audit
from fleet.celery import app
from fleet.eventstore import subscriptions, tasks
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Recorded
from fleet.eventstore.models import Job
from fleet.eventstore.subscriptions import reaction
from tests.cast import SETUP, Cast, cast
from tests.fleet.eventstore.ground import device

ROOT = Path(__file__).parents[3]
USUAL, URGENT = tasks.USUAL, tasks.URGENT
Woken = list[tuple[str, str]]


@pytest.fixture
def who(db: None, monkeypatch: pytest.MonkeyPatch) -> Cast:
    monkeypatch.setattr(subscriptions, "REACTIONS", {})
    return cast()


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> Woken:
    """Which task was sent to which queue, with a broker that has room for all."""
    sent: Woken = []

    def wake(task: Any, *arguments: Any, urgent: bool = False, queue: Any = None) -> bool:
        sent.append((task.name.rpartition(".")[2], queue.name if queue else _usual(urgent)))
        return True

    monkeypatch.setattr(tasks, "wake", wake)
    monkeypatch.setattr(device_tasks, "wake", wake)
    monkeypatch.setattr(tasks, "room_at", lambda site: 100)
    monkeypatch.setattr(device_tasks, "room_at", lambda site: 100)
    return sent


def _usual(urgent: bool) -> str:
    return URGENT if urgent else USUAL


def at_hand(recorded: Recorded) -> None:
    """Two reactions that are told apart by where they are carried out."""


def look(recorded: Recorded) -> None:
    pass


def owe(who: Cast) -> UUID:
    """A job that reaches into the site, and one that anybody does."""
    reaction(DeviceCertified, at_site=True)(look)
    reaction(DeviceCertified)(at_hand)
    target = device(who)
    handle(RecordCheck(opened=True), target, SETUP)
    return target


def test_without_workers_of_their_own_sites_share_the_usual_queues(who: Cast, woken: Woken) -> None:
    owe(who)
    tasks.sweep()
    assert woken == [("run", USUAL), ("run", USUAL)]


def test_what_reaches_into_the_site_goes_to_its_queue_and_the_rest_to_the_usual_one(
    who: Cast, woken: Woken, settings: Any
) -> None:
    settings.REKEY_SITE_WORKERS = (who.site,)
    owe(who)
    tasks.sweep()
    assert sorted(woken) == [("run", USUAL), ("run", f"site.{who.site}")]
    woken.clear()
    tasks.sweep()
    assert woken == [], "it was woken a moment ago"


def test_jobs_that_are_done_side_by_side_go_to_the_site_together(
    who: Cast, woken: Woken, settings: Any
) -> None:
    settings.REKEY_SITE_WORKERS = (who.site,)
    reaction(DeviceCertified, at_site=True, many=True)(look)
    for _ in range(3):
        handle(RecordCheck(opened=True), device(who), SETUP)
    tasks.sweep()
    assert woken == [("run_many", f"site.{who.site}")]


def test_another_site_goes_on_as_ever(who: Cast, woken: Woken, settings: Any) -> None:
    settings.REKEY_SITE_WORKERS = (UUID(int=1),)
    owe(who)
    tasks.sweep()
    assert woken == [("run", USUAL), ("run", USUAL)]


def test_while_the_queue_of_a_site_is_full_its_jobs_wait_and_keep_no_other_one_waiting(
    who: Cast, woken: Woken, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REKEY_SITE_WORKERS = (who.site,)
    monkeypatch.setattr(tasks, "room_at", lambda site: 0)
    owe(who)
    tasks.sweep()
    assert woken == [("run", USUAL)]
    assert Job.objects.get(reaction__endswith="look").woken_at is None


def test_the_devices_of_the_site_are_asked_by_its_worker(
    who: Cast, woken: Woken, settings: Any
) -> None:
    settings.REKEY_SITE_WORKERS = (who.site,)
    target, now = device(who), timezone.now()
    Telemetry.objects.create(device=target, next_at=now - timedelta(minutes=1))
    assert sweep() == 0
    device_tasks.sweep_devices()
    assert woken == [("sweep_devices_of", f"site.{who.site}")]
    assert sweep(site=UUID(int=1)) == 0
    assert sweep(site=who.site) == 1


def test_the_system_page_says_whose_queue_nobody_serves(who: Cast, settings: Any) -> None:
    settings.REKEY_SITE_WORKERS = (who.site,)
    owe(who)
    subscriptions.pump()
    alice = who.by(who.alice).actor
    assert [(one.site, one.count, one.late) for one in audit.waiting_at_sites(alice)] == [
        (who.site, 1, 0)
    ]
    Job.objects.update(due_at=timezone.now() - timedelta(hours=1))
    [one] = audit.waiting_at_sites(alice)
    assert (one.late, one.queue) == (1, f"site.{who.site}")
    assert one.since is not None
    assert audit.waiting_at_sites(who.by(who.charlie).actor) == []


@pytest.mark.one_database
def test_a_queue_is_counted_where_it_is_and_no_worker_takes_it_among_its_own(
    settings: Any,
) -> None:
    site = UUID(int=7)
    before = tasks.room_at(site)
    assert before == tasks.MOST_AT_SITE
    assert tasks.wake(device_tasks.sweep_devices_of, str(site), queue=tasks.queue_of(site))
    assert tasks.room_at(site) == before - 1
    assert f"site.{site}" not in app.amqp.queues.consume_from
    with app.connection_for_write() as connection:
        bound = tasks.queue_of(site)(connection.default_channel)
        message = bound.get(no_ack=True)
        assert message.headers["task"] == "devices.tasks.sweep_devices_of"
    assert tasks.room_at(site) == before


@pytest.mark.one_database
def test_a_broker_that_is_away_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise ConnectionError

    monkeypatch.setattr(tasks, "current_app", type("App", (), {"connection_or_acquire": away})())
    assert tasks.room_at(UUID(int=7)) == 0
