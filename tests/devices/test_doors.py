"""A job talks to a device alone, within its login tries, and only to the certificate it knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from django.utils import timezone

from devices import doors, lock_outs
from devices.doors import lease, release
from devices.drivers.errors import LockedOut, TriesSpent
from devices.models import LoginTries, Telemetry
from devices.queries import device_for_jobs
from devices.steps.certificates import AcceptCertificate
from devices.steps.check_device import CheckDevice
from devices.steps.give_password import GivePassword
from devices.steps.try_history import TryHistory
from devices.tries import Tries, accept_many
from devices.virtual import (
    Character,
    DeviceSpec,
    ServiceSpec,
    ThreadedFleet,
    fleet_in_thread,
    uniform_scenario,
)
from fleet.errors import Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.models import Job
from fleet.eventstore.store import read_stream
from tests.cast import Cast, add_device, work
from tests.devices.drivers.made_up import camera

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

OTHER = "Another-horse-77"


@pytest.fixture
def fleet(request: pytest.FixtureRequest) -> Iterator[tuple[DeviceSpec, ThreadedFleet]]:
    spec = camera(**getattr(request, "param", {}))
    with fleet_in_thread([spec]) as running:
        yield spec, running


def taken_in(who: Cast, fleet: tuple[DeviceSpec, ThreadedFleet]) -> UUID:
    spec, running = fleet
    device = add_device(who, running, spec)
    work()
    return device


def test_two_holders_never_have_one_device(who: Cast) -> None:
    device = UUID(int=7)
    assert lease(device, "one")
    assert not lease(device, "another")
    assert lease(device, "one"), "whoever was killed takes its own up again"
    release(device, "one")
    assert lease(device, "another")


def test_a_lease_that_nobody_gives_back_runs_out(who: Cast) -> None:
    device = UUID(int=7)
    assert lease(device, "one")
    with time_machine.travel(_in(doors.LEASE + timedelta(seconds=1)), tick=True):
        assert lease(device, "another")


def test_a_job_waits_while_another_talks_to_the_device(
    who: Cast, fleet: tuple[DeviceSpec, ThreadedFleet]
) -> None:
    device = taken_in(who, fleet)
    assert lease(device, "somebody else")
    handle(CheckDevice(), device, who.by(who.alice))
    work()
    [job] = Job.objects.all()
    assert job.error == "device_busy"
    release(device, "somebody else")
    with time_machine.travel(_in(timedelta(seconds=5)), tick=True):
        work()
    assert not Job.objects.exists()


def test_a_device_that_a_person_has_checked_counts_as_seen(
    who: Cast, fleet: tuple[DeviceSpec, ThreadedFleet]
) -> None:
    device = taken_in(who, fleet)
    Telemetry.objects.create(device=device, online=False, misses=9, next_at=timezone.now())
    begun = timezone.now()
    handle(CheckDevice(), device, who.by(who.alice))
    work()
    heard = Telemetry.objects.get(device=device)
    assert (heard.online, heard.misses) == (True, 0)
    assert heard.seen_at is not None and heard.seen_at > begun


def test_the_last_login_try_is_never_spent_and_comes_back_in_time(
    who: Cast, fleet: tuple[DeviceSpec, ThreadedFleet]
) -> None:
    spec, running = fleet
    device = taken_in(who, fleet)
    most = lock_outs.of("TP-Link", "camera").doubtful
    running.change_password(spec.serial, "admin", OTHER)
    failed = running.calls(spec.serial)["failed_logins"]
    for _ in range(most + 5):
        handle(CheckDevice(), device, who.by(who.alice))
        work()
    assert running.calls(spec.serial)["failed_logins"] - failed == most
    assert not running.locks(spec.serial)["locked"]
    row = device_for_jobs(device)
    assert (row.certified, row.trouble) == (False, "tries_spent")
    assert Tries(row, "admin").left() == 0
    later = timedelta(seconds=lock_outs.UNKNOWN.forgets + 1)
    with time_machine.travel(_in(later), tick=True):
        assert Tries(row, "admin").left() == most


def test_a_right_login_gives_all_tries_back(
    who: Cast, fleet: tuple[DeviceSpec, ThreadedFleet]
) -> None:
    row = device_for_jobs(taken_in(who, fleet))
    tries = Tries(row, "admin")
    tries.spend()
    tries.spend()
    assert tries.left() == lock_outs.UNKNOWN.doubtful - 2
    accept_many([tries])
    assert tries.left() == lock_outs.UNKNOWN.doubtful


def test_a_right_login_is_told_of_with_the_next_one(
    who: Cast, fleet: tuple[DeviceSpec, ThreadedFleet]
) -> None:
    row = device_for_jobs(taken_in(who, fleet))
    own, sign_in = Tries(row, "rekey"), Tries(row, "admin")
    own.spend()
    sign_in.spend()
    own.spend(accepted=own)
    assert own.left() == lock_outs.UNKNOWN.doubtful - 2
    sign_in.spend(accepted=sign_in)
    assert own.left() == lock_outs.UNKNOWN.doubtful - 2
    accept_many([own])
    assert own.left() == lock_outs.UNKNOWN.doubtful - 1


def test_nothing_is_tried_while_the_device_says_that_it_is_locked(
    who: Cast, fleet: tuple[DeviceSpec, ThreadedFleet]
) -> None:
    tries = Tries(device_for_jobs(taken_in(who, fleet)), "admin")
    tries.spend()
    tries.locked(60)
    with pytest.raises(LockedOut) as locked:
        tries.spend()
    assert 55 <= (locked.value.seconds_left or 0) <= 61


def test_spent_tries_say_when_there_are_some_again(
    who: Cast, fleet: tuple[DeviceSpec, ThreadedFleet]
) -> None:
    tries = Tries(device_for_jobs(taken_in(who, fleet)), "admin")
    for _ in range(lock_outs.UNKNOWN.doubtful):
        tries.spend()
    with pytest.raises(TriesSpent) as spent:
        tries.spend()
    assert 0 < (spent.value.seconds_left or 0) <= lock_outs.UNKNOWN.forgets + 1


@pytest.mark.parametrize(
    "fleet",
    [{"services": (ServiceSpec("vigi_local", tls=True),), "lockout_tries": 4}],
    indirect=True,
)
def test_what_the_device_says_of_its_tries_counts_besides(
    who: Cast, fleet: tuple[DeviceSpec, ThreadedFleet]
) -> None:
    """Others type wrong passwords too, and Rekey sees none of them."""
    spec, running = fleet
    port = running.address(spec.serial, "vigi_local")[1]
    device = add_device(who, running, spec, services=f"vigi_local:{port}")
    work()
    assert device_for_jobs(device).certified, device_for_jobs(device).trouble
    running.change_password(spec.serial, "admin", OTHER)
    _type_wrongly(running, spec, spec.lockout_tries - 1)
    handle(CheckDevice(), device, who.by(who.alice))
    work()
    assert device_for_jobs(device).trouble == "tries_spent"
    assert not running.locks(spec.serial)["locked"]


def _type_wrongly(running: ThreadedFleet, spec: DeviceSpec, times: int) -> None:
    import asyncio

    from devices.drivers import Address, Login, driver

    async def tries() -> None:
        onvif = driver("onvif", Address(*running.address(spec.serial)))
        for number in range(times):
            assert not await onvif.check(Login("admin", f"Wrong-{number}-horse"))

    asyncio.run(tries())


@pytest.mark.parametrize(
    ("maker", "kind", "tries"),
    [
        ("HIKVISION", "camera", 5),
        ("Hikvision Digital", "nvr", 7),
        ("Dahua", "camera", 5),
        ("", "camera", 5),
    ],
)
def test_what_vendors_say_of_their_lock_out_is_heeded(maker: str, kind: str, tries: int) -> None:
    assert lock_outs.of(maker, kind).tries == tries


def test_the_right_password_can_be_typed_where_a_wrong_one_was(
    who: Cast, fleet: tuple[DeviceSpec, ThreadedFleet]
) -> None:
    spec, running = fleet
    device = add_device(who, running, replace(spec, password="Mistyped-horse-1"))
    work()
    assert device_for_jobs(device).certified is False
    handle(GivePassword(spec.password), device, who.by(who.alice))
    work()
    row = device_for_jobs(device)
    assert (row.certified, row.managed) == (True, True)
    handle(GivePassword("Mistyped-horse-2"), device, who.by(who.alice))
    work()
    assert device_for_jobs(device).certified, "the one before still opens it, and stays"


def test_who_types_a_wrong_password_is_told_and_no_later_check_spends_a_try_on_it(
    who: Cast, fleet: tuple[DeviceSpec, ThreadedFleet]
) -> None:
    spec, running = fleet
    device = taken_in(who, fleet)
    running.change_password(spec.serial, "admin", OTHER)
    handle(CheckDevice(), device, who.by(who.alice))
    work()
    Telemetry.objects.create(device=device, next_at=timezone.now())
    handle(GivePassword("Mistyped-horse-2"), device, who.by(who.alice))
    work()
    said = [recorded.event.told("") for recorded in read_stream(device)]
    assert said[-1] == "The password that was typed does not open the device."
    assert Telemetry.objects.get(device=device).asked_at
    wrong = running.calls(spec.serial)["failed_logins"]
    LoginTries.objects.all().delete()
    handle(CheckDevice(), device, who.by(who.alice))
    work()
    assert running.calls(spec.serial)["failed_logins"] == wrong + 1


def test_a_login_that_should_be_right_has_a_try_when_doubtful_ones_have_spent_theirs(
    who: Cast, fleet: tuple[DeviceSpec, ThreadedFleet]
) -> None:
    tries = Tries(device_for_jobs(taken_in(who, fleet)), "admin")
    for _ in range(lock_outs.UNKNOWN.doubtful):
        tries.spend()
    with pytest.raises(TriesSpent):
        tries.spend()
    tries.spend(sure=True)
    with pytest.raises(TriesSpent):
        tries.spend(sure=True)


# --- certificates ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fleet", [{"tls": True, "character": Character.FICKLE}], indirect=True)
def test_a_certificate_is_pinned_first_and_another_one_stops_all_talk_until_it_is_accepted(
    who: Cast, fleet: tuple[DeviceSpec, ThreadedFleet]
) -> None:
    spec, running = fleet
    device = add_device(who, running, spec, tls=True)
    work()
    row = device_for_jobs(device)
    assert row.certified
    assert [pin["certificate"] for pin in row.pins] == [running.certificate(spec.serial)]

    running.reboot(spec.serial)
    calls = dict(running.calls(spec.serial))
    handle(CheckDevice(), device, who.by(who.alice))
    work()
    row = device_for_jobs(device)
    assert row.trouble == "certificate_changed"
    assert dict(running.calls(spec.serial)) == calls, "not one request was sent"
    [strange] = row.strange
    assert strange["certificate"] == running.certificate(spec.serial)

    with pytest.raises(Refused) as no:
        handle(AcceptCertificate("ab" * 32, "A test"), device, who.by(who.alice))
    assert no.value.code == "not_that_certificate"
    handle(AcceptCertificate(strange["certificate"], "Restarted"), device, who.by(who.alice))
    work()
    row = device_for_jobs(device)
    assert row.certified and not row.trouble and not row.strange


# --- the history ----------------------------------------------------------------------------------


def test_an_earlier_password_that_opens_the_device_is_found_again(
    who: Cast, fleet: tuple[DeviceSpec, ThreadedFleet]
) -> None:
    from devices import vault
    from devices.state import CredentialState, credential_id
    from devices.steps.credential import PromoteCandidate, StoreCandidate
    from fleet.eventstore.store import state_of
    from tests.cast import SETUP

    spec, running = fleet
    device = taken_in(who, fleet)
    account = credential_id(device, "admin")
    first = state_of(CredentialState, account).current
    for number in range(2):  # Rekey believes that these were set
        secret = vault.put(device, f"Never-there-{number}x")
        handle(StoreCandidate(secret), account, SETUP)
        handle(PromoteCandidate(secret), account, SETUP)
    handle(CheckDevice(), device, who.by(who.alice))
    work()
    assert device_for_jobs(device).certified is False
    handle(TryHistory(), device, who.by(who.tess))
    work()
    assert device_for_jobs(device).certified
    assert state_of(CredentialState, account).current == first
    kinds = [event.type for event in read_stream(account)]
    assert kinds.count("devices.earlier_password_refused") == 1
    assert running.opens(spec.serial, "admin", vault.get(first, device))


def test_the_tries_of_a_history_last_for_a_part_and_the_rest_comes_later(
    who: Cast, fleet: tuple[DeviceSpec, ThreadedFleet]
) -> None:
    from devices import vault
    from devices.state import credential_id
    from devices.steps.credential import PromoteCandidate, StoreCandidate
    from tests.cast import SETUP

    spec, running = fleet
    device = taken_in(who, fleet)
    account = credential_id(device, "admin")
    for number in range(5):
        secret = vault.put(device, f"Never-there-{number}x")
        handle(StoreCandidate(secret), account, SETUP)
        handle(PromoteCandidate(secret), account, SETUP)
    handle(CheckDevice(), device, who.by(who.alice))
    work()
    handle(TryHistory(), device, who.by(who.tess))
    work()
    [job] = Job.objects.all()
    assert job.error == "tries_spent"
    assert not running.locks(spec.serial)["locked"]
    LoginTries.objects.all().delete()  # as time does
    Job.objects.update(due_at=job.due_at - timedelta(hours=1), woken_at=None)
    work()
    assert device_for_jobs(device).certified, (
        "the first password of all is the fifth in the history"
    )


def _in(wait: timedelta) -> object:
    from django.utils import timezone

    return timezone.now() + wait


def test_a_fleet_in_order_costs_no_tries(who: Cast) -> None:
    specs = uniform_scenario(3, 3, 0)
    with fleet_in_thread(specs) as running:
        for spec in specs:
            add_device(who, running, spec)
        work()
        assert not LoginTries.objects.filter(failed__gt=0).exists()
