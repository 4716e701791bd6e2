"""Lists and fleets made up for tests."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from devices.lists.planning import plan
from devices.lists.plans import Fleet, Line, Place, Plan
from devices.lists.reading import Row
from devices.state import DeviceState, Kind

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ORGANISATION, SEED = UUID(int=1), UUID(int=2)
HARBOUR = Place(UUID(int=10), ORGANISATION, "Harbour")
MUSEUM = Place(UUID(int=11), ORGANISATION, "Museum")
PASSWORD = "invented-for-this-test-1"


def a_device(number: int = 1, **more: Any) -> DeviceState:
    """A camera at the harbour."""
    plain = {
        "organisation": ORGANISATION,
        "site": HARBOUR.id,
        "subject": UUID(int=100 + number),
        "name": f"Camera {number}",
        "host": f"203.0.113.{number}",
        "serial": f"SN{number}",
        "reset_email": "owner@example.com",
    }
    return DeviceState(UUID(int=100 + number), **plain | more)


def an_nvr(number: int = 90, **more: Any) -> DeviceState:
    return a_device(number, **{"kind": Kind.NVR, "name": f"Recorder {number}"} | more)


def a_row(number: int = 2, **cells: str) -> Row:
    return Row(number, {name: text for name, text in cells.items() if text})


def new(number: int = 2, **cells: str) -> Row:
    """A line that adds a camera."""
    plain = {"name": f"New {number}", "host": f"198.51.100.{number}", "password": PASSWORD}
    return Row(number, {name: text for name, text in (plain | cells).items() if text})


def planned(
    rows: Sequence[Row], *devices: DeviceState, places: Sequence[Place] = (HARBOUR, MUSEUM)
) -> Plan:
    return plan(rows, Fleet(places, devices), HARBOUR.id, SEED, NOW)


def line(row: Row, *devices: DeviceState, **more: Any) -> Line:
    """What becomes of one row."""
    [only] = planned([row], *devices, **more).lines
    return only


def refusal(row: Row, *devices: DeviceState, **more: Any) -> tuple[str, str]:
    """The code and the column of one row's problem."""
    problem = line(row, *devices, **more).problem
    assert problem is not None
    return problem.code, problem.column


def csv_of(*lines: Sequence[str], separator: str = ",", encoding: str = "utf-8") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows(lines)
    return out.getvalue().encode(encoding)


def xlsx_of(*lines: Sequence[Any]) -> bytes:
    from openpyxl import Workbook

    book, out = Workbook(), io.BytesIO()
    for cells in lines:
        book.active.append(list(cells))
    book.save(out)
    return out.getvalue()
