"""Keeps what is gone again in a moment: messages of the broker, and the arguments of processes."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

# Seconds between two looks. A worker looks for files every 0.05 s; a process lives for longer.
FILES, PROCESSES = 0.002, 0.1


class Watch:
    """Everything that was seen, as bytes by where it was."""

    def __init__(self) -> None:
        self.seen: dict[str, bytes] = {}
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def until_the_end(self, look: object) -> None:
        thread = threading.Thread(target=look, args=(self,), daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    @property
    def over(self) -> bool:
        return self._over.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait a moment; whether it is over."""
        return self._over.wait(seconds)

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(10)


@contextlib.contextmanager
def watching(broker_files: Path | None, redis_url: str | None) -> Iterator[Watch]:
    watch = Watch()
    watch.until_the_end(_processes)
    if redis_url:
        watch.until_the_end(lambda w: _commands(w, redis_url))
    if broker_files:
        watch.until_the_end(lambda w: _files(w, broker_files))
    try:
        yield watch
    finally:
        watch.end()


def _processes(watch: Watch) -> None:
    """Every argument and environment of every process of this machine but our own."""
    while not watch.wait(PROCESSES):
        for entry in os.scandir("/proc"):
            if not entry.name.isdecimal() or entry.name == str(os.getpid()):
                continue
            for what in ("cmdline", "environ"):
                name = f"process {entry.name} {what}"
                with contextlib.suppress(OSError):
                    content = Path(entry.path, what).read_bytes()
                    watch.seen[name] = content or watch.seen.get(name, b"")


def _files(watch: Watch, folder: Path) -> None:
    """Messages are put into place whole, so a look sees all of one or nothing."""
    while not watch.wait(FILES):
        with contextlib.suppress(OSError):
            for entry in os.scandir(folder):
                name = f"broker file {entry.name}"
                if not watch.seen.get(name):  # nothing was in it yet
                    with contextlib.suppress(OSError):
                        watch.seen[name] = Path(entry.path).read_bytes()


def _commands(watch: Watch, url: str) -> None:
    """All that anybody says to the broker, as MONITOR tells it."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=0.2) as line:
        line.sendall(b"MONITOR\r\n")
        said, number = b"", 0
        while not watch.over:
            with contextlib.suppress(TimeoutError):
                said += line.recv(65536)
            *commands, said = said.split(b"\r\n")
            for command in commands:
                number += 1
                # It escapes quotes and bytes, as in C.
                watch.seen[f"broker command {number}"] = command + b"\n" + _unescaped(command)


def _unescaped(command: bytes) -> bytes:
    return command.decode("unicode_escape").encode("latin-1", "replace")
