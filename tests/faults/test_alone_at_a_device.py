"""Whatever is asked of a device at once, it hears one job at a time: a reset, checks, histories and
the sweep, by workers that run at the same time."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from devices import sweep
from devices.drivers import onvif
from devices.models import Telemetry
from devices.queries import device_for_jobs
from devices.steps.check_device import CheckDevice
from devices.virtual import fleet_in_thread, server, uniform_scenario
from fleet.eventstore import projections, subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.models import Job
from tests.cast import Cast, cast
from tests.faults.ground import Camera, owed, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]

ASKER = "x-asker"
CAMERAS, RESETS, WORKERS = 3, 2, 3
PATIENCE = 60.0  # seconds


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Who asked each device, request by request: every run of a job or of the sweep by its own
    name, which goes along as a header."""
    found: dict[str, list[str]] = {}
    post, http = onvif.post, server.Host.http

    async def posted(address: Any, body: Any, headers: Any, **more: Any) -> Any:
        return await post(
            address, body, {**headers, ASKER: threading.current_thread().name}, **more
        )

    def answered(host: server.Host, door: str, request: Any) -> Any:
        found.setdefault(host.device.spec.serial, []).append(request.headers[ASKER])
        return http(host, door, request)

    monkeypatch.setattr(onvif, "post", posted)
    monkeypatch.setattr(server.Host, "http", answered)
    return found


class Workers:
    """Threads that run whatever is due, and one that sweeps, until it is said to be enough."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.failed: list[BaseException] = []
        self._over = threading.Event()
        self._numbers = itertools.count()
        works = [self._work] * WORKERS + [self._sweep]
        self._threads = [threading.Thread(target=self._guarded, args=(w,)) for w in works]

    def __enter__(self) -> Workers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        assert not self.failed, self.failed

    def _guarded(self, work: Any) -> None:
        try:
            while not self._over.wait(0.01):
                work()
        except BaseException as error:
            self.failed.append(error)
        finally:
            connection.close()

    def _as(self, what: str) -> None:
        name = f"{what} {next(self._numbers)}"
        threading.current_thread().name = name
        self.ran.append(name)

    def _work(self) -> None:
        """The next job that nobody is at; those that wait for a device do not wait long."""
        free = Job.objects.filter(lease=None).exclude(reaction="resets.expire_reset")
        free.filter(error="device_busy").update(due_at=timezone.now())
        for job in free.order_by("?")[:1]:
            self._as(job.reaction)
            subscriptions.run(job.id)

    def _sweep(self) -> None:
        Telemetry.objects.update(next_at=timezone.now())
        self._as("sweep")
        sweep.sweep()


@pytest.fixture
def cameras(transactional_db: None, heard: dict[str, list[str]]) -> Iterator[list[Camera]]:
    who: Cast = cast()
    specs = [replace(spec, delay=0.003) for spec in uniform_scenario(23, CAMERAS, 0)]
    with fleet_in_thread(specs) as fleet:
        yield [Camera.taken_in(who, fleet, spec) for spec in specs]


def test_a_device_hears_one_job_at_a_time(
    cameras: list[Camera], heard: dict[str, list[str]]
) -> None:
    sweep._begin_telemetry()
    heard.clear()
    by = cameras[0].who.by(cameras[0].who.alice)
    with Workers() as workers:
        for _ in range(RESETS):
            resets = [camera.begin_and_choose() for camera in cameras]
            for camera in cameras * 3:
                handle(CheckDevice(), camera.id, by)
            subscriptions.pump()
            ends = time.monotonic() + PATIENCE
            while owed() and time.monotonic() < ends and not workers.failed:
                time.sleep(0.02)
            assert [row(reset).phase for reset in resets] == ["done"] * CAMERAS
    for serial, askers in heard.items():
        turns = [asker for asker, _ in itertools.groupby(askers)]
        assert len(turns) == len(set(turns)), f"{serial} was talked to in between: {turns}"
        kinds = {turn.rpartition(" ")[0] for turn in turns}
        assert {"resets.apply_password", "devices.check_device", "sweep"} <= kinds
    for camera in cameras:
        assert device_for_jobs(camera.id).certified and camera.opens_with_the_current
    assert list(projections.differences()) == []
    tried = sum(name.startswith("sweep") for name in workers.ran)
    print(f"\n{len(workers.ran)} runs of jobs, {tried} of them sweeps, at {CAMERAS} cameras")
