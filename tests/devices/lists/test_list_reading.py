"""Files in, rows out: whatever people's programs write, and whatever somebody makes up."""

from __future__ import annotations

import io
import itertools
import time
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from devices.lists import reading
from devices.lists.reading import MOST_LINES, Row, read
from fleet.errors import Refused
from tests.devices.lists.made_up import csv_of, xlsx_of

HEAD = ("Name", "Address", "Password")
GATE = ("Gate", "203.0.113.7", "made-up-1")
ROW = Row(2, {"name": "Gate", "host": "203.0.113.7", "password": "made-up-1"})


def refused(data: bytes) -> Refused:
    with pytest.raises(Refused) as refused:
        read(data)
    return refused.value


# --- headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        ("name", "address", "password"),
        ("NAME", " Address ", "PassWord"),
        ("Device name", "IP address", "password"),
        ("name", "host", "password"),
    ],
)
def test_columns_are_peoples_words_in_any_case(head: tuple[str, ...]) -> None:
    assert read(csv_of(head, GATE)).rows == [ROW]


def test_columns_stand_in_any_order_and_empty_ones_are_left_out() -> None:
    data = csv_of(("Password", "", "Address", "Name"), ("made-up-1", "", "203.0.113.7", "Gate"))
    assert read(data).rows == [ROW]


def test_a_column_that_is_none_is_refused_with_the_nearest_one() -> None:
    error = refused(csv_of(("Name", "Adress", "Password", "Colour"), (*GATE, "red")))
    assert error.code == "column_unknown"
    assert "“Adress” is no column; do you mean Address?" in error.message
    assert "“Colour” is no column." in error.message
    assert error.facts["columns"] == ["Adress", "Colour"]


def test_a_wrong_header_is_refused_before_anything_else() -> None:
    many = [(f"Gate {n}", "not an address", "") for n in range(MOST_LINES + 1)]
    assert refused(csv_of(("Name", "Adress", "Password"), *many)).code == "column_unknown"


def test_a_list_without_a_header_is_not_repeated_it_may_hold_a_password() -> None:
    error = refused(csv_of(("Gate", "nvr", "203.0.113.7", "admin", "made-up-1")))
    assert error.code == "header_missing"
    assert "made-up-1" not in str(error.__dict__)


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (("Name", "Address", "IP"), "column_twice"),
        (("Name", "Kind"), "column_missing"),
        (("", ""), "header_missing"),
        (tuple(f"c{n}" for n in range(100)), "header_missing"),
    ],
)
def test_a_header_that_does_not_do(head: tuple[str, ...], code: str) -> None:
    assert refused(csv_of(head, GATE)).code == code


def test_what_is_told_to_people_is_not_read_back() -> None:
    data = csv_of((*HEAD, "Model", "Status"), (*GATE, "C340", "Certified"))
    assert read(data).rows == [ROW]


# --- CSV ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_separator_in_every_encoding(separator: str, encoding: str) -> None:
    sheet = read(
        csv_of(HEAD, ("Tür, nord; 1", "203.0.113.7", "ü"), separator=separator, encoding=encoding)
    )
    assert sheet.rows == [Row(2, {"name": "Tür, nord; 1", "host": "203.0.113.7", "password": "ü"})]
    assert sheet.notes == ()


def test_windows_1252_is_read_and_said() -> None:
    sheet = read(csv_of(HEAD, ("Tür", "203.0.113.7", "ü"), encoding="cp1252"))
    assert sheet.rows[0].cells["name"] == "Tür"
    assert "Windows-1252" in sheet.notes[0]


def test_one_column_needs_no_separator() -> None:
    assert read(b"Serial\nSN1\n").rows == [Row(2, {"serial": "SN1"})]


def test_lines_are_numbered_as_a_spreadsheet_numbers_them() -> None:
    data = csv_of(HEAD, (), ("Gate\nnorth", "203.0.113.7", "x"), ("", " ", ""), GATE)
    assert [row.number for row in read(data).rows] == [3, 5]


def test_cells_are_trimmed_but_a_space_may_belong_to_a_password() -> None:
    [row] = read(csv_of(HEAD, (" Gate ", " 203.0.113.7", " made up "))).rows
    assert row.cells == {"name": "Gate", "host": "203.0.113.7", "password": " made up "}


@pytest.mark.parametrize("text", ["=1+1", "+49", "-", "@x", "'=1", "''=1"])
def test_what_is_marked_as_text_is_read_as_it_was(text: str) -> None:
    [row] = read(csv_of(HEAD, (reading.harmless(text), "203.0.113.7", "x"))).rows
    assert reading.harmless(text)[0] == "'"
    assert row.cells["name"] == text


def test_a_password_is_taken_to_the_letter() -> None:
    [row] = read(csv_of(HEAD, ("Gate", "203.0.113.7", "'=x"))).rows
    assert row.cells["password"] == "'=x"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "header_missing"),
        (b"\n\n", "header_missing"),
        (b"Name,Address\n", "file_empty"),
        (b"Name,Address\nGate,203.0.113.7,more", "column_unnamed"),
        (b'Name,Address\n"Gate,203.0.113.7\n', "file_broken"),
        (b'Name,Address\n"Gate"x,203.0.113.7\n', "file_broken"),
        (b"Name,Address\nGate\0,203.0.113.7\n", "file_unreadable"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "file_unreadable"),
        (b"%PDF-1.7", "header_missing"),
        (b"a" * (reading.LARGEST + 1), "file_too_large"),
    ],
)
def test_what_is_no_list_is_refused(data: bytes, code: str) -> None:
    assert refused(data).code == code


def test_ten_thousand_lines_and_no_more() -> None:
    lines = [(f"Gate {n}", "203.0.113.7", "x") for n in range(MOST_LINES)]
    assert len(read(csv_of(HEAD, *lines)).rows) == MOST_LINES
    assert refused(csv_of(HEAD, *lines, GATE)).code == "too_many_lines"


@settings(max_examples=150)
@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_nothing_but_rows_or_a_refusal_comes_out(data: bytes) -> None:
    for prefix in (b"", b"Name;Address\n", b"PK\x03\x04"):
        with suppress(Refused):
            assert all(isinstance(row, Row) for row in read(prefix + data).rows)


# --- XLSX -----------------------------------------------------------------------------------------


def test_numbers_and_switches_are_read_as_people_see_them() -> None:
    data = xlsx_of(
        ("Name", "Address", "Port", "HTTPS", "Serial", "Channel"),
        ("Gate", "203.0.113.7", 8000, True, 1234567890123, 3.0),
        (),
        ("Door", "203.0.113.8", "8000", None, "00123", ""),
    )
    first, second = read(data).rows
    assert first.cells == {
        "name": "Gate", "host": "203.0.113.7", "port": "8000", "tls": "yes",
        "serial": "1234567890123", "channel": "3",
    }  # fmt: skip
    assert second == Row(
        4, {"name": "Door", "host": "203.0.113.8", "port": "8000", "serial": "00123"}
    )


def test_of_several_sheets_the_first_is_read_and_that_is_said() -> None:
    book, out = Workbook(), io.BytesIO()
    book.active.append(HEAD)
    book.active.append(GATE)
    book.create_sheet("Old").append(("nothing",))
    book.save(out)
    sheet = read(out.getvalue())
    assert sheet.rows == [ROW]
    assert "2 sheets" in sheet.notes[0]


def test_a_formula_is_not_worked_out() -> None:
    data = xlsx_of(HEAD, ('=HYPERLINK("http://203.0.113.1")', "203.0.113.7", "x"))
    assert read(data).rows == [Row(2, {"host": "203.0.113.7", "password": "x"})]


def altered(data: bytes, part: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", 8) as new:
        for item in old.infolist():
            new.writestr(item.filename, content if item.filename == part else old.read(item))
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
MAIN = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def test_a_file_that_unpacks_to_far_more_is_refused_at_once() -> None:
    bomb = altered(xlsx_of(HEAD, GATE), SHEET, b"<worksheet>" + b" " * 70_000_000)
    assert len(bomb) < 200_000
    began = time.perf_counter()
    assert refused(bomb).code == "file_too_large"
    assert time.perf_counter() - began < 1


def test_a_part_that_lies_about_its_size_does_not_get_further() -> None:
    bomb = altered(xlsx_of(HEAD, GATE), SHEET, b"<worksheet>" + b" " * 100_000_000)
    size = (100_000_011).to_bytes(4, "little")
    assert refused(bomb.replace(size, (1000).to_bytes(4, "little"))).code == "file_unreadable"


def test_entities_that_multiply_are_refused_at_once() -> None:
    names = "abcdefghijklmnop"
    declared = '<!ENTITY a "0123456789">' + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in itertools.pairwise(names)
    )
    laughs = (
        f"<!DOCTYPE worksheet [{declared}]><worksheet {MAIN.decode()}><sheetData><row>"
        '<c t="inlineStr"><is><t>&p;</t></is></c></row></sheetData></worksheet>'
    ).encode()
    began = time.perf_counter()
    assert refused(altered(xlsx_of(HEAD, GATE), SHEET, laughs)).code == "file_unreadable"
    assert time.perf_counter() - began < 5


def test_an_external_entity_is_not_fetched() -> None:
    file = (
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><worksheet ' + MAIN +
        b'><sheetData><row><c t="inlineStr"><is><t>&a;</t></is></c></row></sheetData></worksheet>'
    )  # fmt: skip
    assert refused(altered(xlsx_of(HEAD, GATE), SHEET, file)).code in (
        "file_unreadable",
        "header_missing",
    )


def test_one_long_text_that_is_repeated_is_too_much() -> None:
    long = "x" * 30_000
    assert refused(xlsx_of(HEAD, *[(long, long, long)] * 100)).code == "file_too_large"


def test_a_sheet_that_is_longer_than_it_says_is_read_to_its_end() -> None:
    data = xlsx_of(HEAD, GATE, GATE)
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        sheet = packed.read(SHEET)
    assert b'ref="A1:C3"' in sheet
    lying = altered(data, SHEET, sheet.replace(b'ref="A1:C3"', b'ref="A1:A2"'))
    assert [row.number for row in read(lying).rows] == [2, 3]


@pytest.mark.parametrize(
    "cells",
    [
        b'<row r="1048576"><c r="A1048576" t="inlineStr"><is><t>Name</t></is></c></row>',
        b'<row r="1"><c r="XFD1" t="inlineStr"><is><t>Name</t></is></c></row>',
        b'<row r="x"><c r="?" t="s"><v>99</v></c></row>',
        b'<row r="1"><c r="A1" t="e"><v>#N/A</v></c></row>',
        b'<row r="1"><c r="A1" t="d"><v>yesterday</v></c></row>',
    ],
)
def test_a_sheet_made_by_hand_is_refused_soon(cells: bytes) -> None:
    dimension = b'<dimension ref="A1:XFD1048576"/>'
    sheet = b"<worksheet %s>%s<sheetData>%s</sheetData></worksheet>" % (MAIN, dimension, cells)
    began = time.perf_counter()
    assert refused(altered(xlsx_of(HEAD, GATE), SHEET, sheet)).code
    assert time.perf_counter() - began < 2


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_xlsx_is_read_or_refused(at: int, value: int) -> None:
    data = bytearray(XLSX)
    data[at % len(data)] = value
    with suppress(Refused):
        read(bytes(data))


XLSX = xlsx_of(HEAD, GATE)
