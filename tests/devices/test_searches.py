"""A scan searches a network and shows what is new, changed and gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.utils import timezone

from devices.discovery import additions, discoveries, searches
from devices.discovery.discoveries import Standing
from devices.models import Device, Discovered, Scan, ScanProgress
from devices.moves import move
from devices.queries import device_for_jobs
from devices.state import Method, Repeat, ScanStatus
from devices.steps.change_device import ChangeDevice
from devices.steps.discover import HeedDiscovered, IgnoreDiscovered
from devices.steps.open_site import OpenSite
from devices.steps.scan_network import RequestScan, StopScan
from devices.steps.site_networks import SetNetworks
from devices.virtual import DeviceSpec, ThreadedFleet, fleet_in_thread, uniform_scenario
from fleet.accounts.access import actor_of
from fleet.errors import Conflict, NotFound, Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from tests.cast import SETUP, Cast, add_device, cast, work

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

NETWORK = "127.0.0.0/29"


@pytest.fixture(autouse=True)
def _no_long_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The virtual devices answer at once."""
    monkeypatch.setattr(searches, "PROBE_SECONDS", 0.8)


@pytest.fixture
def who() -> Cast:
    made = cast()
    handle(SetNetworks(NETWORK), made.site, made.by(made.alice))
    return made


@pytest.fixture
def specs() -> list[DeviceSpec]:
    first, second, third = uniform_scenario(11, 3, 0)
    return [first, second, replace(third, fresh=True)]


@pytest.fixture
def fleet(specs: list[DeviceSpec]) -> Iterator[ThreadedFleet]:
    with fleet_in_thread(specs, discovery_port=0) as running:
        yield running


def scan(who: Cast, fleet: ThreadedFleet, settings: Any, **how: Any) -> Scan:
    """Search once."""
    settings.REKEY_DISCOVERY_PORT = fleet.discovery_port
    made = new_id()
    handle(RequestScan(who.site, NETWORK, **how), made, who.by(who.alice))
    work()
    row: Scan = Scan.objects.for_jobs().get(pk=made)
    return row


def by_address(who: Cast, fleet: ThreadedFleet, specs: list[DeviceSpec], settings: Any) -> Scan:
    ports = " ".join(str(fleet.address(spec.serial)[1]) for spec in specs)
    return scan(who, fleet, settings, method=Method.ADDRESS_SCAN, ports=ports)


def standing(who: Cast) -> dict[str, str]:
    rows: Any = discoveries.discovered(actor_of(who.alice))
    return {row.serial: row.standing for row in rows}


def found(spec: DeviceSpec) -> UUID:
    rows: Any = Discovered.objects.for_jobs()
    pk: UUID = rows.get(port=spec.port or 0).pk if spec.port else rows.get(serial=spec.serial).pk
    return pk


@pytest.mark.parametrize("method", list(Method))
def test_what_is_there_is_found_and_whether_it_has_a_password(
    who: Cast, fleet: ThreadedFleet, specs: list[DeviceSpec], settings: Any, method: Method
) -> None:
    if method is Method.ADDRESS_SCAN:
        row = by_address(who, fleet, specs, settings)
    else:
        row = scan(who, fleet, settings)
    assert (row.status, row.found, row.new, row.gone) == (ScanStatus.FINISHED, 3, 3, 0), row.why
    rows: Any = discoveries.discovered(actor_of(who.alice))
    assert {(r.host, r.port) for r in rows} == {fleet.address(s.serial) for s in specs}
    assert {r.standing for r in rows} == {Standing.NEW}
    assert sorted(r.fresh for r in rows) == [False, False, True]
    assert ScanProgress.objects.get(scan=row.pk).done > 0
    assert sum(fleet.calls(s.serial)["failed_logins"] for s in specs) == 0, "no login was tried"


def test_scanning_again_changes_nothing_where_nothing_has_changed(
    who: Cast, fleet: ThreadedFleet, specs: list[DeviceSpec], settings: Any
) -> None:
    scan(who, fleet, settings)
    versions = dict(Discovered.objects.for_jobs().values_list("pk", "version"))
    again = scan(who, fleet, settings)
    assert (again.found, again.new, again.changed, again.gone) == (3, 0, 0, 0)
    other = by_address(who, fleet, specs, settings)
    assert (other.found, other.new) == (3, 0), "both ways find the same devices"
    assert (
        dict(Discovered.objects.for_jobs().values_list("pk", "version")).keys() == versions.keys()
    )


def test_what_is_not_found_any_more_is_gone_and_comes_back(
    who: Cast, fleet: ThreadedFleet, specs: list[DeviceSpec], settings: Any
) -> None:
    by_address(who, fleet, specs, settings)
    fleet.power(specs[0].serial, False)
    row = by_address(who, fleet, specs, settings)
    assert (row.found, row.gone) == (2, 1)
    assert list(standing_at(who, fleet, specs[0])) == [Standing.GONE]
    fleet.power(specs[0].serial, True)
    row = by_address(who, fleet, specs, settings)
    assert (row.changed, row.gone) == (1, 0)
    assert list(standing_at(who, fleet, specs[0])) == [Standing.NEW]


def standing_at(who: Cast, fleet: ThreadedFleet, spec: DeviceSpec) -> list[str]:
    host, port = fleet.address(spec.serial)
    rows: Any = discoveries.discovered(actor_of(who.alice)).filter(host=host, port=port)
    return [row.standing for row in rows]


def test_a_device_of_the_fleet_is_known_by_its_address_and_followed_to_another(
    who: Cast, fleet: ThreadedFleet, specs: list[DeviceSpec], settings: Any
) -> None:
    device = add_device(who, fleet, specs[0])
    work()
    row = by_address(who, fleet, specs, settings)
    assert (row.found, row.new) == (3, 2)
    assert standing_at(who, fleet, specs[0]) == [Standing.ADDED]
    host, port = fleet.address(specs[0].serial)
    handle(ChangeDevice(port=9), device, who.by(who.alice))  # as if it had moved since
    seen: Any = discoveries.discovered(actor_of(who.alice)).get(host=host, port=port)
    if seen.serial or seen.mac:  # some tell who they are to anybody
        assert seen.standing == Standing.MOVED
        assert additions.follow_found(seen.pk, who.by(who.alice)) == device
        assert device_for_jobs(device).port == port
    else:
        with pytest.raises(Conflict):
            additions.follow_found(seen.pk, who.by(who.alice))


def test_a_device_of_the_fleet_that_is_first_seen_at_another_address_counts_as_changed(
    who: Cast, fleet: ThreadedFleet, specs: list[DeviceSpec], settings: Any
) -> None:
    device = add_device(who, fleet, specs[0])
    work()
    handle(ChangeDevice(port=9), device, who.by(who.alice))  # as if it had moved since
    row = scan(who, fleet, settings)
    assert (row.found, row.new, row.changed) == (3, 2, 1)
    assert standing_at(who, fleet, specs[0]) == [Standing.MOVED]


def test_a_device_of_another_site_is_not_taken_for_a_new_one_by_those_who_may_see_that_site(
    who: Cast, fleet: ThreadedFleet, specs: list[DeviceSpec], settings: Any
) -> None:
    museum = new_id()
    handle(OpenSite(who.organisation, "Museum", "UTC"), museum, SETUP)
    device = add_device(who, fleet, specs[0])
    work()
    move([device], museum, who.by(who.alice))
    scan(who, fleet, settings)
    assert standing_at(who, fleet, specs[0]) == [Standing.ELSEWHERE]
    host, port = fleet.address(specs[0].serial)
    seen: Any = discoveries.discovered(actor_of(who.bob)).get(host=host, port=port)
    assert (seen.standing, seen.device) == (Standing.NEW, None), "Bob knows nothing of the museum"


def test_many_are_added_at_once_or_none(
    who: Cast, fleet: ThreadedFleet, specs: list[DeviceSpec], settings: Any
) -> None:
    scan(who, fleet, settings)
    rows: Any = Discovered.objects.for_jobs().filter(fresh=False)
    ids = [row.pk for row in rows]
    same = specs[0].password
    fleet.change_password(specs[1].serial, "admin", same)
    added = additions.add_found(ids, "admin", same, "owner@example.com", who.by(who.alice))
    work()
    assert [device_for_jobs(pk).certified for pk in added] == [True, True]
    everybody = [row.pk for row in Discovered.objects.for_jobs()]
    with pytest.raises(Conflict) as no:
        additions.add_found(everybody, "admin", same, "", who.by(who.alice))
    assert no.value.code == "added_already"
    assert Device.objects.for_jobs().count() == 2


def test_a_fresh_one_gets_its_first_password_and_is_added(
    who: Cast, fleet: ThreadedFleet, specs: list[DeviceSpec], settings: Any
) -> None:
    from devices import vault
    from devices.state import CredentialState, credential_id
    from fleet.eventstore.store import state_of

    scan(who, fleet, settings)
    ids = [row.pk for row in Discovered.objects.for_jobs()]
    with pytest.raises(Refused) as no:
        additions.activate_found(ids, "owner@example.com", who.by(who.alice))
    assert no.value.code == "not_fresh"
    fresh = [row.pk for row in Discovered.objects.for_jobs().filter(fresh=True)]
    [device] = additions.activate_found(fresh, "owner@example.com", who.by(who.alice))
    work()
    row = device_for_jobs(device)
    assert (row.certified, row.managed, row.fresh, row.trouble) == (True, True, False, "")
    current = state_of(CredentialState, credential_id(device, "admin")).current
    assert fleet.opens(specs[2].serial, "admin", vault.get(current, device))


def test_what_is_ignored_is_heard_of_no_more_until_it_is_heeded(
    who: Cast, fleet: ThreadedFleet, specs: list[DeviceSpec], settings: Any
) -> None:
    scan(who, fleet, settings)
    one = Discovered.objects.for_jobs().first()
    handle(IgnoreDiscovered(), one.pk, who.by(who.alice))
    scan(who, fleet, settings)
    assert discoveries.one_discovered(actor_of(who.alice), one.pk).standing == Standing.IGNORED
    handle(HeedDiscovered(), one.pk, who.by(who.alice))
    assert discoveries.one_discovered(actor_of(who.alice), one.pk).standing == Standing.NEW


def test_a_scan_is_repeated_when_it_is_time_until_it_is_stopped(
    who: Cast, fleet: ThreadedFleet, settings: Any
) -> None:
    row = scan(who, fleet, settings, repeat=Repeat.DAILY)
    assert row.next_at is not None
    with time_machine.travel(timezone.now() + timedelta(hours=24, minutes=1), tick=True):
        work()
        row.refresh_from_db()
        assert (row.run, row.status) == (2, ScanStatus.FINISHED)
        handle(StopScan(), row.pk, who.by(who.alice))
    with time_machine.travel(timezone.now() + timedelta(hours=49), tick=True):
        work()
        row.refresh_from_db()
        assert (row.run, row.status, row.next_at) == (2, ScanStatus.STOPPED, None)


@pytest.mark.parametrize(
    ("network", "because"),
    [
        ("10.0.0.0/24", "outside_site"),
        ("127.0.0.0/8", "network_too_large"),
        ("224.0.0.0/24", "not_unicast"),
        ("the yard", "not_a_network"),
    ],
)
def test_a_network_that_is_not_the_sites_is_refused_and_nothing_begun(
    who: Cast, network: str, because: str
) -> None:
    with pytest.raises(Refused) as no:
        handle(RequestScan(who.site, network), new_id(), who.by(who.alice))
    assert (no.value.code, no.value.facts["because"]) == ("network_refused", because)
    assert not Scan.objects.for_jobs().exists()


def test_charlie_scans_nothing_of_ours_and_sees_nothing_of_it(
    who: Cast, fleet: ThreadedFleet, settings: Any
) -> None:
    row = scan(who, fleet, settings)
    charlie = actor_of(who.charlie)
    assert not discoveries.scans(charlie).exists()
    assert not discoveries.discovered(charlie).exists()
    assert discoveries.progress(charlie, [row.pk]) == {}
    with pytest.raises(NotFound):
        handle(RequestScan(who.site, NETWORK), new_id(), who.by(who.charlie))
    ids = [r.pk for r in Discovered.objects.for_jobs()]
    with pytest.raises(NotFound):
        additions.add_found(ids, "admin", "Some-horse-12", "", who.by(who.charlie))
