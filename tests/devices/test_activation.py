"""Set Password: a factory-fresh device gets its first password, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest

from devices import vault
from devices.queries import device_for_jobs
from devices.state import CredentialState, Kind, credential_id
from devices.steps.activate_device import ActivateDevice
from devices.steps.remove_device import RemoveDevice
from devices.virtual import DeviceSpec, ThreadedFleet, fleet_in_thread, uniform_scenario
from devices.virtual.device import Auth
from devices.virtual.spec import PasswordPolicy
from fleet.accounts.models import Person
from fleet.errors import Conflict, Forbidden, NotFound
from fleet.eventstore import subscriptions, tasks
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import Job
from fleet.eventstore.store import last_position, read_stream, state_of
from tests.cast import Cast, cast, work
from tests.devices.drivers.made_up import password
from tests.faults.dying import pass_time, run_until

pytestmark = pytest.mark.django_db
MAILBOX = "owner@example.com"


@pytest.fixture
def who() -> Cast:
    return cast()


def fresh(count: int = 1, **traits: object) -> list[DeviceSpec]:
    return [replace(spec, fresh=True, **traits) for spec in uniform_scenario(31, count, 0)]


def activate(
    who: Cast,
    fleet: ThreadedFleet,
    spec: DeviceSpec,
    typed: str = "",
    somebody: Person | None = None,
) -> UUID:
    host, port = fleet.address(spec.serial)
    device = new_id()
    ask = ActivateDevice(
        who.site, Kind.CAMERA, spec.name, host, port, MAILBOX, password=typed, tls=spec.tls
    )
    handle(ask, device, who.by(somebody or who.alice))
    return device


def current(device: UUID, username: str = "admin") -> str:
    secret = state_of(CredentialState, credential_id(device, username)).current
    assert secret
    return vault.get(secret, device)


@pytest.fixture
def fleet(request: pytest.FixtureRequest) -> Iterator[tuple[ThreadedFleet, list[DeviceSpec]]]:
    specs = fresh(**getattr(request, "param", {}))
    with fleet_in_thread(specs) as running:
        yield running, specs


@pytest.mark.parametrize(
    "fleet",
    [{"count": 2}, {"count": 2, "auth": Auth.DIGEST_SHA256}, {"count": 2, "tls": True}],
    indirect=True,
)
def test_each_gets_a_password_of_its_own_and_rekeys_account(
    who: Cast, fleet: tuple[ThreadedFleet, list[DeviceSpec]]
) -> None:
    running, specs = fleet
    devices = {spec.serial: activate(who, running, spec) for spec in specs}
    assert all(device_for_jobs(device).fresh for device in devices.values())
    work()
    for serial, device in devices.items():
        row = device_for_jobs(device)
        assert (row.fresh, row.certified, row.managed, row.trouble) == (False, True, True, "")
        assert row.reset_email == MAILBOX
        assert running.opens(serial, "admin", current(device))
        assert running.opens(serial, "rekey", current(device, "rekey"))
    assert (
        len({current(device, name) for device in devices.values() for name in ("admin", "rekey")})
        == 4
    )


def test_a_typed_password_is_the_one_that_is_set_and_stands_in_no_event(
    who: Cast, fleet: tuple[ThreadedFleet, list[DeviceSpec]]
) -> None:
    running, [spec] = fleet
    typed = password()
    device = activate(who, running, spec, typed)
    work()
    assert current(device) == typed
    assert running.opens(spec.serial, "admin", typed)
    told = [*read_stream(device), *read_stream(credential_id(device, "admin"))]
    assert typed not in str([(event.event, event.sentence) for event in told])
    assert "devices.device_activated" in [event.type for event in told]


def test_one_that_is_not_there_yet_is_activated_when_it_is(
    who: Cast, fleet: tuple[ThreadedFleet, list[DeviceSpec]]
) -> None:
    running, [spec] = fleet
    running.power(spec.serial, False)
    device = activate(who, running, spec)
    work()
    assert device_for_jobs(device).trouble == "unreachable"
    assert Job.objects.get().error == "unreachable"
    chosen = state_of(CredentialState, credential_id(device, "admin")).candidate
    running.power(spec.serial, True)
    pass_time(3600)
    work()
    row = device_for_jobs(device)
    assert (row.fresh, row.certified, row.trouble) == (False, True, "")
    assert state_of(CredentialState, credential_id(device, "admin")).current == chosen


def test_one_that_has_a_password_already_keeps_it_and_says_so(
    who: Cast, fleet: tuple[ThreadedFleet, list[DeviceSpec]]
) -> None:
    """Somebody was there between the scan and now."""
    running, [spec] = fleet
    first = activate(who, running, spec)
    work()
    theirs = current(first)
    handle(RemoveDevice("Sold"), first, who.by(who.alice))
    second = activate(who, running, spec)
    work()
    row = device_for_jobs(second)
    assert (row.certified, row.managed, row.trouble) == (None, False, "not_fresh")
    assert running.opens(spec.serial, "admin", theirs)
    assert not Job.objects.exists(), "a person has to see to it"


@pytest.mark.parametrize("fleet", [{"policy": PasswordPolicy(min_length=20)}], indirect=True)
def test_a_password_that_the_device_does_not_take_is_no_password_of_it(
    who: Cast, fleet: tuple[ThreadedFleet, list[DeviceSpec]]
) -> None:
    running, [spec] = fleet
    device = activate(who, running, spec)
    work()
    row = device_for_jobs(device)
    assert (row.fresh, row.certified, row.trouble) == (True, None, "password_refused")
    assert state_of(CredentialState, credential_id(device, "admin")).current is None


def test_bob_may_not_and_charlie_finds_no_site(
    who: Cast, fleet: tuple[ThreadedFleet, list[DeviceSpec]]
) -> None:
    running, [spec] = fleet
    before = last_position()
    for somebody, error in ((who.bob, Forbidden), (who.tess, Forbidden), (who.charlie, NotFound)):
        with pytest.raises(error):
            activate(who, running, spec, somebody=somebody)
    assert last_position() == before


def test_one_address_is_activated_once(
    who: Cast, fleet: tuple[ThreadedFleet, list[DeviceSpec]]
) -> None:
    running, [spec] = fleet
    activate(who, running, spec)
    with pytest.raises(Conflict) as no:
        activate(who, running, spec)
    assert no.value.code == "address_taken"


# --- a worker that is killed ----------------------------------------------------------------------

MOMENTS = ("before CreateUsers", "after CreateUsers")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("auth", [Auth.WS, Auth.DIGEST_SHA256])
def test_a_worker_that_is_killed_around_the_first_password_leaves_a_known_one(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, auth: Auth
) -> None:
    monkeypatch.setattr(tasks, "wake", lambda task, *arguments: True)
    who, specs = cast(), fresh(3, auth=auth)
    with fleet_in_thread(specs) as running:
        whole = run_until(job_of(activate(who, running, specs[0])), 10_000)
        assert not whole.killed
        for moment, spec in zip(MOMENTS, specs[1:], strict=True):
            device = activate(who, running, spec)
            life = run_until(job_of(device), whole.points.index(moment) + 1)
            assert life.killed and life.points[-1] == moment
            assert device_for_jobs(device).fresh, "nobody has recorded anything yet"
            kept = state_of(CredentialState, credential_id(device, "admin")).candidate
            assert kept, "it was in the vault before the device heard of it"
            there = running.opens(spec.serial, "admin", vault.get(kept, device))
            assert there == (moment == "after CreateUsers")
            pass_time(3600)
            work()
            row = device_for_jobs(device)
            assert (row.fresh, row.certified, row.managed) == (False, True, True), moment
            assert current(device) == vault.get(kept, device)
            assert running.opens(spec.serial, "admin", current(device))
            told = [event.type for event in read_stream(device)]
            assert told.count("devices.device_activated") == 1
            assert not Job.objects.exists()


def job_of(device: UUID) -> int:
    subscriptions.pump()
    added = read_stream(device)[0]
    job: int = Job.objects.get(position=added.position).pk
    return job
