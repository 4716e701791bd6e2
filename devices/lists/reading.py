"""A list of devices out of a file's bytes: CSV in what encoding people have, or XLSX.

Whatever is in the bytes, what comes out is rows of text or Refused. Formulas are not worked out:
of an XLSX, what its program saved as their results is read.
"""

from __future__ import annotations

import codecs
import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from openpyxl import load_workbook

from devices.lists import columns
from devices.lists.columns import Column
from fleet.errors import Refused

LARGEST = 5 * 2**20  # bytes of a file
MOST_LINES = 10_000
_MOST_ROWS = 100_000  # of a sheet, with the empty ones in between
_MOST_TEXT = 5 * 2**20  # characters in all cells: a small XLSX can repeat a long one for ever
_MOST_UNPACKED = 64 * 2**20  # bytes of an XLSX
_MOST_PARTS = 1000
_SEPARATORS = ",;\t"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True)
class Row:
    """A line of the list, as its program numbers it: the header is line 1. Empty cells are out."""

    number: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Sheet:
    """`notes` say what people should know of how the file was read."""

    rows: list[Row]
    notes: tuple[str, ...] = ()


def read(data: bytes) -> Sheet:
    """The list in a file. Raises Refused."""
    if len(data) > LARGEST:
        raise too_large()
    if data.startswith(_OLE):
        raise Refused(
            "file_unreadable",
            "This is an old Excel file, or one that is locked with a password. Save it as XLSX or"
            " CSV, without a password.",
            field="content",
        )
    lines, notes = _of_xlsx(data) if data.startswith(_ZIP) else _of_csv(data)
    rows = list(_rows(lines))
    if not rows:
        raise Refused("file_empty", "There is no device in this list.", field="content")
    return Sheet(rows, notes)


def too_large() -> Refused:
    return Refused(
        "file_too_large",
        f"A list has at most {LARGEST // 2**20} MB. Split it into several.",
        field="content",
    )


def harmless(text: str) -> str:
    """As spreadsheets may be given it: what begins like a formula is marked as text."""
    return f"'{text}" if text.lstrip("'")[:1] in _FORMULA else text


def _unmarked(text: str) -> str:
    """What `harmless` was given."""
    return text[1:] if text[:1] == "'" and text.lstrip("'")[:1] in _FORMULA else text


# --- rows -----------------------------------------------------------------------------------------


def _rows(lines: Iterator[tuple[int, Sequence[str]]]) -> Iterator[Row]:
    named: list[Column | None] | None = None
    lines_left, text_left = MOST_LINES, _MOST_TEXT
    for number, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if named is None:
            named = columns.header(cells)
            continue
        lines_left -= 1
        text_left -= sum(map(len, cells))
        if lines_left < 0:
            raise Refused(
                "too_many_lines",
                f"A list has at most {MOST_LINES:,} devices. Split it into several.",
                field="content",
            )
        if text_left < 0:
            raise Refused("file_too_large", "There is too much text in this list.", field="content")
        yield Row(number, _cells(number, named, cells))
    if named is None:
        columns.header(())


def _cells(number: int, named: Sequence[Column | None], cells: Sequence[str]) -> dict[str, str]:
    found = {}
    for at, text in enumerate(cells):
        column = named[at] if at < len(named) else None
        if column is None:
            if text.strip():
                raise Refused(
                    "column_unnamed",
                    f"Line {number} has more cells than the first line names columns. Look for a"
                    " separator too many, or name the column.",
                    field="content",
                )
        elif column.field == "password":
            if text:  # as it is: a space may belong to it
                found[column.field] = text
        elif not column.told and (text := _unmarked(text.strip())):
            found[column.field] = text
    return found


# --- CSV ------------------------------------------------------------------------------------------


def _of_csv(data: bytes) -> tuple[Iterator[tuple[int, Sequence[str]]], tuple[str, ...]]:
    text, notes = _text(data)
    if "\0" in text:
        raise Refused(
            "file_unreadable",
            "This is neither CSV nor XLSX. Save the list as one.",
            field="content",
        )
    return _records(text, _separator(text)), notes


def _text(data: bytes) -> tuple[str, tuple[str, ...]]:
    if data.startswith(_UTF16):
        return data.decode("utf-16", "replace"), ()
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        note = (
            "The file is not in UTF-8; it was read as Windows-1252. Look whether names with special"
            " letters are right."
        )
        return data.decode("cp1252", "replace"), (note,)


def _separator(text: str) -> str:
    """The one that finds most columns in the first line."""

    def finds(separator: str) -> tuple[int, int]:
        lines = _records(text, separator)
        first: Sequence[str] = next((cells for _, cells in lines if any(cells)), ())
        return columns.known(first), len(first)

    return max(_SEPARATORS, key=finds)


def _records(text: str, separator: str) -> Iterator[tuple[int, Sequence[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise Refused(
                "file_broken",
                f"Line {number} cannot be read: look for a quotation mark too many or too few.",
                field="content",
            ) from None
        yield number, cells


# --- XLSX -----------------------------------------------------------------------------------------


def _of_xlsx(data: bytes) -> tuple[Iterator[tuple[int, Sequence[str]]], tuple[str, ...]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            parts = packed.infolist()
    except (zipfile.BadZipFile, ValueError, OSError):
        raise _broken() from None
    # No part unpacks to more than it declares: zipfile stops there.
    if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > _MOST_UNPACKED:
        raise Refused(
            "file_too_large",
            "This file unpacks to far more than a list of devices.",
            field="content",
        )
    return _cells_of(data)


def _cells_of(data: bytes) -> tuple[Iterator[tuple[int, Sequence[str]]], tuple[str, ...]]:
    # The library raises whatever its parsers meet; none of it is news to people.
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheet: Any = book.worksheets[0]
        sheet.reset_dimensions()  # what a file says of its size need not be true
    except Exception as error:
        raise _broken() from error
    notes = (
        (f"The file has {len(book.worksheets)} sheets; the first one was read.",)
        if len(book.worksheets) > 1
        else ()
    )
    return _safely(enumerate(sheet.iter_rows(max_col=columns.MOST + 1, values_only=True), 1)), notes


def _safely(rows: Iterable[tuple[int, Sequence[Any]]]) -> Iterator[tuple[int, Sequence[str]]]:
    try:
        for number, cells in rows:
            if number > _MOST_ROWS:
                raise Refused("too_many_lines", "This sheet has too many rows.", field="content")
            last = max((at for at, cell in enumerate(cells, 1) if cell is not None), default=0)
            yield number, [_told(cell) for cell in cells[:last]]
    except Refused:
        raise
    except Exception as error:
        raise _broken() from error


def _told(cell: Any) -> str:
    """A cell as people see it: numbers are whole wherever they can be."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _broken() -> Refused:
    return Refused(
        "file_unreadable",
        "This XLSX file cannot be read. Save it anew, or as CSV.",
        field="content",
    )
