"""Password changes while the worker is killed and the device loses its power, each at any moment:
in the end every device opens with a password that the vault has, and every reset has ended once.

REKEY_FAULT_RESETS says how many (300 for the figures), REKEY_FAULT_SEED which draws.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from devices import doors
from devices.virtual import Auth, Vendor, fleet_in_thread, uniform_scenario
from devices.virtual.vendors import LOCKOUTS
from fleet.eventstore import projections
from fleet.eventstore.chain import first_break
from fleet.eventstore.models import EventRow
from fleet.eventstore.store import read_stream
from resets.applying import change
from tests.cast import cast, lift_limits, work
from tests.faults.cutting import Cut, Power
from tests.faults.dying import pass_time, run_until
from tests.faults.ground import Camera, job_of, owed, row, state

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]

RESETS = int(os.environ.get("REKEY_FAULT_RESETS", "10"))
SEED = int(os.environ.get("REKEY_FAULT_SEED", "20"))
NEVER = 10**6
# A job passes about 45 points, and a device hears about 20 exchanges: so both mostly die.
POINTS, EXCHANGES = 50, 24
HOPELESS = 0.08  # the part of devices that are not seen again before Rekey gives up
FINAL = {"resets.reset_proven", "resets.reset_unproven", "resets.reset_failed"}


@pytest.fixture
def power(monkeypatch: pytest.MonkeyPatch) -> Power:
    return Power(monkeypatch)


@pytest.fixture
def cameras(transactional_db: None, power: Power) -> Iterator[list[Camera]]:
    """One for each way of logging in, all of the strictest maker."""
    lock_out = LOCKOUTS[Vendor.DAHUA, "camera"]
    specs = [
        replace(spec, vendor=Vendor.DAHUA, auth=auth, **lock_out)
        for spec, auth in zip(uniform_scenario(SEED, len(Auth), 0), Auth, strict=True)
    ]
    who = lift_limits(cast())
    with fleet_in_thread(specs) as fleet:
        yield [Camera.taken_in(who, fleet, spec) for spec in specs]


class Fate:
    """What strikes: drawn anew for every run of a job."""

    def __init__(self) -> None:
        self.chance = random.Random(SEED)
        self.struck: Counter[str] = Counter()

    def run(self, camera: Camera, power: Power) -> None:
        """One run of the job, in which the worker, the device, or both are struck."""
        chance = self.chance
        who = chance.choice(["worker", "worker", "device", "both"])
        point = chance.randint(1, POINTS) if who != "device" else NEVER
        exchange = chance.randint(1, EXCHANGES) if who != "worker" else NEVER
        with power.goes(exchange, done=chance.random() < 0.5) as cut:
            life = run_until(job_of("resets.apply_password"), point)
        self.struck["worker killed"] += life.killed
        self._after(camera, cut)

    def _after(self, camera: Camera, cut: Cut) -> None:
        """Its power comes back, now or a run later; or it is pulled while nobody talks to it."""
        serial, fleet = camera.spec.serial, camera.fleet
        self.struck["device cut off in an exchange"] += cut.struck
        drawn = self.chance.random()
        if drawn < 0.2:
            self.struck["device off for a run"] += 1
            fleet.power(serial, False)
        elif drawn < 0.4:
            self.struck["device restarted"] += 1
            fleet.power(serial, True)
            fleet.reboot(serial)
        else:
            fleet.power(serial, True)


def to_their_end() -> None:
    for _ in range(20):
        pass_time(doors.LEASE.total_seconds() + 1)
        work()
        if not owed():
            return
        pass_time(1801)  # as long as login tries wait at most
    raise AssertionError(f"still owed: {owed()}")


def test_no_password_is_lost_while_workers_and_devices_are_killed(
    cameras: list[Camera], power: Power, monkeypatch: pytest.MonkeyPatch
) -> None:
    fate, resets, began = Fate(), dict[UUID, Camera](), time.monotonic()
    locked = Counter[str]()
    for number in range(RESETS):
        camera = cameras[number % len(cameras)]
        reset = camera.begin_and_choose()
        resets[reset] = camera
        for _ in range(fate.chance.randint(1, 3)):
            fate.run(camera, power)
            assert len(camera.opened_by()) == 1, f"reset {number}: nobody knows its password"
            pass_time(doors.LEASE.total_seconds() + 1)
            if "resets.apply_password" not in owed():
                break
        hopeless = fate.chance.random() < HOPELESS
        camera.fleet.power(camera.spec.serial, not hopeless)
        with monkeypatch.context() as patch:
            if hopeless:
                patch.setattr(change, "GIVE_UP_AFTER", timedelta(0))
            to_their_end()
        locked.update({camera.spec.serial: camera.fleet.locks(camera.spec.serial)["times"]})
        camera.fleet.power(camera.spec.serial, True)
        assert len(camera.opened_by()) == 1, f"reset {number}: nobody knows its password"
        if row(reset).phase == "done":
            assert camera.opened_by() == [state(reset).secret], f"reset {number}"
            assert camera.opens_with_the_current, f"reset {number}"
    outcomes = Counter(" ".join(dict.fromkeys((row(r).phase, row(r).outcome))) for r in resets)
    print(
        f"\n{RESETS} resets of {len(cameras)} cameras in {time.monotonic() - began:.0f} s,"
        f" seed {SEED}: {dict(outcomes)}; {dict(fate.struck)}"
    )
    for reset in resets:
        ends = [event.type for event in read_stream(reset) if event.type in FINAL]
        assert len(ends) == 1, ends
        assert not row(reset).open
    assert outcomes["done proven"] >= RESETS * 0.8, outcomes
    assert set(outcomes) <= {"done proven", "failed unreachable"}
    assert locked.total() == 0, "Rekey has locked a device out"
    for camera in cameras:
        assert len(camera.opened_by("rekey")) == 1
    assert list(projections.differences()) == []
    streams = EventRow.everything.values_list("stream", flat=True).distinct()
    assert [stream for stream in streams if first_break(read_stream(stream)) is not None] == []
    if RESETS >= 10:
        assert fate.struck["worker killed"] >= RESETS / 4
        assert fate.struck["device cut off in an exchange"] >= RESETS / 10
