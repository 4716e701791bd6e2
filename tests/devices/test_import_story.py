"""A list's way: uploaded, looked at, applied by a worker; in one piece, once, and in whose name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import time_machine

from devices import vault
from devices.lists import imports
from devices.lists.models import Import, ImportFile
from devices.lists.plans import Action
from devices.lists.state import ImportPhase, ImportState
from devices.models import Device, Secret
from devices.state import Kind
from devices.steps.add_device import AddDevice
from devices.steps.change_device import ChangeDevice
from devices.steps.remove_device import RemoveDevice
from devices.virtual import DeviceSpec, ThreadedFleet, fleet_in_thread, uniform_scenario
from fleet.accounts.state import Role
from fleet.accounts.steps.grant_role import GrantRole
from fleet.accounts.steps.revoke_role import RevokeRole
from fleet.errors import Forbidden, NotFound, Refused
from fleet.eventstore import projections, subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import By, Recorded
from fleet.eventstore.models import EventRow, Job
from fleet.eventstore.store import read_stream, state_of
from tests.cast import SETUP, Cast, person, work
from tests.devices.lists.made_up import csv_of, xlsx_of

pytestmark = pytest.mark.django_db

HEAD = ("Name", "Address", "Port", "Account", "Password", "Reset Password Email")
PASSWORD = "invented-for-this-test-1"
LINES = 50


@pytest.fixture
def alice(who: Cast) -> By:
    return who.by(who.alice)


@pytest.fixture(scope="module")
def specs() -> list[DeviceSpec]:
    return uniform_scenario(7, LINES, port_base=0)


@pytest.fixture
def fleet(specs: list[DeviceSpec]) -> Iterator[ThreadedFleet]:
    with fleet_in_thread(specs) as running:
        yield running


def a_list(*names: str, **more: str) -> bytes:
    """A list of cameras that nobody answers at."""
    lines = [
        (name, f"203.0.113.{number}", "80", "admin", PASSWORD, "owner@example.com", *more.values())
        for number, name in enumerate(names, 1)
    ]
    return csv_of((*HEAD, *more), *lines)


def applied(who: Cast, data: bytes, by: By) -> ImportState:
    """Check it, apply it, and let only that job run."""
    checked = imports.check(who.site, "list.csv", data, by)
    imports.apply(checked, by)
    run_import()
    return state_of(ImportState, checked)


def run_import() -> None:
    subscriptions.pump()
    for job in Job.objects.filter(reaction="devices.apply_import"):
        subscriptions.run(job.id)


def events(kind: str = "devices.") -> list[EventRow]:
    return list(EventRow.everything.filter(type__startswith=kind).order_by("position"))


# --- the story ------------------------------------------------------------------------------------


@pytest.mark.one_database
def test_fifty_lines_are_added_taken_in_and_changed(
    who: Cast, alice: By, fleet: ThreadedFleet, specs: list[DeviceSpec]
) -> None:
    def lines(prefix: str) -> list[tuple[str, ...]]:
        return [
            (
                f"{prefix} {n}",
                *map(str, fleet.address(spec.serial)),
                "admin",
                spec.password,
                "owner@example.com",
                spec.serial,
            )
            for n, spec in enumerate(specs)
        ]

    head = (*HEAD, "Serial")
    checked = imports.check(who.site, "cameras.xlsx", xlsx_of(head, *lines("Camera")), alice)
    run = imports.dry_run(checked)
    assert [line.action for line in run.lines] == [Action.ADD] * LINES
    assert not Device.objects.for_jobs().exists()

    imports.apply(checked, alice)
    work()
    rows = list(Device.objects.for_jobs().order_by("name"))
    assert len(rows) == LINES
    assert all(row.certified and row.managed and not row.trouble for row in rows)
    row = Import.objects.for_jobs().get(pk=checked)
    assert (row.phase, row.to_add, row.to_update) == (ImportPhase.APPLIED, LINES, 0)

    again = imports.check(who.site, "cameras.csv", csv_of(head, *lines("Gate")), alice)
    [line, *_] = imports.dry_run(again).lines
    assert [(c.column, c.old, c.new) for c in line.changes] == [("Name", "Camera 0", "Gate 0")]
    assert line.note == "Its password stays as it is."
    imports.apply(again, alice)
    work()
    assert {one.name for one in Device.objects.for_jobs()} == {f"Gate {n}" for n in range(LINES)}
    third = imports.check(who.site, "cameras.csv", csv_of(head, *lines("Gate")), alice)
    assert {one.action for one in imports.dry_run(third).lines} == {Action.UNCHANGED}

    assert list(projections.differences()) == []
    log = "\n".join(f"{e.data}{e.reason}{e.actor_name}" for e in events(""))
    for spec in specs:
        assert spec.password not in log


def test_what_a_list_does_is_done_in_the_name_of_whoever_asked(who: Cast, alice: By) -> None:
    state = applied(who, a_list("Gate", "Door"), alice)
    requested = events("devices.import_requested")[0]
    added = events("devices.device_added")
    assert [e.actor_name for e in added] == ["Alice", "Alice"]
    assert {(e.causation, e.correlation, e.source) for e in added} == {
        (requested.id, state.id, "127.0.0.1")
    }
    told = [recorded.sentence for recorded in read_stream(state.id)]
    assert told == [
        "Alice checked the list list.csv: 2 to add, 0 to change, 0 unchanged. Nothing was changed.",
        "Alice had the list list.csv applied.",
        "The list list.csv is applied: 2 devices are added, 0 changed.",
    ]


def test_an_nvr_and_its_cameras_come_in_one_list(who: Cast, alice: By) -> None:
    data = csv_of(
        ("Name", "Kind", "Address", "Password", "NVR", "Channel"),
        ("Gate", "camera", "203.0.113.1", PASSWORD, "Cellar", "1"),
        ("Cellar", "NVR", "203.0.113.9", PASSWORD, "", ""),
    )
    assert applied(who, data, alice).phase is ImportPhase.APPLIED
    nvr = Device.objects.for_jobs().get(name="Cellar")
    gate = Device.objects.for_jobs().get(name="Gate")
    assert (gate.nvr_id, gate.channel, nvr.kind) == (nvr.pk, 1, Kind.NVR)
    assert list(projections.differences()) == []


def test_the_passwords_are_in_the_vault_each_for_its_device(who: Cast, alice: By) -> None:
    applied(who, a_list("Gate", "Door"), alice)
    for added in events("devices.device_added"):
        secret = UUID(re.search('"secret":"([^"]+)"', added.data)[1])
        assert vault.get(secret, added.stream) == PASSWORD
    assert Secret.objects.count() == 2, "the list itself is gone"


# --- whole or not at all, and once ----------------------------------------------------------------


def test_with_a_problem_anywhere_nothing_is_applied(who: Cast, alice: By) -> None:
    data = a_list("Gate", "Door") + b"Cellar,203.0.113.9,many,admin,x,\n"
    checked = imports.check(who.site, "list.csv", data, alice)
    with pytest.raises(Refused) as refused:
        imports.apply(checked, alice)
    assert refused.value.code == "import_has_problems"
    run_import()
    assert not Device.objects.for_jobs().exists()


def test_what_the_dry_run_did_not_show_is_not_done(who: Cast, alice: By) -> None:
    """Somebody adds a device by hand where a line wanted to: the line would change that one now."""
    checked = imports.check(who.site, "list.csv", a_list("Gate", "Door"), alice)
    by_hand = AddDevice(who.site, Kind.CAMERA, "Cellar", "203.0.113.2", 80, "admin", PASSWORD)
    handle(by_hand, new_id(), alice)
    imports.apply(checked, alice)
    run_import()
    state = state_of(ImportState, checked)
    assert (state.phase, state.counts.add, state.counts.problem) == (ImportPhase.CHECKED, 1, 1)
    assert state.trouble.startswith("Lines that come to something else than in the dry run: 1.")
    assert imports.dry_run(checked).lines[1].problem.code == "mailbox_not_by_import"
    assert [row.name for row in Device.objects.for_jobs()] == ["Cellar"]


def test_what_has_changed_is_shown_and_may_be_applied_then(who: Cast, alice: By) -> None:
    applied(who, a_list("Gate"), alice)
    checked = imports.check(who.site, "list.csv", a_list("Gate north"), alice)
    [row] = Device.objects.for_jobs()
    handle(ChangeDevice(name="Gate south"), row.pk, alice)
    for phase in (ImportPhase.CHECKED, ImportPhase.APPLIED):
        imports.apply(checked, alice)
        run_import()
        assert state_of(ImportState, checked).phase is phase
    assert Device.objects.for_jobs().get().name == "Gate north"


def test_applied_twice_it_is_done_once(who: Cast, alice: By) -> None:
    checked = imports.check(who.site, "list.csv", a_list("Gate"), alice)
    imports.apply(checked, alice)
    imports.apply(checked, alice)
    run_import()
    imports.apply(checked, alice)
    run_import()
    assert len(events("devices.import_requested")) == 1
    assert len(events("devices.device_added")) == 1


def test_a_job_that_runs_again_finds_it_done(who: Cast, alice: By) -> None:
    state = applied(who, a_list("Gate"), alice)
    asked = next(r for r in read_stream(state.id) if r.type == "devices.import_requested")
    subscriptions.REACTIONS["devices.apply_import"].run(asked)
    assert len(events("devices.device_added")) == 1


def test_two_workers_at_once_apply_it_once(
    who: Cast, alice: By, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one has begun before the first one was through."""
    real = imports.carry_out

    def twice(state: ImportState, asked: Recorded) -> None:
        real(state, asked)
        real(state, asked)

    monkeypatch.setattr(imports, "carry_out", twice)
    state = applied(who, a_list("Gate"), alice)
    assert state.phase is ImportPhase.APPLIED
    assert len(events("devices.device_added")) == 1
    assert [line.action for line in imports.dry_run(state.id).lines] == [Action.ADD]


# --- who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bob", "tess"])
def test_who_may_not_add_devices_may_not_import(who: Cast, name: str) -> None:
    by = who.by(getattr(who, name))
    for data in (a_list("Gate"), b"not even read"):
        with pytest.raises(Forbidden):
            imports.check(who.site, "list.csv", data, by)


def test_an_outsider_meets_nothing(who: Cast, alice: By) -> None:
    charlie = who.by(who.charlie)
    with pytest.raises(NotFound):
        imports.check(who.site, "list.csv", a_list("Gate"), charlie)
    checked = imports.check(who.site, "list.csv", a_list("Gate"), alice)
    for act in (imports.apply, imports.discard):
        with pytest.raises(NotFound):
            act(checked, charlie)


def test_a_list_is_its_uploaders_alone(who: Cast, alice: By) -> None:
    other = person("Ada", who.organisation, Role.ADMINISTRATOR)
    checked = imports.check(who.site, "list.csv", a_list("Gate"), alice)
    with pytest.raises(NotFound):
        imports.own(who.by(other).actor, checked)


def test_a_role_that_is_gone_by_then_applies_nothing(who: Cast) -> None:
    role, olga = new_id(), person("Olga", who.organisation, Role.VIEWER)
    grant = GrantRole(olga.id, "Olga", Role.OPERATOR, who.organisation, who.site)
    handle(grant, role, SETUP)
    checked = imports.check(who.site, "list.csv", a_list("Gate"), who.by(olga))
    imports.apply(checked, who.by(olga))
    handle(RevokeRole("She left"), role, SETUP)
    run_import()
    state = state_of(ImportState, checked)
    assert state.phase is ImportPhase.CHECKED
    assert state.counts.problem == 1
    assert imports.dry_run(checked).lines[0].problem.code == "role_too_low"
    assert not Device.objects.for_jobs().exists()


def test_an_account_that_is_closed_by_then_applies_nothing(who: Cast, alice: By) -> None:
    checked = imports.check(who.site, "list.csv", a_list("Gate"), alice)
    imports.apply(checked, alice)
    who.alice.is_active = False
    who.alice.save()
    run_import()
    assert "may not do so any more" in state_of(ImportState, checked).trouble
    assert not Device.objects.for_jobs().exists()


def test_lines_about_a_site_of_others_are_as_if_it_were_not_there(who: Cast, alice: By) -> None:
    lines = [
        imports.dry_run(
            imports.check(who.site, "list.csv", a_list("Gate", Site=site), alice)
        ).lines[0]
        for site in ("Island", "Nowhere")
    ]
    hidden, missing = (line.problem for line in lines)
    assert hidden.message.replace("Island", "Nowhere") == missing.message
    assert (hidden.code, hidden.column) == (missing.code, missing.column)
    assert hidden.code == "not_found"


# --- what is kept ---------------------------------------------------------------------------------


def test_the_list_is_kept_encrypted_for_an_hour_and_its_dry_run_holds_no_password(
    who: Cast, alice: By
) -> None:
    now = datetime.now(UTC)
    checked = imports.check(who.site, "list.csv", a_list("Gate"), alice)
    kept = ImportFile.objects.get(pk=checked)
    assert PASSWORD.encode() not in bytes(kept.plan)
    [secret] = Secret.objects.filter(device=checked)
    assert PASSWORD.encode() not in bytes(secret.ciphertext)
    assert PASSWORD in vault.get(kept.rows, checked)
    with time_machine.travel(now + timedelta(minutes=59), tick=False):
        work()
        assert ImportFile.objects.filter(pk=checked).exists()
    with time_machine.travel(now + timedelta(minutes=61), tick=False):
        with pytest.raises(Refused) as refused:
            imports.apply(checked, alice)
        assert refused.value.code == "import_over"
        work()
    assert state_of(ImportState, checked).phase is ImportPhase.EXPIRED
    assert not ImportFile.objects.exists()
    assert not Secret.objects.exists()


def test_a_list_that_is_applied_goes_at_once_and_its_lines_with_the_hour(
    who: Cast, alice: By
) -> None:
    now = datetime.now(UTC)
    state = applied(who, a_list("Gate"), alice)
    assert not Secret.objects.filter(device=state.id).exists()
    assert len(imports.dry_run(state.id).lines) == 1
    with time_machine.travel(now + timedelta(minutes=61), tick=False):
        subscriptions.pump()
        for job in Job.objects.filter(reaction="devices.expire_import"):
            subscriptions.run(job.id)
    assert imports.dry_run(state.id).lines == []
    assert state_of(ImportState, state.id).phase is ImportPhase.APPLIED


def test_a_list_that_waits_for_a_worker_is_kept_beyond_its_hour(who: Cast, alice: By) -> None:
    now = datetime.now(UTC)
    checked = imports.check(who.site, "list.csv", a_list("Gate"), alice)
    imports.apply(checked, alice)
    with time_machine.travel(now + timedelta(minutes=61), tick=False):
        subscriptions.pump()
        for job in Job.objects.filter(reaction="devices.expire_import"):
            subscriptions.run(job.id)
        run_import()
        assert state_of(ImportState, checked).phase is ImportPhase.APPLIED


def test_a_discarded_list_goes_at_once(who: Cast, alice: By) -> None:
    checked = imports.check(who.site, "list.csv", a_list("Gate"), alice)
    imports.discard(checked, alice)
    assert not ImportFile.objects.exists()
    assert not Secret.objects.exists()
    with pytest.raises(Refused):
        imports.apply(checked, alice)


def test_a_fingerprint_is_the_files_own_and_no_plain_hash(who: Cast, alice: By) -> None:
    from hashlib import sha256

    one, same, other = (
        Import.objects.for_jobs().get(pk=imports.check(who.site, "list.csv", data, alice))
        for data in (a_list("Gate"), a_list("Gate"), a_list("Door"))
    )
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert one.fingerprint != sha256(a_list("Gate")).hexdigest()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("C:\\lists\\cameras.csv", "cameras.csv"),
        ("../../etc/passwd", "passwd"),
        ("a\0b\nc.csv", "abc.csv"),
        ("", "list"),
        ("x" * 300, "x" * 100),
    ],
)
def test_a_file_is_called_by_its_name_alone(who: Cast, alice: By, given: str, kept: str) -> None:
    checked = imports.check(who.site, given, a_list("Gate"), alice)
    assert Import.objects.for_jobs().get(pk=checked).file == kept


def test_a_removed_device_may_be_added_again(who: Cast, alice: By) -> None:
    applied(who, a_list("Gate", Serial="SN1"), alice)
    [row] = Device.objects.for_jobs()
    handle(RemoveDevice("Broken"), row.pk, alice)
    assert applied(who, a_list("Gate", Serial="SN1"), alice).counts.add == 1
