"""Many at once: nothing is lost, nothing is done twice, nobody sees an error that is not theirs."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone

from devices.models import Device
from devices.state import DeviceState, Purpose, credential_id
from devices.steps.check_device import CheckDevice, DeviceTroubled, RecordTrouble
from devices.steps.credential import BeginCredential, StoreCandidate
from fleet.accounts.steps.found_organisation import FoundOrganisation
from fleet.errors import Conflict, Refused
from fleet.eventstore import projections, store, subscriptions
from fleet.eventstore.chain import first_break
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow, Job
from fleet.eventstore.store import read_stream
from resets.models import Reset
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode
from tests.cast import SETUP, Cast, cast
from tests.fleet.eventstore.ground import at_once, device, reset

pytestmark = pytest.mark.django_db(transaction=True)

RACERS = 8


@pytest.fixture
def who(monkeypatch: pytest.MonkeyPatch) -> Cast:
    monkeypatch.setattr(subscriptions, "REACTIONS", {})  # nobody is woken
    return cast()


def versions(stream: UUID) -> list[int]:
    return [recorded.version for recorded in read_stream(stream)]


def test_commands_on_one_stream_are_all_carried_out_one_after_the_other(who: Cast) -> None:
    target, by = device(who), who.by(who.tess)
    each = 3

    def race() -> None:
        for _ in range(each):
            handle(CheckDevice(), target, by)

    assert at_once(*[race] * RACERS) == [None] * RACERS
    assert versions(target) == list(range(1, 2 + RACERS * each + 1))
    assert first_break(read_stream(target)) is None
    assert list(projections.differences()) == []


def test_every_try_of_a_code_is_counted_and_none_twice(who: Cast) -> None:
    walk, by = reset(who, device(who)), who.by(who.tess)
    handle(SendCode(), walk, by)
    answers = at_once(*[partial(handle, VerifyCode("00000000"), walk, by)] * RACERS)
    assert all(isinstance(answer, Refused) for answer in answers), answers
    left = sorted(a.facts["tries_left"] for a in answers)
    assert left == [0] * (RACERS - 4) + [1, 2, 3, 4]
    rejected = [r for r in read_stream(walk) if r.type == "resets.code_rejected"]
    assert [r.event.tries_left for r in rejected] == [4, 3, 2, 1, 0]


def test_of_many_who_begin_one_reset_one_does(who: Cast) -> None:
    target, by = device(who), who.by(who.tess)
    answers = at_once(
        *[partial(handle, RequestReset(target, "Lost"), new_id(), by) for _ in range(RACERS)]
    )
    refused = [a for a in answers if isinstance(a, Conflict)]
    assert [a.code for a in refused] == ["reset_open_already"] * (RACERS - 1), answers
    assert Reset.objects.for_jobs().filter(device=target).count() == 1


def test_of_many_who_begin_one_stream_one_does(who: Cast) -> None:
    target, by, stream = device(who), who.by(who.tess), new_id()
    answers = at_once(*[partial(handle, RequestReset(target, "Lost"), stream, by)] * RACERS)
    assert sum(not isinstance(a, Conflict) for a in answers) == 1, answers
    assert versions(stream) == [1]


def credential(who: Cast, target: UUID, stream: UUID | None = None) -> UUID:
    begin = BeginCredential(who.organisation, who.site, target, "admin", Purpose.DEVICE, new_id())
    stream = stream or credential_id(target, "admin")
    handle(begin, stream, SETUP)
    return stream


def test_great_batches_over_the_same_streams_are_all_carried_out(who: Cast) -> None:
    """In opposite orders, and of two kinds, of which now one and now the other has the first id:
    who takes rows or tables as they come ends in a deadlock. 60 events are more than PostgreSQL is
    given in one INSERT.
    """
    devices = [device(who) for _ in range(20)]
    credentials = [credential(who, one) for one in devices]
    first = credential(who, devices[0], UUID(int=1))
    each = 4

    def batch(name: str, turned: bool) -> None:
        for number in range(each):
            orders: list[Order] = []
            orders += [Order(RecordTrouble(f"{name}{number} a"), one) for one in devices]
            orders += [Order(StoreCandidate(new_id()), one) for one in credentials]
            orders += [Order(RecordTrouble(f"{name}{number} b"), one) for one in devices]
            if turned:
                orders = [*orders[::-1], Order(StoreCandidate(new_id()), first)]
            handle_all(orders, SETUP)

    answers = at_once(*[partial(batch, name, name in "bd") for name in "abcd"])
    assert answers == [None] * 4
    assert all(versions(one) == list(range(1, 2 + 4 * each * 2 + 1)) for one in devices)
    assert all(versions(one) == list(range(1, 2 + 4 * each + 1)) for one in credentials)
    assert all(first_break(read_stream(one)) is None for one in devices)
    assert list(projections.differences()) == []


# --- one order ------------------------------------------------------------------------------------


def test_a_reader_that_keeps_a_checkpoint_sees_every_event(
    who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writers rest a while between their append and its commit, the worst moment there is."""
    monkeypatch.setattr(subscriptions, "PUMP_AT_ONCE", 7)
    subscriptions.reaction(DeviceTroubled)(lambda recorded: None)
    targets = [device(who) for _ in range(4)]
    append, done = store.write, threading.Event()

    def append_and_rest(rows: Any) -> None:
        append(rows)
        time.sleep(random.uniform(0, 0.008))

    monkeypatch.setattr(store, "write", append_and_rest)

    def write(target: UUID) -> None:
        for number in range(15):
            handle(RecordTrouble(f"trouble {number}"), target, SETUP)

    def read() -> None:
        while not done.is_set():
            subscriptions.pump()
            time.sleep(0.002)  # SQLite lets the last one to ask in first
        subscriptions.pump()

    def all_of_them() -> None:
        try:
            assert at_once(*[partial(write, target) for target in targets]) == [None] * 4
        finally:
            done.set()

    assert at_once(read, all_of_them, timeout=60) == [None, None]
    heard = EventRow.everything.filter(type="devices.device_troubled")
    assert list(Job.objects.order_by("id").values_list("position", flat=True)) == list(
        heard.order_by("position").values_list("position", flat=True)
    )
    assert Job.objects.count() == 60


on_postgresql = pytest.mark.skipif(
    "DATABASE_URL" not in os.environ, reason="SQLite has one writer at a time anyway"
)


@contextmanager
def a_slow_writer(target: UUID) -> Iterator[None]:
    """Somebody who has appended and not yet committed while the block runs."""
    appended, go_on = threading.Event(), threading.Event()

    def rest() -> None:
        with transaction.atomic():
            stream = store.load({target: DeviceState})[target]
            event = DeviceTroubled("slow", "slow")
            store.write(store.append(stream, [event], SETUP, "", timezone.now()))
            appended.set()
            go_on.wait(20)

    thread = threading.Thread(target=lambda: at_once(rest))
    thread.start()
    assert appended.wait(20)
    try:
        yield
    finally:
        go_on.set()
        thread.join(20)


def quick_write(target: UUID) -> None:
    handle(RecordTrouble("quick"), target, SETUP)


@on_postgresql
def test_who_appends_later_is_seen_later(who: Cast) -> None:
    subscriptions.reaction(DeviceTroubled)(lambda recorded: None)
    slow, quick = device(who), device(who)
    with a_slow_writer(slow):
        thread = threading.Thread(target=lambda: at_once(partial(quick_write, quick)))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive(), "it did not wait for its turn"
        subscriptions.pump()
        assert not Job.objects.exists()
    thread.join(20)
    subscriptions.pump()
    assert Job.objects.count() == 2


@on_postgresql
def test_without_the_lock_a_reader_passes_events(who: Cast) -> None:
    """The tests above can fail: without the trigger that takes the lock, this is what happens."""
    subscriptions.reaction(DeviceTroubled)(lambda recorded: None)
    slow, quick = device(who), device(who)
    with trigger_off("event_one_order"):
        with a_slow_writer(slow):
            at_once(partial(quick_write, quick))
            subscriptions.pump()
        subscriptions.pump()
    assert EventRow.everything.filter(type="devices.device_troubled").count() == 2
    assert Job.objects.count() == 1


@contextmanager
def trigger_off(name: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE event DISABLE TRIGGER {name}")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE event ENABLE TRIGGER {name}")


@on_postgresql
def test_orders_that_meet_in_a_circle_of_locks_are_all_carried_out(who: Cast) -> None:
    targets, met = [device(who), device(who)], threading.Barrier(2, timeout=20)
    tries: list[int] = []

    def both(first: int) -> list[Order]:
        """What somebody else takes the other way round."""
        tries.append(first)
        for number in (first, 1 - first):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
            if len(tries) <= 2 and number == first:
                met.wait()
        return [Order(RecordTrouble(f"by {first}"), target) for target in targets]

    answers = at_once(*[partial(handle_all, partial(both, first), SETUP) for first in (0, 1)])
    assert not any(isinstance(answer, BaseException) for answer in answers), answers
    assert len(tries) == 3, "they did not meet"
    assert [versions(target)[-1] for target in targets] == [4, 4]


# --- drawing the rows again while people work -----------------------------------------------------


@on_postgresql
def test_a_rebuild_and_a_writer_do_not_wait_for_one_another_for_ever(
    who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer has drawn its row and not yet appended when the rebuild begins."""
    target = device(who)
    append, drawn = store.write, threading.Event()

    def rest_and_append(rows: Any) -> None:
        drawn.set()
        time.sleep(0.3)
        append(rows)

    def rebuild() -> int:
        drawn.wait(20)
        return projections.rebuild()

    monkeypatch.setattr(store, "write", rest_and_append)
    outcome, rows = at_once(partial(handle, RecordTrouble("slow"), target, SETUP), rebuild)
    assert not isinstance(outcome, BaseException), outcome
    assert isinstance(rows, int), rows
    assert list(projections.differences()) == []
    assert Device.objects.for_jobs().get(pk=target).trouble == "slow"


def test_a_check_while_people_work_finds_nothing_that_is_not_so(who: Cast) -> None:
    targets = [device(who) for _ in range(6)]
    done = threading.Event()

    def write() -> None:
        try:
            for number in range(25):
                for target in targets[:3]:
                    handle(RecordTrouble(f"trouble {number}"), target, SETUP)
                device(who)
        finally:
            done.set()

    def check() -> list[Any]:
        found = []
        while not done.is_set():
            found += list(projections.differences())
        return found

    assert at_once(write, check, timeout=60) == [None, []]


def test_nobody_handles_a_command_inside_of_another_transaction() -> None:
    """What was answered to somebody must not be undone by whoever called."""
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        handle(FoundOrganisation("Elsewhere"), new_id(), SETUP)
