"""Keys come from one place that is told, are read again when they change, and are never shown."""

from __future__ import annotations

import base64
import os
import secrets
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleet import secrets as keys_module
from fleet.secrets import CommandKeys, FileKeys, UnsuitableKey, keys_of, new_line

NAME = "REKEY_TEST_KEY"
ONE, TWO = secrets.token_bytes(32), secrets.token_bytes(32)  # never in the name of a test


def text(key: bytes) -> str:
    return base64.b64encode(key).decode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(f"{text(TWO)}\n{text(ONE)}\n")
    path.chmod(0o600)
    return path


def values(keys: keys_module.Keys) -> list[bytes]:
    return [key.value for key in keys.fresh()]


def refused(variable: str, value: str, monkeypatch: pytest.MonkeyPatch, path: Path) -> str:
    """What is said of it; nothing of the key is in it, nor in what led to it."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(UnsuitableKey) as error:
        keys_of(NAME, path)
    told = f"{error.value!r} {error.value.__cause__!r} {error.value.__context__!r}"
    for secret in (text(ONE), text(ONE)[:10], text(ONE[:16])[:10], ONE.hex()):
        assert secret not in told
    return str(error.value)


# --- where they come from -------------------------------------------------------------------------


def test_the_environment_gives_one_key_or_several(tmp_path, monkeypatch):
    monkeypatch.setenv(NAME, text(ONE))
    assert values(keys_of(NAME, tmp_path / "none")) == [ONE]
    monkeypatch.setenv(NAME, f"{text(TWO)}, {text(ONE)}")
    assert values(keys_of(NAME, tmp_path / "none")) == [TWO, ONE]
    assert not (tmp_path / "none").exists()


def test_a_file_gives_a_key_a_line_with_notes(tmp_path, monkeypatch, file):
    made = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    newest = f"{text(TWO)}  # made {made.isoformat()}"
    file.write_text(f"# the keys of Harbour\n\n{newest}\n {text(ONE)} # old\n")
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    keys = keys_of(NAME, tmp_path / "none")
    assert values(keys) == [TWO, ONE]
    assert [key.made for key in keys.last] == [made, None]


def test_a_command_gives_its_lines_without_a_shell(tmp_path, monkeypatch, file):
    monkeypatch.setenv(f"{NAME}_COMMAND", f"cat '{file}'")
    assert values(keys_of(NAME, tmp_path / "none")) == [TWO, ONE]
    told = refused(f"{NAME}_COMMAND", f"cat {file}; true", monkeypatch, tmp_path / "none")
    assert "did not end well" in told


def test_without_any_a_key_is_made_once_for_this_user_alone(tmp_path):
    path = tmp_path / "made"
    keys = keys_of(NAME, path)
    assert len(keys.last[0].value) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert abs((datetime.now(UTC) - keys.last[0].made).total_seconds()) < 5
    assert values(keys_of(NAME, path)) == values(keys)
    assert [p.name for p in tmp_path.iterdir()] == ["made"]


def test_processes_that_start_at_once_take_one_key(tmp_path):
    code = (
        "import sys, pathlib; from fleet.secrets import keys_of;"
        f"print(keys_of('{NAME}', pathlib.Path(sys.argv[1])).last[0].value.hex())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "made")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({process.communicate(timeout=30)[0] for process in started}) == 1


def test_a_key_from_before_in_one_line_without_its_end_is_read(tmp_path):
    path = tmp_path / "old"
    path.write_text(text(ONE))
    path.chmod(0o600)
    assert values(keys_of(NAME, path)) == [ONE]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (text(ONE[:16]), "holds 16 bytes"),
        (text(ONE)[:-3], "is not base64"),
        (f"{text(ONE)}!", "is not base64"),
        (f"{text(ONE)},", "key 2, holds 0 bytes"),
        (f"{text(ONE)} {text(ONE)}", "is not base64"),
        ("  ", "holds 0 bytes"),
        ("schlüssel", "is not base64"),
    ],
    ids=["short", "cut off", "a sign too many", "a comma too many", "a blank", "blanks", "a word"],
)
def test_an_unsuitable_key_is_refused_and_not_shown(tmp_path, monkeypatch, value, said):
    told = refused(NAME, value, monkeypatch, tmp_path / "none")
    assert said in told
    assert "head -c 32 /dev/urandom | base64" in told


def test_two_sources_are_refused(tmp_path, monkeypatch, file):
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    told = refused(NAME, text(ONE), monkeypatch, tmp_path / "none")
    assert told == f"{NAME} and {NAME}_FILE are set. Keep one of them."


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o620, 0o666])
def test_a_file_that_others_may_read_or_replace_is_refused(tmp_path, monkeypatch, file, mode):
    file.chmod(mode)
    told = refused(f"{NAME}_FILE", str(file), monkeypatch, tmp_path / "none")
    assert f"chmod 600 {file}" in told


def test_a_file_that_its_group_may_read_is_a_mounted_secret(tmp_path, monkeypatch, file):
    file.chmod(0o440)
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    assert values(keys_of(NAME, tmp_path / "none")) == [TWO, ONE]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no key"),
        ("# only a note\n", "holds no key"),
        (f"{text(ONE)}\n{text(ONE[:9])}\n", "line 2, holds 9 bytes"),
        ("x" * 70_000, "more than 65536 bytes"),
        ("\udcff\udcfe", "is not base64"),
    ],
    ids=["empty", "only a note", "a short one", "too long", "no text"],
)
def test_a_file_without_a_suitable_key_is_refused(tmp_path, monkeypatch, file, content, said):
    file.write_bytes(content.encode(errors="surrogateescape"))
    assert said in refused(f"{NAME}_FILE", str(file), monkeypatch, tmp_path / "none")


def test_a_file_that_is_told_of_is_never_made(tmp_path, monkeypatch):
    path = tmp_path / "gone"
    assert "cannot be read" in refused(f"{NAME}_FILE", str(path), monkeypatch, tmp_path / "none")
    assert not path.exists()
    os.mkfifo(path, 0o600)
    assert "is not a file" in refused(f"{NAME}_FILE", str(path), monkeypatch, tmp_path / "none")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("/nowhere/at-all", "cannot be started"),
        ("'unfinished", "check its quotes"),
        (f"sh -c 'echo {text(ONE)}; echo {text(ONE)} >&2; exit 3'", "status 3"),
        (f"echo {text(ONE[:16])}", "line 1, holds 16 bytes"),
        ("true", "holds no key"),
        ("cat /dev/zero", "more than 65536 bytes"),
    ],
    ids=["not there", "a bad line", "an error", "a short one", "nothing", "no end"],
)
def test_a_command_that_gives_no_key_is_refused(tmp_path, monkeypatch, capfd, command, said):
    assert said in refused(f"{NAME}_COMMAND", command, monkeypatch, tmp_path / "none")
    assert text(ONE) not in "".join(capfd.readouterr())


@pytest.mark.parametrize("command", ["sleep 60", "sh -c 'sleep 60 & exit 0'"])
def test_a_command_has_its_time_and_takes_its_children_with_it(tmp_path, monkeypatch, command):
    """The second one is over at once; what it has started keeps its output open."""
    monkeypatch.setattr(keys_module, "COMMAND_SECONDS", 0.3)
    begun = time.monotonic()
    told = refused(f"{NAME}_COMMAND", command, monkeypatch, tmp_path / "none")
    assert "did not end within" in told
    assert time.monotonic() - begun < 10


# --- when they change -----------------------------------------------------------------------------


def test_a_file_that_changes_is_read_again(file):
    keys = FileKeys(NAME, file)
    file.write_text(f"{text(ONE)}\n")
    assert values(keys) == [ONE]
    file.unlink()
    with pytest.raises(UnsuitableKey, match="cannot be read"):
        keys.fresh()
    assert [key.value for key in keys.last] == [ONE]


def test_a_file_is_not_read_for_nothing(file, monkeypatch):
    keys = FileKeys(NAME, file)
    monkeypatch.setattr(keys, "_read", lambda: pytest.fail("it has not changed"))
    assert values(keys) == [TWO, ONE]


def test_a_command_is_asked_again_after_a_while_and_may_fail_then(file, monkeypatch):
    keys = CommandKeys(NAME, f"cat {file}")
    file.write_text(f"{text(ONE)}\n")
    assert values(keys) == [TWO, ONE]
    monkeypatch.setattr(keys_module, "ASKED_AGAIN", keys_module.ASKED_AGAIN / 7)
    assert values(keys) == [ONE]
    file.unlink()
    monkeypatch.setattr(keys_module, "ASKED_AGAIN", keys_module.ASKED_AGAIN / 7)
    assert values(keys) == [ONE]


def test_a_file_is_rewritten_whole_with_its_mode_and_its_link(tmp_path, file):
    file.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(file)
    keys = FileKeys(NAME, link)
    keys.rewrite(lambda lines: [new_line(), *lines])
    assert values(keys)[1:] == [TWO, ONE]
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    with pytest.raises(UnsuitableKey, match="holds no key"):
        keys.rewrite(lambda lines: [])
    assert len(values(keys)) == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["keys", "link"]
