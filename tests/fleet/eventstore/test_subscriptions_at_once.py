"""Many workers at one time, and a broker that is away: what they see of each other is committed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from kombu.exceptions import ChannelError

from devices.steps.check_device import DeviceTroubled, RecordTrouble
from fleet import broker
from fleet.celery import app
from fleet.eventstore import subscriptions, tasks
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Recorded
from fleet.eventstore.models import Job
from fleet.eventstore.subscriptions import reaction
from tests.cast import SETUP, cast
from tests.fleet.eventstore.ground import at_once, device
from tests.fleet.eventstore.jobs import happen, owed, pass_time
from tests.services import free_port


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
