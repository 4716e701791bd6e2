"""Rekey locks no device out, however often it is swept with wrong credentials, and whatever people
press meanwhile.

Every maker's lock-out of the reference table, every way of logging in; the virtual devices count a
client's wrong logins over all accounts and doors together, and forget none of them with time.
REKEY_FAULT_RESETS says how many sweeps (1000 for the figures), REKEY_FAULT_SEED which draws.
"""

from __future__ import annotations

import os
import random
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
import time_machine
from django.utils import timezone

from devices import sweep, vault
from devices.models import Device, Telemetry
from devices.queries import device_for_jobs
from devices.state import credential_id
from devices.steps.check_device import CheckDevice
from devices.steps.credential import PromoteCandidate, StoreCandidate
from devices.steps.try_history import TryHistory
from devices.virtual import (
    Auth,
    Character,
    DeviceSpec,
    ThreadedFleet,
    Vendor,
    fleet_in_thread,
    uniform_scenario,
)
from devices.virtual.vendors import LOCKOUTS
from fleet.eventstore.handling import handle
from fleet.eventstore.models import Job
from resets.models import Reset
from tests.cast import SETUP, Cast, add_device, cast, lift_limits, work
from tests.faults.ground import Camera

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

SWEEPS = int(os.environ.get("REKEY_FAULT_RESETS", "60"))
SEED = int(os.environ.get("REKEY_FAULT_SEED", "31"))
WEEKS = 3 * 7 * 86400.0  # seconds


def made_up() -> str:
    return f"Elsewhere-{secrets.token_hex(4)}"


def every_lock_out() -> list[DeviceSpec]:
    """A device of each maker and kind, in each way of logging in."""
    wanted = [(of, lock_out, auth) for of, lock_out in LOCKOUTS.items() for auth in Auth]
    return [
        replace(spec, vendor=vendor, kind=kind, auth=auth, character=Character.HONEST, **lock_out)
        for spec, ((vendor, kind), lock_out, auth) in zip(
            uniform_scenario(SEED, len(wanted), 0), wanted, strict=True
        )
    ]


@dataclass
class World:
    who: Cast
    fleet: ThreadedFleet
    specs: list[DeviceSpec]
    ids: dict[str, UUID]

    def locked(self) -> dict[str, object]:
        """Those that were ever locked, with the maker and the way in."""
        return {
            f"{spec.vendor} {spec.kind} by {spec.auth}": locks
            for spec in self.specs
            if (locks := self.fleet.locks(spec.serial))["times"] or locks["locked"]
        }

    def wrong(self) -> dict[str, int]:
        return {spec.serial: self.fleet.calls(spec.serial)["failed_logins"] for spec in self.specs}

    def sweep_all(self) -> None:
        Telemetry.objects.update(next_at=timezone.now())
        assert sweep.sweep() == len(self.specs)

    def press(self, serial: str) -> None:
        """Somebody presses Check and Try the earlier passwords, and workers do what is due."""
        by = self.who.by(self.who.tess)
        for command in (CheckDevice(), TryHistory()):
            handle(command, self.ids[serial], by)
            Job.objects.update(woken_at=None)
            work()

    def give_history(self, serial: str, many: int) -> None:
        """Earlier passwords, none of which opens it."""
        account = credential_id(self.ids[serial], "admin")
        for _ in range(many):
            secret = vault.put(self.ids[serial], made_up())
            handle(StoreCandidate(secret), account, SETUP)
            handle(PromoteCandidate(secret), account, SETUP)

    def reset(self, serial: str) -> None:
        """Forget Password to its end, or as far as it goes; none while one is under way."""
        device = self.ids[serial]
        if not Reset.objects.for_jobs().filter(device=device, phase="applying").exists():
            Camera(self.who, self.fleet, self.spec(serial), device).begin_and_choose()
        Job.objects.update(woken_at=None)
        work()

    def spec(self, serial: str) -> DeviceSpec:
        return next(spec for spec in self.specs if spec.serial == serial)


@pytest.fixture
def world() -> Iterator[World]:
    """All of them taken in; then somebody gives every account of them another password."""
    specs, who = every_lock_out(), lift_limits(cast())
    with fleet_in_thread(specs) as fleet:
        ids = {spec.serial: add_device(who, fleet, spec) for spec in specs}
        work()
        assert Device.objects.for_jobs().filter(managed=True).count() == len(specs)
        for spec in specs:
            fleet.change_password(spec.serial, "admin", made_up())
            fleet.change_password(spec.serial, "rekey", made_up())
        sweep._begin_telemetry()
        yield World(who, fleet, specs, ids)


@pytest.mark.parametrize("span", [0.0, WEEKS], ids=["within minutes", "over three weeks"])
def test_sweeps_with_wrong_credentials_lock_nothing(world: World, span: float) -> None:
    before, began = world.wrong(), time.perf_counter()
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        for _ in range(SWEEPS):
            world.sweep_all()
            clock.shift(span / SWEEPS)
    took = time.perf_counter() - began
    print(f"\n{SWEEPS} sweeps of {len(world.specs)} devices in {took:.1f} s")
    assert world.locked() == {}
    spent = {serial: now - before[serial] for serial, now in world.wrong().items()}
    assert set(spent.values()) == {1}, "it is found out once, and not tried again"
    assert not Device.objects.for_jobs().exclude(certified=False).exists()


def test_people_may_press_whatever_they_like_as_often_as_they_like(world: World) -> None:
    """Checks, histories and resets between the sweeps, at devices where no known login is right."""
    for spec in world.specs:
        world.give_history(spec.serial, 3)
    chance = random.Random(SEED)
    for _ in range(SWEEPS // 10):
        world.sweep_all()
        for spec in chance.sample(world.specs, 6):
            world.press(spec.serial)
            if chance.random() < 0.4:
                world.reset(spec.serial)
    assert world.locked() == {}


def test_who_presses_on_learns_that_the_last_try_is_kept(world: World) -> None:
    spec = next(s for s in world.specs if s.vendor is Vendor.DAHUA)
    for _ in range(8):
        world.press(spec.serial)
    device = device_for_jobs(world.ids[spec.serial])
    assert (device.certified, device.trouble) == (False, "tries_spent")
    world.reset(spec.serial)
    [reset] = Reset.objects.for_jobs().filter(device=device.pk)
    assert reset.phase == "failed", "no account of Rekey's opens it, and it says so at once"
    assert world.locked() == {}
