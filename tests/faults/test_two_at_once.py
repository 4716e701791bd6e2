"""Two jobs at one device: a lease that ran out under a worker that still lives, or a check that
somebody asks for in the middle of something else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from devices import doors, reactions, vault
from devices.queries import device_for_jobs
from devices.steps.check_device import CheckDevice
from devices.virtual import Character, DeviceSpec, fleet_in_thread, uniform_scenario
from fleet.eventstore import subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.models import Job
from fleet.eventstore.store import read_stream
from resets.applying.management import ByManagement
from tests.cast import Cast, cast, work
from tests.faults.dying import pass_time, run_until
from tests.faults.ground import Camera, job_of, row, state

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]

DEVICE_LEASE_IS_OUT = doors.LEASE.total_seconds() + 1
NEVER = 10**6
[SPEC] = uniform_scenario(seed=9, count=1, port_base=0)


@pytest.fixture
def who(transactional_db: None) -> Cast:
    return cast()


def look(camera: Camera) -> None:
    """Somebody wants to know whether its password opens it, and a worker finds out."""
    handle(CheckDevice(), camera.id, camera.who.by(camera.who.alice))
    subscriptions.run(job_of("devices.check_device"))


def error_of(reaction: str) -> str:
    return str(Job.objects.get(reaction=reaction).error)


def test_two_who_make_the_management_account_at_once_agree_on_its_password(
    who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = vault.put
    with fleet_in_thread([SPEC]) as fleet:
        camera = Camera.added(who, fleet, SPEC)
        job = job_of("devices.take_in_device")

        def put_late(device: UUID, password: str) -> UUID:
            monkeypatch.setattr(vault, "put", put)
            pass_time(DEVICE_LEASE_IS_OUT)
            look(camera)  # the other one does all of it in between
            return put(device, password)

        monkeypatch.setattr(vault, "put", put_late)
        subscriptions.run(job)
        assert device_for_jobs(camera.id).managed
        assert len(camera.opened_by("rekey")) == 1, "nobody knows the account's password"

        reset = camera.begin_and_choose()
        work()
        assert row(reset).phase == "done"


@pytest.mark.parametrize(
    ("character", "outcome"), [("honest", "proven"), ("keeper", "old_still_opens")]
)
def test_a_check_in_the_middle_of_a_reset_takes_nothing_from_its_proof(
    who: Cast, character: str, outcome: str
) -> None:
    spec: DeviceSpec = replace(SPEC, character=Character(character))
    with fleet_in_thread([spec]) as fleet:
        camera = Camera.taken_in(who, fleet, spec)
        camera.begin_and_choose()
        whole = run_until(job_of("resets.apply_password"), NEVER)
        reset = camera.begin_and_choose()
        job = job_of("resets.apply_password")
        life = run_until(job, whole.points.index("after SetUser") + 1)
        assert life.killed and life.points[-1] == "after SetUser"
        pass_time(DEVICE_LEASE_IS_OUT)
        look(camera)
        pass_time(DEVICE_LEASE_IS_OUT)
        work()
        assert row(reset).outcome == outcome
        assert [door["login"] for door in row(reset).doors] == ["wrong", "old", "new"]
        assert state(reset).secret in camera.opened_by()
        assert camera.opens_with_the_current


def test_a_reset_waits_for_a_check_and_a_check_for_a_reset(
    who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_at, apply = reactions.look_at, ByManagement.apply
    with fleet_in_thread([SPEC]) as fleet:
        camera = Camera.taken_in(who, fleet, SPEC)
        reset = camera.begin_and_choose()

        def look_late(talk: Any) -> None:
            monkeypatch.setattr(reactions, "look_at", look_at)
            subscriptions.run(job_of("resets.apply_password"))
            assert error_of("resets.apply_password") == "device_busy"
            look_at(talk)

        monkeypatch.setattr(reactions, "look_at", look_late)
        look(camera)
        assert device_for_jobs(camera.id).certified

        def apply_late(change: Any) -> None:
            monkeypatch.setattr(ByManagement, "apply", apply)
            look(camera)
            assert error_of("devices.check_device") == "device_busy"
            apply(change)

        monkeypatch.setattr(ByManagement, "apply", apply_late)
        pass_time(5)
        work()
        pass_time(5)
        work()
        assert row(reset).phase == "done"
        assert device_for_jobs(camera.id).certified
        happened = [recorded.type for recorded in read_stream(camera.id)]
        assert "devices.device_not_certified" not in happened
        assert not Job.objects.filter(reaction="devices.check_device").exists()


def test_a_job_that_two_workers_run_at_once_ends_like_one(
    who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one's lease ran out while it still lived; the second does all of the job."""
    with fleet_in_thread([SPEC]) as fleet:
        camera = Camera.taken_in(who, fleet, SPEC)
        for name in ("apply", "prove", "settle"):
            reset = camera.begin_and_choose()
            job = job_of("resets.apply_password")
            real = getattr(ByManagement, name)

            def slow(change: Any, *given: Any, name: str = name, real: Any = real) -> Any:
                monkeypatch.setattr(ByManagement, name, real)
                pass_time(60)
                work()
                return real(change, *given)

            monkeypatch.setattr(ByManagement, name, slow)
            subscriptions.run(job)
            assert row(reset).phase == "done", name
            assert camera.opened_by() == [state(reset).secret], name
            assert camera.opens_with_the_current, name
