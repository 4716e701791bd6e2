"""A sweep asks every device whether it is there and certified; only a change becomes an event."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from devices import asking, sweep
from devices.doors import lease, release
from devices.models import LoginTries, Telemetry
from devices.queries import device_for_jobs
from devices.virtual import DeviceSpec, ThreadedFleet, fleet_in_thread, uniform_scenario
from devices.virtual.host import Host
from fleet.eventstore.store import last_position
from tests.cast import Cast, add_device, work

pytestmark = pytest.mark.django_db

SPECS = uniform_scenario(5, 4, 0)
OTHER = "Another-horse-77"


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread(SPECS) as running:
        yield running


@pytest.fixture
def devices(who: Cast, fleet: ThreadedFleet) -> dict[str, UUID]:
    """All of them taken in, and due."""
    added = {spec.serial: add_device(who, fleet, spec) for spec in SPECS}
    work()
    return added


def swept() -> int:
    """Sweep all devices, whenever they are due."""
    sweep._begin_telemetry()
    Telemetry.objects.update(next_at=timezone.now())
    return sweep.sweep()


def heard(device: UUID) -> Telemetry:
    return Telemetry.objects.get(pk=device)


def test_a_fleet_in_order_makes_no_event_however_often_it_is_swept(
    devices: dict[str, UUID], fleet: ThreadedFleet
) -> None:
    before = last_position()
    for _ in range(3):
        assert swept() == len(SPECS)
    assert last_position() == before
    for serial, device in devices.items():
        row = heard(device)
        assert row.online and row.misses == 0 and row.seen_at and row.milliseconds is not None
        assert fleet.calls(serial)["failed_logins"] == 1, "the wrong one of when it was taken in"
    assert not LoginTries.objects.filter(failed__gt=0).exists()


def test_devices_are_due_once_in_an_interval_and_spread_over_it(devices: dict[str, UUID]) -> None:
    sweep._begin_telemetry()
    now = timezone.now()
    first = {row.next_at for row in Telemetry.objects.all()}
    assert len(first) == len(SPECS)
    assert all(now - timedelta(1) < at < now + timedelta(seconds=300) for at in first)
    assert swept() == len(SPECS)
    assert sweep.sweep() == 0, "nobody is due again"
    due = [row.next_at - timezone.now() for row in Telemetry.objects.all()]
    assert all(timedelta(seconds=260) < left < timedelta(seconds=335) for left in due)


def test_a_refused_password_is_found_out_once_and_not_tried_again(
    devices: dict[str, UUID], fleet: ThreadedFleet
) -> None:
    """However often it is swept: a thousand sweeps lock no device (see also tests/faults)."""
    spec = SPECS[0]
    fleet.change_password(spec.serial, "admin", OTHER)
    failed = fleet.calls(spec.serial)["failed_logins"]
    for _ in range(20):
        swept()
    assert device_for_jobs(devices[spec.serial]).certified is False
    assert heard(devices[spec.serial]).online
    assert fleet.calls(spec.serial)["failed_logins"] == failed + 1
    assert device_for_jobs(devices[SPECS[1].serial]).certified


def test_one_lost_answer_is_no_trouble_and_two_are(
    devices: dict[str, UUID], fleet: ThreadedFleet
) -> None:
    serial = SPECS[0].serial
    fleet.power(serial, False)
    swept()
    assert heard(devices[serial]).online is False
    assert device_for_jobs(devices[serial]).trouble == ""
    swept()
    assert device_for_jobs(devices[serial]).trouble == "unreachable"
    before = last_position()
    swept()
    assert last_position() == before, "it is told once"
    fleet.power(serial, True)
    swept()
    row = device_for_jobs(devices[serial])
    assert (row.trouble, row.certified, heard(devices[serial]).misses) == ("", True, 0)


def test_a_process_that_may_open_no_more_files_says_nothing_of_devices(
    devices: dict[str, UUID], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    swept()
    before, told = last_position(), [heard(pk).asked_at for pk in devices.values()]
    none_left = SimpleNamespace(**vars(socket) | {"socket": refuse})
    monkeypatch.setattr("devices.drivers.reach.socket", none_left)
    for _ in range(sweep.MISSES + 1):
        assert swept() == len(SPECS)
    assert [heard(pk).asked_at for pk in devices.values()] == told
    assert last_position() == before
    assert not LoginTries.objects.filter(failed__gt=0).exists(), "no login was sent"
    assert "out_of_files" in caplog.text


def test_a_device_that_a_job_talks_to_is_left_alone(
    devices: dict[str, UUID], fleet: ThreadedFleet
) -> None:
    serial = SPECS[0].serial
    device = devices[serial]
    assert lease(device, "a job")
    calls = dict(fleet.calls(serial))
    assert swept() == len(SPECS) - 1
    assert dict(fleet.calls(serial)) == calls
    release(device, "a job")
    assert swept() == len(SPECS)
    assert lease(device, "a job"), "a sweep gives its leases back"


def test_nobody_waits_for_a_device_because_another_one_is_slow(
    who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = SPECS[:2]
    monkeypatch.setattr(asking, "STEP", 0.2)
    given_back: list[Any] = []
    release_some = sweep._release

    def watched(holder: str, some: Any = None) -> None:
        given_back.append(some)
        release_some(holder, some)

    monkeypatch.setattr(sweep, "_release", watched)
    with fleet_in_thread([slow, quick]) as running:
        first, second = (add_device(who, running, spec) for spec in (slow, quick))
        work()
        # Only from here on, or taking it in would be slow fifty times.
        delay = property(lambda host: 0.7 if host.device.spec.serial == slow.serial else 0)
        monkeypatch.setattr(Host, "delay", delay)
        swept()
    assert given_back == [[second], [first], None]


def test_two_sweeps_at_once_never_ask_one_device_twice(devices: dict[str, UUID]) -> None:
    sweep._begin_telemetry()
    Telemetry.objects.update(next_at=timezone.now())
    assert (sweep._taken("one", 3), sweep._taken("another", 10)) == (3, 1)
    first, second = ({row["device"] for row in sweep._ours(who)} for who in ("one", "another"))
    assert len(first) == 3 and len(second) == 1 and not first & second


def test_a_removed_device_is_not_asked(devices: dict[str, UUID], fleet: ThreadedFleet) -> None:
    from devices.steps.remove_device import RemoveDevice
    from fleet.eventstore.handling import handle
    from tests.cast import SETUP

    serial = SPECS[0].serial
    sweep._begin_telemetry()
    handle(RemoveDevice("Sold"), devices[serial], SETUP)
    calls = dict(fleet.calls(serial))
    swept()
    assert dict(fleet.calls(serial)) == calls


def test_a_locked_device_is_said_to_be_and_left_alone_until_it_opens(who: Cast) -> None:
    spec: DeviceSpec = replace(SPECS[0], lockout_tries=5, lockout_seconds=600)
    with fleet_in_thread([spec]) as running:
        device = add_device(who, running, spec)
        work()
        _lock(running, spec)
        swept()
        assert device_for_jobs(device).trouble == "locked_out"
        calls = dict(running.calls(spec.serial))["GetDeviceInformation"]
        swept()
        assert running.calls(spec.serial)["GetDeviceInformation"] == calls, "no login is tried"


def _lock(running: ThreadedFleet, spec: DeviceSpec) -> None:
    """Somebody else types wrong passwords, from this very address."""
    import asyncio

    from devices.drivers import Address, Login, driver

    async def tries() -> None:
        onvif = driver("onvif", Address(*running.address(spec.serial)))
        for number in range(spec.lockout_tries):
            assert not await onvif.check(Login("admin", f"Wrong-{number}-horse"))

    asyncio.run(tries())
    assert running.locks(spec.serial)["locked"]
