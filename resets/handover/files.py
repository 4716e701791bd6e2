"""What stands in a file of passwords, before it is encrypted. Pure.

There is no XLSX: the library writes by way of temporary files, and no password gets onto a disk.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum


class HandoverForm(StrEnum):
    """What the passwords are written as, inside the encryption."""

    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True)
class Entry:
    """One device and its password, to the letter: also one that begins like a formula."""

    site: str
    name: str
    address: str
    model: str
    serial: str
    username: str
    password: str = field(repr=False)
    device: str


HEADS = tuple(one.name for one in fields(Entry))


def plain(entries: Sequence[Entry], form: HandoverForm) -> bytes:
    """The file as it is when it is open. UTF-8."""
    if form is HandoverForm.JSON:
        rows = [asdict(entry) for entry in entries]
        return json.dumps(rows, ensure_ascii=False, indent=1).encode()
    out = io.StringIO()
    writer = csv.DictWriter(out, HEADS)
    writer.writeheader()
    writer.writerows(asdict(entry) for entry in entries)
    return out.getvalue().encode()
