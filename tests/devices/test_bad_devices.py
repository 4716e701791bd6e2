"""Every kind of bad device that the virtual fleet knows is added and reset: each ends in a state
that a person understands, none is left half-way, and none is locked out by Rekey."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.utils import timezone

from devices import doors
from devices.drivers.registry import driver
from devices.queries import device_for_jobs
from devices.state import Kind
from devices.status import Status, trouble_advice, trouble_words
from devices.steps.activate_device import ActivateDevice
from devices.steps.add_device import AddDevice
from devices.virtual import Character, DeviceSpec, ThreadedFleet, fleet_in_thread, scenario_file
from fleet.errors import Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.models import Job
from fleet.eventstore.store import read_stream
from resets.models import Reset
from resets.state import RecoveryMethod
from resets.steps.apply_password import RecordWait
from tests.cast import SETUP, Cast, cast, work
from tests.faults.ground import Camera

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

DONE = ("certified", "", "done", "proven")
NO_RESET = "no_recovery_method"  # refused: Rekey has no account of its own there

# By the device's name in bad_devices.toml: its status and trouble, and the phase and outcome of a
# reset, or why none is begun.
ENDS = {
    "Honest": DONE,
    # what becomes of a password
    "Says yes and changes nothing": ("certified", "", "unproven", "new_refused"),
    "Keeps the old password beside the new one": ("certified", "", "unproven", "old_still_opens"),
    "Cuts passwords at 10 characters": DONE,
    "Takes 10 characters at most": DONE,
    "RTSP goes by the old password": ("certified", "", "unproven", "door_lags"),
    "Makes the user that it does not find": DONE,
    "Has no room for another account": ("trouble", "account_limit", "", NO_RESET),
    # how it lets people in
    "Opens to any login, by token": ("trouble", "opens_to_anything", "", NO_RESET),
    "Opens to any login, by digest": ("trouble", "opens_to_anything", "", NO_RESET),
    "Lists no users, to anybody": ("certified", "", "failed", "bad_answer"),
    "Takes tokens only": DONE,
    "Takes digest only": DONE,
    "Takes both": DONE,
    "Refuses a login with status 400": DONE,
    "Refuses a login with status 403": DONE,
    "Refuses a login with status 500": DONE,
    "Refuses a token with status 500": DONE,
    "Refuses without a reason": DONE,
    "Clock an hour ahead": DONE,
    "Clock an hour behind, and does not mind": DONE,
    "Tells no MAC": DONE,
    "Service at another path": DONE,
    # lock-outs
    "Locked by somebody else": ("trouble", "locked_out", "", NO_RESET),
    "Locks after 3 wrong logins": DONE,
    "Counts on after a right login": DONE,
    "Locks for good": DONE,
    "Locks like a Hikvision camera": DONE,
    "Locks like a Dahua camera": DONE,
    # whether it is there
    "Dead": ("trouble", "unreachable", "", NO_RESET),
    "Slow": DONE,
    "Slower than anybody waits": ("trouble", "unreachable", "", NO_RESET),
    "Flapping": DONE,
    "Takes its time to restart": DONE,
    "Still in its box": DONE,
    # TLS; the second one is restarted before its reset
    "Behind TLS": DONE,
    "Another certificate after every restart": (
        "trouble", "certificate_changed", "failed", "certificate_changed"),
    "Old TLS": DONE,
    # discovery
    "Answers no probe": DONE,
    "Answers one probe only": DONE,
    "Answers twice, from another port, with a raw space": DONE,
    # a recorder
    "Recorder": DONE,
    "Hangs at the recorder": DONE,
    "Hangs at the recorder, dead": ("trouble", "unreachable", "", NO_RESET),
    # several at once
    "Slow liar that refuses without a reason": ("certified", "", "unproven", "new_refused"),
}  # fmt: skip

# With a wrong password typed, where that is anything else than "not certified".
WITH_A_WRONG_PASSWORD = {
    "Opens to any login, by token": ("trouble", "opens_to_anything"),
    "Opens to any login, by digest": ("trouble", "opens_to_anything"),
    "Locked by somebody else": ("trouble", "locked_out"),
    "Dead": ("trouble", "unreachable"),
    "Slower than anybody waits": ("trouble", "unreachable"),
    "Hangs at the recorder, dead": ("trouble", "unreachable"),
    "Still in its box": ("trouble", "factory_fresh"),
}

QUICK = {"Slow": 0.02, "Slow liar that refuses without a reason": 0.02,
         "Slower than anybody waits": 0.5}  # fmt: skip
SPECS = [
    replace(spec, delay=QUICK.get(spec.name, 0.0), restart_seconds=0)
    for spec in scenario_file.read(Path("bad_devices"), port_base=0)
]
SLOWER_THAN_ANYBODY_WAITS, PATIENCE = "Slower than anybody waits", 0.2  # seconds
# What no sentence for people has: codes, names of classes, ids, markup, words of protocols.
INTERNALS = re.compile(
    r"[a-z]_[a-z]|[a-z][A-Z][a-z]+\(|Traceback|Exception|Error\b|\bNone\b|\{|<|SOAP|ter:|"
    r"\bSender\b|\bReceiver\b|[0-9a-f]{8}-[0-9a-f]{4}"
)


@dataclass
class World:
    """All of them, each with what people read of it."""

    who: Cast
    fleet: ThreadedFleet
    clock: Any
    patch: pytest.MonkeyPatch
    told: dict[str, list[str]] = field(default_factory=dict)

    def add(self, spec: DeviceSpec, password: str, *, fresh: bool = False) -> UUID:
        host, port = self.fleet.address(spec.serial)
        command = (ActivateDevice if fresh else AddDevice)(
            site=self.who.site, kind=Kind(spec.kind), name=spec.name, host=host, port=port,
            username="admin", password=password, reset_email="owner@example.com",
            tls=spec.tls, path=spec.path, services=self.services(spec),
        )  # fmt: skip
        patient = PATIENCE if spec.name == SLOWER_THAN_ANYBODY_WAITS else 10.0
        self.patch.setattr(doors, "driver", partial(driver, timeout=patient))
        device = uuid4()
        handle(command, device, self.who.by(self.who.alice))
        work()
        return device

    def services(self, spec: DeviceSpec) -> str:
        return ", ".join(
            f"{s.name}:{self.fleet.address(spec.serial, s.name)[1]}{'+tls' if s.tls else '+plain'}"
            for s in spec.services
        )

    def wait(self) -> None:
        """Go from one due job to the next, as far as it can be expected to be of use."""
        for _ in range(30):
            due = Job.objects.exclude(reaction="resets.expire_reset").order_by("due_at").first()
            if due is None:
                return
            self.clock.shift(max(0.0, (due.due_at - timezone.now()).total_seconds()) + 0.01)
            Job.objects.update(woken_at=None)
            work()

    def reset(self, spec: DeviceSpec, device: UUID) -> tuple[str, str]:
        """Its phase and outcome in the end, or why it was not begun. One a day, for the limits."""
        self.clock.shift(timedelta(days=1))
        try:
            camera = Camera(self.who, self.fleet, spec, device, RecoveryMethod.MANAGEMENT_ACCOUNT)
            reset = camera.begin_and_choose()
        except Refused as no:
            self.told[spec.name].append(str(no))
            return "", no.code
        work()
        self.wait()
        self.told[spec.name] += [
            event.sentence
            for event in read_stream(reset)
            if event.type != "resets.device_waited_for"  # see the last test
        ]
        row = Reset.objects.for_jobs().get(pk=reset)
        return row.phase, row.outcome

    def stands(self, spec: DeviceSpec, device: UUID) -> tuple[str, str]:
        """Its status and trouble, as all sentences about it are read."""
        row = device_for_jobs(device)
        status = Status.of(row)
        told = self.told.setdefault(spec.name, [])
        told += [status.words, *(event.sentence for event in read_stream(device))]
        if row.trouble:
            told += [trouble_words(row.trouble), trouble_advice(row.trouble)]
        return status.value, row.trouble

    def forget_what_waits(self) -> None:
        """The next device has the clock for itself."""
        waiting = Job.objects.exclude(reaction="resets.expire_reset")
        assert set(waiting.values_list("reaction", flat=True)) <= {"devices.take_in_device"}
        Job.objects.all().delete()

    def locked(self) -> list[str]:
        return [spec.name for spec in SPECS if self.fleet.locks(spec.serial)["times"]]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with time_machine.travel(datetime.now(UTC), tick=True) as clock, fleet_in_thread(SPECS) as run:
        yield World(cast(), run, clock, monkeypatch)


def test_every_bad_device_of_the_scenario_has_its_line() -> None:
    assert [spec.name for spec in SPECS] == list(ENDS)
    assert set(WITH_A_WRONG_PASSWORD) < set(ENDS)


def test_every_bad_device_ends_in_a_state_that_a_person_understands(world: World) -> None:
    found, opened = {}, {}
    for spec in SPECS:
        device = world.add(spec, spec.password, fresh=spec.fresh)
        if spec.flapping:
            world.wait()
        world.stands(spec, device)
        if Character.FICKLE in spec.character:
            world.fleet.reboot(spec.serial)
        ended = world.reset(spec, device)
        if ended[1] == "certificate_changed":
            assert device_for_jobs(device).strange, "there is something to accept"
        found[spec.name] = (*world.stands(spec, device), *ended)
        if found[spec.name][0] == "certified":
            camera = Camera(world.who, world.fleet, spec, device)
            opened[spec.name] = camera.opens_with_the_current
        world.forget_what_waits()
    assert found == ENDS
    assert [name for name, opens in opened.items() if not opens] == []
    assert world.locked() == [], "Rekey's wrong logins of a proof stay below every lock-out"
    _read(world.told)


def test_every_bad_device_that_is_added_with_a_wrong_password_says_what_is_wrong(
    world: World,
) -> None:
    found = {}
    for spec in SPECS:
        device = world.add(spec, "Never-there-77x")
        if spec.flapping:
            world.wait()
        found[spec.name] = world.stands(spec, device)
        world.forget_what_waits()
    expected = {name: WITH_A_WRONG_PASSWORD.get(name, ("not_certified", "")) for name in ENDS}
    assert found == expected
    assert world.locked() == []
    _read(world.told)


def _read(told: dict[str, list[str]]) -> None:
    """Every sentence is one, and for people."""
    for name, sentences in told.items():
        assert len(sentences) >= 3, name
        for sentence in sentences:
            assert sentence.strip() and not INTERNALS.search(sentence), (name, sentence)


def test_that_a_device_is_waited_for_is_told_in_words(world: World) -> None:
    spec = SPECS[0]
    device = world.add(spec, spec.password)
    reset = Camera(world.who, world.fleet, spec, device).begin_and_choose()
    handle(RecordWait("tries_spent", timezone.now()), reset, SETUP)
    [waited] = [e for e in read_stream(reset) if e.type == "resets.device_waited_for"]
    assert not INTERNALS.search(waited.sentence)
