"""Lists of devices as files that people open in a spreadsheet, change, and import again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from devices.lists import cells
from devices.lists.columns import READ, WRITTEN, Column
from devices.lists.reading import harmless

_WIDTH = 18  # of a column, in characters
_BOM = "\ufeff"  # without it Excel takes UTF-8 for something else


class Form(StrEnum):
    """What a list is written as."""

    CSV = "csv"
    XLSX = "xlsx"

    @property
    def media_type(self) -> str:
        return _MEDIA[self]


_MEDIA = {
    Form.CSV: "text/csv",
    Form.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

Device = Mapping[str, Any]  # a column's field → the device's value

# What people find in the template, to write over it. Without passwords nothing of it is added.
_EXAMPLES: Sequence[Device] = (
    {
        "name": "Recorder 1",
        "kind": "nvr",
        "host": "192.0.2.10",
        "port": 443,
        "tls": True,
        "username": "admin",
        "reset_email": "owner@example.com",
        "services": (),
    },
    {
        "name": "Gate north",
        "kind": "camera",
        "host": "192.0.2.11",
        "port": 80,
        "tls": False,
        "username": "admin",
        "reset_email": "owner@example.com",
        "nvr": "Recorder 1",
        "channel": 1,
        "services": (),
    },
)


@dataclass(frozen=True)
class Written:
    """A file to hand out, piece by piece."""

    name: str
    media_type: str
    pieces: Iterable[bytes]


def devices(rows: Iterable[Device], form: Form, name: str) -> Written:
    """These devices, without their passwords."""
    return _written(rows, WRITTEN, form, name)


def template(form: Form) -> Written:
    """An empty list with two examples."""
    return _written(_EXAMPLES, READ, form, "rekey-devices-template")


def _written(rows: Iterable[Device], columns: Sequence[Column], form: Form, name: str) -> Written:
    lines = ([_cell(column, row) for column in columns] for row in rows)
    heads = [column.label for column in columns]
    pieces = _csv(heads, lines) if form is Form.CSV else _xlsx(heads, lines)
    return Written(f"{name}.{form}", form.media_type, pieces)


def _cell(column: Column, row: Device) -> str:
    return harmless(cells.text(column.field, row.get(column.field)))


class _Line:
    """A file that gives back what is written to it."""

    def write(self, line: str) -> str:
        return line


def _csv(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[bytes]:
    writer = csv.writer(_Line())
    yield (_BOM + writer.writerow(heads)).encode()
    for line in lines:
        yield writer.writerow(line).encode()


def _xlsx(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[bytes]:
    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet("Devices")
    sheet.freeze_panes = "A2"
    for at in range(1, len(heads) + 1):
        sheet.column_dimensions[get_column_letter(at)].width = _WIDTH
    bold = Font(bold=True)
    for number, line in enumerate((heads, *lines)):
        row = [WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("�", text)) for text in line]
        for cell in row if number == 0 else ():
            cell.font = bold
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    yield out.getvalue()
