"""A worker that is killed at a point of its work, at each of them: nothing is lost or unknown."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from devices import doors, lock_outs
from devices.queries import credential_for_jobs, device_for_jobs
from devices.state import Purpose
from devices.virtual import DeviceSpec, ThreadedFleet, fleet_in_thread, uniform_scenario
from devices.virtual.device import Auth
from fleet.eventstore import projections
from tests.cast import Cast, cast, lift_limits, work
from tests.faults.dying import NEVER, deadly, pass_time, run_until
from tests.faults.ground import Camera, job_of, owed, row, state
from tests.faults.rekey import CODE, MESSAGE_ID

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]

AUTHS = [Auth.WS, pytest.param(Auth.DIGEST_SHA256, marks=pytest.mark.one_database)]
LEASE_IS_OUT = doors.LEASE.total_seconds() + 1  # the longest of those that a worker holds


@pytest.fixture
def who(transactional_db: None) -> Cast:
    return lift_limits(cast())


def cameras(many: int) -> list[DeviceSpec]:
    return uniform_scenario(seed=3, count=many, port_base=0)


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread([]) as running:
        yield running


def wake_up_later() -> None:
    pass_time(LEASE_IS_OUT)
    work()


# --- the new password -----------------------------------------------------------------------------


@pytest.mark.parametrize("auth", AUTHS)
def test_wherever_the_worker_is_killed_the_camera_ends_with_one_known_password(
    who: Cast, auth: Auth
) -> None:
    [spec] = cameras(1)
    with fleet_in_thread([replace(spec, auth=auth)]) as fleet:
        camera = Camera.taken_in(who, fleet, spec)
        camera.begin_and_choose()
        whole = run_until(job_of("resets.apply_password"), NEVER)
        for point in deadly(whole.points):
            reset = camera.begin_and_choose()
            given = fleet.calls(spec.serial)["SetUser"]
            life = run_until(job_of("resets.apply_password"), point)
            at = f"killed {life.points[-1]} ({point})"
            assert life.killed, at
            assert len(camera.opened_by()) == 1, at
            wake_up_later()
            assert row(reset).phase == "done", at
            assert fleet.calls(spec.serial)["SetUser"] == given + 1, f"{at}: given a password twice"
            assert camera.opened_by() == [state(reset).secret], at
            assert camera.opens_with_the_current, at
            assert not owed(), at
            # A login whose answer nobody lived to tell of is counted as wrong: here, on one camera.
            pass_time(lock_outs.UNKNOWN.forgets)
    assert {"before SetUser", "after SetUser"} <= set(whole.points), whole.points
    assert whole.points.count("after a commit") >= 3
    assert list(projections.differences()) == []


def test_a_worker_that_is_killed_twice_over_the_same_job_leaves_one_known_password(
    who: Cast,
) -> None:
    [spec] = cameras(1)
    chance = random.Random(11)
    with fleet_in_thread([spec]) as fleet:
        camera = Camera.taken_in(who, fleet, spec)
        for _ in range(8):
            reset = camera.begin_and_choose()
            job = job_of("resets.apply_password")
            points = [chance.randint(1, 26), chance.randint(1, 20)]
            for point in points:
                run_until(job, point)
                assert len(camera.opened_by()) == 1, points
                pass_time(LEASE_IS_OUT)
            work()
            if state(reset).waiting_for == "tries_spent":  # nobody knows how those logins ended
                pass_time(lock_outs.UNKNOWN.forgets)
                work()
            assert row(reset).phase == "done", points
            assert camera.opened_by() == [state(reset).secret], points
            assert not owed(), points


# --- a device that is added -----------------------------------------------------------------------


@pytest.mark.parametrize("auth", AUTHS)
def test_wherever_the_worker_is_killed_a_device_is_taken_in_with_an_account_of_known_password(
    who: Cast, auth: Auth
) -> None:
    first, *specs = (replace(spec, auth=auth) for spec in cameras(60))
    with fleet_in_thread([first, *specs]) as fleet:
        Camera.added(who, fleet, first)
        whole = run_until(job_of("devices.take_in_device"), NEVER)
        for point, spec in zip(deadly(whole.points), specs, strict=False):
            camera = Camera.added(who, fleet, spec)
            life = run_until(job_of("devices.take_in_device"), point)
            at = f"killed {life.points[-1]} ({point})"
            assert life.killed, at
            made = "after CreateUsers" in life.points
            assert len(camera.opened_by("rekey")) == made, at
            wake_up_later()
            device = device_for_jobs(camera.id)
            assert (device.certified, device.managed, device.trouble) == (True, True, ""), at
            management = credential_for_jobs(camera.id, Purpose.MANAGEMENT)
            assert camera.opens("rekey", management.current), at
            assert camera.opens_with_the_current, at
            assert not owed(), at
    assert len(whole.points) < len(specs), "more points than cameras"
    assert {"before CreateUsers", "after CreateUsers"} <= set(whole.points)
    assert list(projections.differences()) == []


# --- the mail -------------------------------------------------------------------------------------


def test_wherever_the_worker_is_killed_one_send_is_one_code(who: Cast, mail_sink: Any) -> None:
    first, *specs = cameras(30)
    with fleet_in_thread([first, *specs]) as fleet:
        Camera.taken_in(who, fleet, first).begin()
        whole = run_until(job_of("resets.mail_code"), NEVER)
        for point, spec in zip(deadly(whole.points), specs, strict=False):
            reset = Camera.taken_in(who, fleet, spec).begin()
            life = run_until(job_of("resets.mail_code"), point)
            at = f"killed {life.points[-1]} ({point})"
            assert life.killed, at
            wake_up_later()
            assert row(reset).delivery == "handed_over", at
            mails = [m for m in mail_sink.mails() if str(reset) in m.message["Message-ID"]]
            assert {MESSAGE_ID.match(m.message["Message-ID"])[2] for m in mails} == {"1"}, at
            assert len({CODE.search(m.text)[1] for m in mails}) == 1, at
            # Mailed again only where nobody can know that it was mailed already.
            unknown = "after a mail" in life.points and "after a commit" not in life.points
            assert len(mails) == 1 + unknown, at
            assert not owed(), at
    assert len(whole.points) < len(specs), "more points than cameras"
    assert "after a mail" in whole.points
