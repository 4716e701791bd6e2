"""The devices' flash: accounts survive a restart of the process, as they survive one of a camera.

A journal, one line of JSON for each change of a device with all that it keeps, readable by its
owner alone. At the start it is read and written anew with one line for each device. It holds
passwords in clear, as a device has to: it is the devices' own memory and no part of the product's.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO


class MemoryUnreadable(Exception):
    """The file is something else."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is no memory of a virtual fleet. Name another file, or delete it."
        )


class Memory:
    """Keeps what devices say at ``path``, by their serials; with None it keeps nothing.

    ``starts`` counts how often a fleet was started on it. Raises MemoryUnreadable.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._journal: BinaryIO | None = None
        self.starts = 1
        self.kept: dict[str, Any] = {}
        if path is not None:
            for line in _lines(path):
                self.starts = max(self.starts, line.get("starts", 0) + 1)
                if "serial" in line:
                    self.kept[line["serial"]] = line["keeps"]

    def open(self) -> None:
        """Write the journal anew, whole or not at all, and be ready for more."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(self._path.name + ".draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(_line({"starts": self.starts}))
            file.writelines(
                _line({"serial": serial, "keeps": keeps}) for serial, keeps in self.kept.items()
            )
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, self._path)
        self._journal = self._path.open("ab")

    def keep(self, serial: str, keeps: Any) -> None:
        """On the disk when this returns."""
        if self._journal is not None:
            self._journal.write(_line({"serial": serial, "keeps": keeps}))
            self._journal.flush()
            os.fsync(self._journal.fileno())

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None


def _line(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if number and not line.endswith(b"\n"):
                return  # it was killed while it wrote: nobody was told that this is kept
            try:
                content = json.loads(line)
            except ValueError as error:
                raise MemoryUnreadable(path) from error
            if not isinstance(content, dict) or ("serial" if number else "starts") not in content:
                raise MemoryUnreadable(path)
            yield content
