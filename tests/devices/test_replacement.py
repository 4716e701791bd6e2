"""A broken device is replaced by a new one: the place's history goes on, no old secret does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from devices import vault
from devices.models import Device
from devices.queries import device_for_jobs
from devices.state import CredentialState, Kind, credential_id
from devices.steps.replace_device import ReplaceDevice
from devices.virtual import DeviceSpec, ThreadedFleet, fleet_in_thread, uniform_scenario
from devices.virtual.spec import PasswordPolicy
from fleet.errors import Conflict, Forbidden, NotFound, Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.models import Job
from fleet.eventstore.store import last_position, read_stream, state_of
from tests.cast import Cast, add_device, work
from tests.fleet.eventstore.ground import device, reset

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def specs(request: pytest.FixtureRequest) -> tuple[DeviceSpec, DeviceSpec]:
    """The old device and the new one, of which something may be said."""
    old, new = uniform_scenario(23, 2, 0)
    return replace(old, tls=True), replace(new, tls=True, **getattr(request, "param", {}))


@pytest.fixture
def fleet(specs: tuple[DeviceSpec, ...]) -> Iterator[ThreadedFleet]:
    with fleet_in_thread(specs) as running:
        yield running


@pytest.fixture
def place(who: Cast, fleet: ThreadedFleet, specs: tuple[DeviceSpec, ...]) -> UUID:
    """Where the old device is, taken in."""
    added = add_device(who, fleet, specs[0], tls=True)
    work()
    assert device_for_jobs(added).managed
    return added


def by(new: DeviceSpec, fleet: ThreadedFleet, **more: Any) -> ReplaceDevice:
    host, port = fleet.address(new.serial)
    told = {"host": host, "port": port, "username": "admin", "password": new.password, "tls": True}
    return ReplaceDevice(**(told | more))


def account(place: UUID, username: str) -> CredentialState:
    return state_of(CredentialState, credential_id(place, username))


def current(place: UUID, username: str) -> str:
    secret = account(place, username).current
    assert secret
    return vault.get(secret, place)


def test_the_new_device_is_taken_in_and_no_secret_of_the_old_one_is_put_on_it(
    who: Cast, fleet: ThreadedFleet, specs: tuple[DeviceSpec, ...], place: UUID
) -> None:
    old, new = specs
    was, before = device_for_jobs(place), len(read_stream(place))
    admin, own = current(place, "admin"), current(place, "rekey")
    handle(by(new, fleet), place, who.by(who.alice))
    row = device_for_jobs(place)
    assert (row.certified, row.managed, row.pins, row.serial) == (None, False, [], "")
    work()

    row = device_for_jobs(place)
    assert (row.certified, row.managed, row.trouble) == (True, True, "")
    assert (row.serial, row.name, row.reset_email) == (new.serial, was.name, was.reset_email)
    assert [pin["certificate"] for pin in row.pins] == [fleet.certificate(new.serial)]
    assert fleet.certificate(new.serial) != fleet.certificate(old.serial)
    assert current(place, "admin") == new.password
    assert current(place, "rekey") != own
    assert fleet.opens(new.serial, "rekey", current(place, "rekey"))
    assert not fleet.opens(new.serial, "rekey", own)
    assert not fleet.opens(new.serial, "admin", admin)
    assert [vault.get(s, place) for s in account(place, "rekey").superseded] == [own]
    assert len(read_stream(place)) > before, "the history of the place goes on"


def test_the_old_devices_password_is_not_tried_on_the_new_one(
    who: Cast, fleet: ThreadedFleet, specs: tuple[DeviceSpec, ...], place: UUID
) -> None:
    new, old = specs[1], account(place, "admin").current
    handle(by(new, fleet, password="Mistyped-horse-1"), place, who.by(who.alice))
    work()
    assert device_for_jobs(place).certified is False
    assert fleet.calls(new.serial)["failed_logins"] == 1
    known = account(place, "admin")
    assert (known.current, known.superseded) == (None, (old,)), "it is an earlier one, as was said"


def test_a_run_that_comes_back_makes_no_second_account_and_no_second_password(
    who: Cast, fleet: ThreadedFleet, specs: tuple[DeviceSpec, ...], place: UUID
) -> None:
    """The new device is not there yet: the job comes back until it is."""
    new = specs[1]
    fleet.power(new.serial, False)
    handle(by(new, fleet), place, who.by(who.alice))
    work()
    assert device_for_jobs(place).trouble == "unreachable"
    waiting = (account(place, "admin").candidate, account(place, "rekey").candidate)
    for _ in range(2):
        Job.objects.update(due_at=_long_ago(), woken_at=None)
        work()
    assert (account(place, "admin").candidate, account(place, "rekey").candidate) == waiting
    fleet.power(new.serial, True)
    Job.objects.update(due_at=_long_ago(), woken_at=None)
    work()
    assert device_for_jobs(place).managed
    assert (account(place, "admin").current, account(place, "rekey").current) == waiting
    assert not Job.objects.exists()


def _long_ago() -> Any:
    from datetime import UTC, datetime

    return datetime(2020, 1, 1, tzinfo=UTC)


SHORT = {"policy": PasswordPolicy(max_length=12), "password": "Short-horse1"}


@pytest.mark.parametrize("specs", [SHORT], indirect=True)
def test_a_new_device_that_takes_shorter_passwords_gets_a_shorter_one(
    who: Cast, fleet: ThreadedFleet, specs: tuple[DeviceSpec, ...], place: UUID
) -> None:
    handle(by(specs[1], fleet), place, who.by(who.alice))
    work()
    row = device_for_jobs(place)
    assert (row.certified, row.managed, row.trouble) == (True, True, "")
    assert len(current(place, "rekey")) <= 12


def test_another_account_is_the_devices_from_then_on_and_the_first_ones_password_is_kept(
    who: Cast, fleet: ThreadedFleet, specs: tuple[DeviceSpec, ...], place: UUID
) -> None:
    kept = current(place, "admin")
    handle(by(specs[1], fleet, username="root"), place, who.by(who.alice))
    work()
    row = device_for_jobs(place)
    assert (row.username, row.certified) == ("root", False), "it has no such account"
    assert current(place, "admin") == kept


def test_a_wrong_password_leaves_the_place_as_not_certified(
    who: Cast, fleet: ThreadedFleet, specs: tuple[DeviceSpec, ...], place: UUID
) -> None:
    handle(by(specs[1], fleet, password="made-up-and-wrong-1"), place, who.by(who.alice))
    work()
    row = device_for_jobs(place)
    assert (row.certified, row.managed) == (False, False)
    [own] = account(place, "rekey").superseded
    assert not fleet.opens(specs[1].serial, "rekey", vault.get(own, place))


# --- what is refused ------------------------------------------------------------------------------

NEW = ReplaceDevice("203.0.113.200", 80, "admin", "made-up-and-new-1")


def test_a_device_that_is_being_reset_is_not_replaced(who: Cast) -> None:
    busy = device(who)
    reset(who, busy)
    before = last_position()
    with pytest.raises(Refused) as no:
        handle(NEW, busy, who.by(who.alice))
    assert no.value.code == "device_busy"
    assert last_position() == before


def test_nothing_is_put_where_another_device_is(who: Cast) -> None:
    one, _ = device(who), device(who, host=NEW.host, port=NEW.port)
    with pytest.raises(Conflict) as no:
        handle(NEW, one, who.by(who.alice))
    assert no.value.code == "address_taken"


def test_an_nvr_is_replaced_with_its_cameras_on_their_channels(who: Cast) -> None:
    nvr = device(who, kind=Kind.NVR)
    gate = device(who, nvr=nvr, channel=3)
    handle(NEW, nvr, who.by(who.alice))
    row = Device.objects.for_jobs().get(pk=gate)
    assert (row.nvr_id, row.channel) == (nvr, 3)


def test_bob_may_not_and_charlie_finds_nothing(who: Cast) -> None:
    one = device(who)
    before = last_position()
    for somebody, error in ((who.bob, Forbidden), (who.tess, Forbidden), (who.charlie, NotFound)):
        with pytest.raises(error):
            handle(NEW, one, who.by(somebody))
    assert last_position() == before
