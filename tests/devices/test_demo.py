"""`manage.py demo`: what a new user finds."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices import demo
from devices.models import Device
from devices.virtual import ThreadedFleet, default_scenario, fleet_in_thread
from fleet.accounts.access import actor_of_token
from fleet.accounts.models import Person
from fleet.eventstore.models import EventRow
from tests.cast import cast, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_database]

# The lost camera's recorder comes with it; the dead one shows that trouble does not hold it up.
SPECS = [
    spec
    for spec in default_scenario(seed=3, port_base=0)
    if spec.name in (demo.LOST, "Harbour recorder", "Museum courtyard")
]
LOST = next(spec for spec in SPECS if spec.name == demo.LOST)


@pytest.fixture
def world() -> Iterator[ThreadedFleet]:
    with fleet_in_thread(SPECS) as running:
        yield running


def run(world: ThreadedFleet, path: Path) -> demo.Keys:
    keys = demo.Keys.read(path)
    demo.set_up(keys, world, SPECS)
    assert demo.wait_until_taken_in(SPECS, pause=work) == []
    demo.lose_a_password(world, SPECS, pause=work)
    return keys


def test_the_demo_ends_with_one_camera_that_is_not_certified(
    world: ThreadedFleet, tmp_path: Path
) -> None:
    keys = run(world, tmp_path / "demo.json")
    devices = {d.name: d for d in Device.objects.for_jobs()}
    assert devices[demo.LOST].certified is False
    assert devices[demo.LOST].managed, "its password can be set again"
    assert devices[demo.LOST].nvr_id == devices["Harbour recorder"].id
    assert devices["Harbour recorder"].certified
    assert devices["Museum courtyard"].trouble == "unreachable"
    assert Person.objects.get(email="tess@example.com").check_password(
        keys.passwords["tess@example.com"]
    )
    _, person = actor_of_token(keys.token)
    assert person.name == "Alice"
    assert not world.opens(LOST.serial, "admin", LOST.password)


def test_a_second_run_changes_nothing_and_prints_the_same(
    world: ThreadedFleet, tmp_path: Path
) -> None:
    first = run(world, tmp_path / "demo.json")
    before = EventRow.objects.for_jobs().count()
    second = run(world, tmp_path / "demo.json")
    assert (second.passwords, second.token) == (first.passwords, first.token)
    assert EventRow.objects.for_jobs().count() == before


def test_only_its_owner_reads_what_the_demo_keeps(world: ThreadedFleet, tmp_path: Path) -> None:
    run(world, tmp_path / "demo.json")
    assert stat.S_IMODE((tmp_path / "demo.json").stat().st_mode) == 0o600


def test_no_password_or_token_of_the_demo_is_in_the_log(
    world: ThreadedFleet, tmp_path: Path
) -> None:
    keys = run(world, tmp_path / "demo.json")
    told = "".join(EventRow.objects.for_jobs().values_list("data", flat=True))
    for hidden in [*keys.passwords.values(), keys.token[-64:], *(s.password for s in SPECS)]:
        assert hidden not in told


def test_without_a_worker_it_says_which_devices_wait(
    world: ThreadedFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "LEAST_PATIENCE", 0.0)
    demo.set_up(demo.Keys.read(tmp_path / "demo.json"), world, SPECS)
    left = demo.wait_until_taken_in(SPECS, pause=lambda: None)
    assert sorted(left) == sorted(spec.name for spec in SPECS)


def test_it_stays_out_of_a_database_that_is_somebody_elses(
    world: ThreadedFleet, tmp_path: Path
) -> None:
    cast()
    with pytest.raises(demo.DemoFailed, match="stays out"):
        demo.set_up(demo.Keys.read(tmp_path / "demo.json"), world, SPECS)


def test_a_fleet_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(demo.DemoFailed, match="does not answer on port 1"):
        demo.BackDoor(1)
