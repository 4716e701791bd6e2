"""Keys: from the environment, from a file or from a command; or made once and kept in a file.

    REKEY_VAULT_KEY          the keys themselves, in base64, with commas, newest first
    REKEY_VAULT_KEY_FILE     a file with a key on each line, newest first
    REKEY_VAULT_KEY_COMMAND  a command that prints such lines, so that a key service can stand
                             behind it; run without a shell

What comes after a # on a line is a note; "made" and a time in it is when the key was made.
No error in here ever shows a key, or what a command printed.
"""

from __future__ import annotations

import base64
import fcntl
import os
import re
import secrets
import shlex
import signal
import stat
import subprocess  # nosec B404
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

KEY_BYTES = 32
MOST_BYTES = 64 * 1024  # of a file, or of what a command prints
COMMAND_SECONDS = 10.0  # that a command may take
ASKED_AGAIN = 300.0  # seconds after which a command is asked whether there is a newer key
# Whoever else may read or replace a key has it. A group may read: that is how secrets are mounted.
CLOSED_TO = stat.S_IWGRP | stat.S_IRWXO
MAKE_ONE = "Make one with: head -c 32 /dev/urandom | base64"


class UnsuitableKey(ValueError):
    """There is no key, or none that can be used. Says what to do, and never shows a key."""


@dataclass(frozen=True)
class Key:
    """A key, and when it was made, where its source says so."""

    value: bytes = field(repr=False)
    made: datetime | None = None


class Keys(ABC):
    """Keys from one source, newest first, as they were last read. Safe among threads."""

    def __init__(self, name: str) -> None:
        """Raises UnsuitableKey when it cannot be read: so nothing starts without its keys."""
        self.name = name
        self._lock = threading.Lock()
        self._seen: Hashable = None
        self.last: tuple[Key, ...] = ()
        self.read_again()

    def fresh(self) -> tuple[Key, ...]:
        """The keys, read again if they may have changed: cheap enough to ask each time.

        Raises UnsuitableKey when they are gone.
        """
        if self._seen != self._version():
            self.read_again()
        return self.last

    def read_again(self) -> tuple[Key, ...]:
        """The keys as they are now. Raises UnsuitableKey, and then knows the last ones still."""
        with self._lock:
            version = self._version()  # first: a change while it is read is seen the next time
            self.last = self._read()
            self._seen = version
            return self.last

    @abstractmethod
    def _read(self) -> tuple[Key, ...]: ...

    @abstractmethod
    def _version(self) -> Hashable:
        """Another value once the keys may be others."""


class EnvironmentKeys(Keys):
    """Keys in a variable. A process's environment does not change."""

    def __init__(self, variable: str, text: str) -> None:
        self._text = text
        super().__init__(variable)

    def _read(self) -> tuple[Key, ...]:
        parts = self._text.split(",")
        return tuple(Key(_decoded(part, f"{self.name}, key {n},")) for n, part in _from_one(parts))

    def _version(self) -> Hashable:
        return None


class FileKeys(Keys):
    """Keys in a file. Seen to change by whoever asks next, in every process."""

    def __init__(self, name: str, path: Path) -> None:
        self.path = path
        super().__init__(name)

    def _version(self) -> Hashable:
        try:
            now = self.path.stat()
        except OSError as error:
            raise self._trouble("read", error) from None
        return now.st_mtime_ns, now.st_ctime_ns, now.st_size, now.st_ino

    def _read(self) -> tuple[Key, ...]:
        return _parsed(self._lines()[0], f"{self.name} ({self.path})")

    def rewrite(self, change: Callable[[list[str]], list[str]]) -> None:
        """Change the lines, whole or not at all, with owner and mode as they were.

        On the disk when this returns. Raises UnsuitableKey and leaves the file as it was.
        """
        path = self.path.resolve()  # a link goes on being one
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)  # two who change it, one after the other
                lines, was = self._lines()
                lines = change(lines)
                _parsed(lines, str(path))
                _write(draft, "".join(f"{line}\n" for line in lines), was)
                draft.replace(path)
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise self._trouble("changed", error) from None
        finally:
            draft.unlink(missing_ok=True)
        self.read_again()

    def _lines(self) -> tuple[list[str], os.stat_result]:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                about = os.fstat(descriptor)
                if not stat.S_ISREG(about.st_mode):
                    raise UnsuitableKey(f"{self.name}: {self.path} is not a file.")
                if about.st_mode & CLOSED_TO:
                    raise UnsuitableKey(
                        f"{self.name}: others may read {self.path}, or write to it."
                        f" Run: chmod 600 {self.path}"
                    )
                text = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise self._trouble("read", error) from None
        return _text_lines(text, f"{self.name} ({self.path})"), about

    def _trouble(self, what: str, error: OSError) -> UnsuitableKey:
        return UnsuitableKey(
            f"{self.name}: {self.path} cannot be {what}: {error.strerror}."
            " Put the file with the keys there, for this user to read."
        )


class CommandKeys(Keys):
    """Keys that a command prints.

    One that fails later on leaves the keys that it gave last: a key service may be away for a
    moment, while a file that is gone has been taken away by somebody.
    """

    def __init__(self, variable: str, command: str) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError:
            self._words = []
        if not self._words:
            raise UnsuitableKey(f"{variable} is no command: check its quotes.")
        super().__init__(variable)

    def _version(self) -> Hashable:
        return int(time.monotonic() / ASKED_AGAIN)

    def _read(self) -> tuple[Key, ...]:
        try:
            where = f"{self.name}'s command"
            return _parsed(_text_lines(self._printed(), where), where)
        except UnsuitableKey as error:
            if not self.last:
                raise
            log.warning("key_command_failed", why=str(error))
            return self.last

    def _printed(self) -> bytes:
        try:
            # Without a shell, and whoever sets the variable may run what they like anyway.
            process = subprocess.Popen(  # noqa: S603  # nosec B603
                self._words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # so that it can be ended with all it has started
            )
        except OSError as error:
            raise UnsuitableKey(
                f"{self.name}'s command cannot be started: {error.strerror}. Check its path."
            ) from None
        late = threading.Event()

        def end() -> None:
            late.set()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        clock = threading.Timer(COMMAND_SECONDS, end)
        clock.start()
        with process:
            assert process.stdout
            printed = process.stdout.read(MOST_BYTES + 1)
            if len(printed) > MOST_BYTES:
                end()
            process.wait()
        clock.cancel()
        if len(printed) <= MOST_BYTES and (late.is_set() or process.returncode):
            how = f"within {COMMAND_SECONDS:.0f} seconds" if late.is_set() else "well"
            raise UnsuitableKey(
                f"{self.name}'s command did not end {how} (status {process.returncode})."
                " Run it by hand, as this user, and see."
            )
        return printed


def keys_of(variable: str, path: Path) -> Keys:
    """The keys that `variable`, …_FILE or …_COMMAND give; else those in `path`, which is made.

    Raises UnsuitableKey.
    """
    names = (variable, f"{variable}_FILE", f"{variable}_COMMAND")
    given = {name: text for name in names if (text := os.environ.get(name))}
    if len(given) > 1:
        raise UnsuitableKey(f"{' and '.join(given)} are set. Keep one of them.")
    for name, text in given.items():
        if name == variable:
            return EnvironmentKeys(name, text)
        return FileKeys(name, Path(text)) if name.endswith("_FILE") else CommandKeys(name, text)
    if not path.exists():
        _make(path)
    return FileKeys(variable, path)


def new_line() -> str:
    """A line with a new key, as it stands in a file."""
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    return f"{key}  # made {datetime.now(UTC).isoformat(timespec='seconds')}"


def key_in(line: str) -> bytes | None:
    """The key on a line; None where there is only a note, or nothing. Raises UnsuitableKey."""
    text = line.partition("#")[0].strip()
    return _decoded(text, "the line") if text else None


def _make(path: Path) -> None:
    """Make a file with a new key, unless somebody else has by then.

    Several processes may start at once: the file is linked into place whole, and whoever comes
    second takes what the first one made.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    _write(draft, f"{new_line()}\n")
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def _write(path: Path, text: str, like: os.stat_result | None = None) -> None:
    """A new file, on the disk when this returns. Its owner and mode are those of `like`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        if like is not None:
            os.fchown(descriptor, like.st_uid, like.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _text_lines(text: bytes, where: str) -> list[str]:
    if len(text) > MOST_BYTES:
        raise UnsuitableKey(f"{where} gave more than {MOST_BYTES} bytes. One key a line is enough.")
    return text.decode("ascii", "replace").splitlines()


def _parsed(lines: list[str], where: str) -> tuple[Key, ...]:
    keys = []
    for number, line in _from_one(lines):
        text, _, note = line.partition("#")
        if text.strip():
            keys.append(Key(_decoded(text, f"{where}, line {number},"), _made(note)))
    if not keys:
        raise UnsuitableKey(f"{where} holds no key. {MAKE_ONE}")
    return tuple(keys)


def _made(note: str) -> datetime | None:
    found = re.search(r"\bmade (\S+)", note)
    with suppress(ValueError):
        made = datetime.fromisoformat(found[1]) if found else None
        return made.replace(tzinfo=made.tzinfo or UTC) if made else None
    return None


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        raise UnsuitableKey(f"{where} is not base64. {MAKE_ONE}") from None
    if len(key) < KEY_BYTES:
        raise UnsuitableKey(
            f"{where} holds {len(key)} bytes; at least {KEY_BYTES} are needed. {MAKE_ONE}"
        )
    return key


def _from_one(texts: Iterable[str]) -> Iterable[tuple[int, str]]:
    return enumerate(texts, 1)
