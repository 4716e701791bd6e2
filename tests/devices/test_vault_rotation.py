"""Another master key is put into use while everything runs, and no password is lost by it."""

from __future__ import annotations

import base64
import io
import json
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from devices import vault
from devices.models import Secret
from devices.vault import VaultError, key_ring
from devices.vault import rotation as vault_rotation
from fleet.errors import Refused
from fleet.secrets import CommandKeys, EnvironmentKeys, FileKeys, Keys, new_line

database = pytest.mark.django_db
DEVICE = uuid4()
PASSWORD = "made-up-" + secrets.token_hex(8)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.touch(0o600)
    path.write_text(f"{new_line()}\n")
    return path


@pytest.fixture
def keys(file: Path, settings: Any) -> FileKeys:
    """This process's ring, from a file."""
    settings.REKEY_VAULT_KEYS = FileKeys("REKEY_VAULT_KEY_FILE", file)
    return settings.REKEY_VAULT_KEYS


def as_process(settings: Any, keys: Keys) -> None:
    """Go on as a process that has this ring."""
    settings.REKEY_VAULT_KEYS = keys


def add_key(file: Path) -> None:
    file.write_text(f"{new_line()}\n{file.read_text()}")


def newest(file: Path) -> str:
    return key_ring.KeyRing(FileKeys("", file)).newest().id


def put(rows: int) -> list[UUID]:
    return vault.put_many([(DEVICE, PASSWORD)] * rows)


def key_ids() -> dict[str, int]:
    found: dict[str, int] = {}
    for key_id in Secret.objects.values_list("key_id", flat=True):
        found[key_id] = found.get(key_id, 0) + 1
    return found


def told(*command: str) -> str:
    out = io.StringIO()
    call_command("vault", *command, stdout=out)
    return out.getvalue()


# --- rotate ---------------------------------------------------------------------------------------


@database
def test_every_row_is_wrapped_anew_and_opens(keys: FileKeys, file: Path, monkeypatch) -> None:
    monkeypatch.setattr(vault_rotation, "BATCH", 7)
    kept, old = put(20), newest(file)
    seen: list[tuple[int, int]] = []
    rotated = vault_rotation.rotate(lambda done, total: seen.append((done, total)), new_key=True)
    assert (rotated.rows, rotated.left, rotated.spare) == (20, 0, [old])
    assert seen == [(7, 20), (14, 20), (20, 20)]
    assert key_ids() == {newest(file): 20}
    assert newest(file) != old
    vault_rotation.retire(old)
    assert [vault.get(secret, DEVICE) for secret in kept] == [PASSWORD] * 20
    assert old not in told("status")


@database
def test_the_passwords_themselves_are_not_touched(keys: FileKeys) -> None:
    [secret] = put(1)
    before = Secret.objects.get(pk=secret)
    vault_rotation.rotate(new_key=True)
    after = Secret.objects.get(pk=secret)
    assert bytes(after.ciphertext) == bytes(before.ciphertext)
    assert bytes(after.wrapped_key) != bytes(before.wrapped_key)
    assert after.created_at == before.created_at


@database
def test_a_row_that_does_not_open_stops_it_before_anything_is_changed(
    keys: FileKeys, file: Path
) -> None:
    altered, *_ = put(5)
    Secret.objects.filter(pk=altered).update(device=uuid4())
    before, lines = key_ids(), file.read_text()
    with pytest.raises(Refused, match="1 rows cannot be opened: nothing was changed"):
        vault_rotation.rotate(new_key=True)
    assert (key_ids(), file.read_text()) == (before, lines)
    rotated = vault_rotation.rotate(new_key=True, leave_closed=True)
    assert (rotated.rows, rotated.left, rotated.spare) == (4, 1, [])  # its key is not to be spared


@database
def test_rows_under_a_lost_key_stop_it_too(keys: FileKeys, file: Path) -> None:
    put(3)
    file.write_text(f"{new_line()}\n")
    with pytest.raises(Refused, match="3 rows cannot be opened"):
        vault_rotation.rotate()
    with pytest.raises(CommandError, match="Put the missing key back"):
        told("status")


@database
def test_what_is_sealed_under_the_old_key_meanwhile_is_found_by_another_pass(
    keys: FileKeys, file: Path, monkeypatch, settings: Any
) -> None:
    """By a process that has asked its key service a moment ago, and behind where the first pass is:
    it had its id long before it came into the table.
    """
    monkeypatch.setattr(vault_rotation, "BATCH", 4)
    stale = CommandKeys("REKEY_VAULT_KEY_COMMAND", f"cat {file}")
    put(8)
    late: list[UUID] = []

    def seal_late(done: int, total: int) -> None:
        if done == 8 and not late:
            as_process(settings, stale)
            with monkeypatch.context() as early:
                early.setattr(vault, "new_id", lambda: UUID(int=5))
                late.extend(put(1))
            as_process(settings, keys)

    old = newest(file)
    rotated = vault_rotation.rotate(seal_late, new_key=True)
    assert (rotated.rows, rotated.spare) == (9, [old])
    as_process(settings, stale)
    [later] = put(1)
    as_process(settings, keys)
    assert key_ids() == {newest(file): 9, old: 1}
    assert vault_rotation.rotate().rows == 1
    for secret in (*late, later):
        assert vault.get(secret, DEVICE) == PASSWORD


@database
@pytest.mark.parametrize("keys_again", [
    lambda file: FileKeys("REKEY_VAULT_KEY_FILE", file),
    lambda file: CommandKeys("REKEY_VAULT_KEY_COMMAND", f"cat {file}"),
])  # fmt: skip
def test_a_running_process_finds_the_new_key_when_it_meets_a_row_under_it(
    keys: FileKeys, file: Path, settings: Any, keys_again: Callable[[Path], Keys]
) -> None:
    running = keys_again(file)
    as_process(settings, running)
    kept = put(3)
    as_process(settings, keys)
    vault_rotation.rotate(new_key=True)
    as_process(settings, running)
    assert [vault.get(secret, DEVICE) for secret in kept] == [PASSWORD] * 3
    assert Secret.objects.get(pk=vault.put(DEVICE, "x")).key_id == newest(file)


@database
def test_a_lost_key_is_looked_for_once_and_not_for_every_row(
    tmp_path: Path, file: Path, settings: Any, monkeypatch
) -> None:
    script, asked = tmp_path / "keys.sh", tmp_path / "asked"
    script.write_text(f"#!/bin/sh\necho asked >> {asked}\ncat {file}\n")
    as_process(settings, CommandKeys("REKEY_VAULT_KEY_COMMAND", f"sh {script}"))
    kept = put(5)
    Secret.objects.update(key_id="0" * 16)
    for secret in kept:
        with pytest.raises(VaultError):
            vault.get(secret, DEVICE)
    assert asked.read_text().count("asked") == 2  # at the start, and once for it
    monkeypatch.setattr(key_ring, "LOOK_AGAIN", 0)
    with pytest.raises(VaultError):
        vault.get(kept[0], DEVICE)
    assert asked.read_text().count("asked") > 2


@database
def test_the_environment_is_not_looked_at_again(settings: Any, monkeypatch) -> None:
    one, two = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    as_process(settings, EnvironmentKeys("REKEY_VAULT_KEY", f"{two},{one}"))
    [secret] = put(1)
    as_process(settings, EnvironmentKeys("REKEY_VAULT_KEY", one))
    monkeypatch.setenv("REKEY_VAULT_KEY", f"{two},{one}")
    with pytest.raises(VaultError) as error:
        vault.get(secret, DEVICE)
    assert error.value.code == "vault_locked"
    with pytest.raises(Refused, match="The keys come from REKEY_VAULT_KEY, not a file"):
        vault_rotation.rotate(new_key=True, leave_closed=True)


@database
def test_nothing_is_sealed_with_a_key_that_only_this_process_has_left(
    keys: FileKeys, file: Path
) -> None:
    [secret] = put(1)
    lines = file.read_text()
    file.unlink()
    with pytest.raises(VaultError) as error:
        put(1)
    assert error.value.code == "vault_keyless"
    assert Secret.objects.count() == 1
    assert vault.get(secret, DEVICE) == PASSWORD
    file.write_text(lines)
    file.chmod(0o600)
    put(1)


# --- retire ---------------------------------------------------------------------------------------


@database
def test_a_key_goes_only_when_no_row_is_under_it(keys: FileKeys, file: Path) -> None:
    put(2)
    old = newest(file)
    for key_id, code in ((old, "key_in_use"), ("0" * 16, "key_unknown")):
        with pytest.raises(Refused) as error:
            vault_rotation.retire(key_id)
        assert error.value.code == code
    add_key(file)
    with pytest.raises(Refused, match="2 rows are under it"):
        vault_rotation.retire(old)
    vault_rotation.rotate()
    assert "Taken out" in vault_rotation.retire(old)
    assert [key.id for key in key_ring.ring().all()] == [newest(file)]


@database
def test_of_keys_from_elsewhere_it_is_said_what_to_take_out(settings: Any) -> None:
    one, two = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    as_process(settings, EnvironmentKeys("REKEY_VAULT_KEY", f"{two},{one}"))
    old = key_ring.ring().all()[1].id
    assert "take it out of REKEY_VAULT_KEY" in vault_rotation.retire(old)


@pytest.mark.django_db(transaction=True)
def test_a_password_that_is_on_its_way_in_when_its_key_goes_is_wrapped_anew(
    keys: FileKeys, file: Path, monkeypatch
) -> None:
    """Sealed, and not in the table yet: nobody could have known of it."""
    old, insert = newest(file), vault._table.insert

    def insert_late(rows: Any) -> None:
        monkeypatch.setattr(vault._table, "insert", insert)
        vault_rotation.rotate(new_key=True)
        vault_rotation.retire(old)
        insert(rows)

    monkeypatch.setattr(vault._table, "insert", insert_late)
    kept = put(2)
    assert key_ids() == {newest(file): 2}
    assert [vault.get(secret, DEVICE) for secret in kept] == [PASSWORD] * 2


# --- the command ----------------------------------------------------------------------------------


@database
def test_status_tells_rows_and_ages_and_never_a_key(keys: FileKeys, file: Path) -> None:
    put(2)
    first = newest(file)
    rotated = told("rotate", "--new-key")
    assert "2 rows wrapped anew" in rotated
    assert f"manage.py vault retire {first}" in rotated
    told("retire", first)
    add_key(file)
    put(1)
    Secret.objects.filter(key_id=newest(file)).update(key_id="f" * 16)
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("vault", "status", stdout=out)
    told_all = rotated + out.getvalue()
    assert "seals, made 20" in told_all
    assert "opens, made 20" in told_all
    assert "2 rows from 20" in told_all
    assert "f" * 16 + "  NOT ON THE RING, 1 rows" in told_all
    assert "3 rows, 1 of them cannot be opened" in told_all
    for line in file.read_text().splitlines():
        assert line.split()[0][:12] not in told_all
    assert PASSWORD not in told_all


# --- beside others, and killed --------------------------------------------------------------------


class Beside:
    """Threads that each have a ring of their own, as processes have."""

    def __init__(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rings, self.file = threading.local(), file
        self.stop, self.errors, self.kept = threading.Event(), list[BaseException](), list[UUID]()
        for module in (vault, vault_rotation):
            monkeypatch.setattr(module, "ring", self.ring)

    def ring(self) -> key_ring.KeyRing:
        if not hasattr(self.rings, "own"):
            self.rings.own = key_ring.KeyRing(FileKeys("", self.file))
        return self.rings.own

    def start(self, once: Callable[[], None]) -> threading.Thread:
        def again() -> None:
            try:
                while not self.stop.is_set():
                    once()
            except BaseException as error:
                self.errors.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=again, daemon=True)
        thread.start()
        return thread

    def put(self) -> None:
        self.kept.append(vault.put(DEVICE, PASSWORD))
        self.stop.wait(0.003)

    def get(self) -> None:
        for secret in (*self.kept[:3], *self.kept[-3:]):
            assert vault.get(secret, DEVICE) == PASSWORD
        self.stop.wait(0.003)


@pytest.mark.django_db(transaction=True)
def test_two_rotate_and_an_old_key_goes_while_others_put_and_get(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_rotation, "BATCH", 20)
    beside = Beside(file, monkeypatch)
    beside.kept += put(60)
    threads = [beside.start(one) for one in (beside.put, beside.put, beside.get, beside.get)]
    threads.append(beside.start(lambda: vault_rotation.rotate() and beside.stop.wait(0.05)))
    gone = []
    try:
        for _ in range(3):
            gone.append(newest(file))
            vault_rotation.rotate(new_key=True)
            for attempt in range(20):
                try:
                    vault_rotation.retire(gone[-1])
                    break
                except Refused:  # somebody sealed with it in this very moment
                    assert attempt < 19
                    vault_rotation.rotate()
    finally:
        beside.stop.set()
        for thread in threads:
            thread.join(30)
    assert beside.errors == []
    vault_rotation.rotate()
    assert key_ids() == {newest(file): len(beside.kept)}
    assert len(beside.kept) > 60
    assert [key.id for key in key_ring.KeyRing(FileKeys("", file)).all()] == [newest(file)]
    for secret in beside.kept:
        assert vault.get(secret, DEVICE) == PASSWORD


INSIDE = """
import io, json, os, signal, sys
import django
django.setup()
from uuid import UUID
from django.core.management import call_command
from devices import vault
from devices.vault import rotation as vault_rotation
from devices.models import Secret

DEVICE = UUID(int=7)

def rotate_and_die():  # in the middle of the third batch
    call_command("migrate", verbosity=0)
    vault.put_many([(DEVICE, "made-up")] * 30)
    vault_rotation.BATCH, wrapped, seen = 5, vault_rotation._wrapped, []
    def die(*args):
        seen.append(args)
        if len(seen) == 13:
            os.kill(os.getpid(), signal.SIGKILL)
        return wrapped(*args)
    vault_rotation._wrapped = die
    vault_rotation.rotate(new_key=True)

def look():
    under = list(Secret.objects.values_list("key_id", flat=True))
    passwords = {vault.get(row.id, DEVICE) for row in Secret.objects.all()}
    return [sorted(passwords), sorted(under.count(key_id) for key_id in set(under))]

def vault_command(*words):
    out = io.StringIO()
    call_command("vault", *words, stdout=out)
    return out.getvalue()

def go_on():
    left = look()
    rotated = vault_command("rotate")
    retired = vault_command("retire", rotated.split()[-1])
    return [left, rotated, retired, look(), vault_command("status")]

print(json.dumps(globals()[sys.argv[1]]()))
"""


@pytest.mark.one_database
def test_killed_in_the_middle_it_is_gone_on_with(environment: dict[str, str]) -> None:
    def run(what: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", INSIDE, what]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    killed = run("rotate_and_die")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = run("go_on")
    assert done.returncode == 0, done.stderr
    left, rotated, retired, after, status = json.loads(done.stdout)
    assert left == [["made-up"], [10, 20]], "two whole batches, and nothing of the third"
    assert "20 rows wrapped anew" in rotated
    assert "Taken out" in retired
    assert after == [["made-up"], [30]]
    assert "30 rows, 0 of them cannot be opened" in status
