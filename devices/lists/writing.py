"""Lists of devices as files that people open in a spreadsheet, change, and import again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
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
    if form is Form.CSV:
        return Written(f"{name}.{form}", form.media_type, csv_of(chain([heads], lines)))
    return Written(f"{name}.{form}", form.media_type, xlsx_of([Sheet("Devices", heads, lines)]))


def _cell(column: Column, row: Device) -> str:
    return harmless(cells.text(column.field, row.get(column.field)))


class _Line:
    """A file that gives back what is written to it."""

    def write(self, line: str) -> str:
        return line


def csv_of(rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """Rows of cells as CSV. Whoever writes a cell makes it `reading.harmless`."""
    writer = csv.writer(_Line())
    yield _BOM.encode()
    for row in rows:
        yield writer.writerow(row).encode()


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook, with cells of text alone; its heads stay in sight. `widths` of its
    columns are in characters.
    """

    name: str
    heads: Sequence[str]
    lines: Iterable[Sequence[str]]
    widths: Sequence[int] = ()


def xlsx_of(sheets: Iterable[Sheet]) -> Iterator[bytes]:
    """Sheets as XLSX: the library writes them row by row, by way of temporary files."""
    book = Workbook(write_only=True)
    for one in sheets:
        sheet: Any = book.create_sheet(one.name)
        sheet.freeze_panes = "A2"
        for at, width in enumerate(one.widths or (_WIDTH,) * len(one.heads), start=1):
            sheet.column_dimensions[get_column_letter(at)].width = width
        bold = Font(bold=True)
        for number, line in enumerate(chain([one.heads], one.lines)):
            row = [WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("�", text)) for text in line]
            for cell in row if number == 0 else ():
                cell.font = bold
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    yield out.getvalue()
