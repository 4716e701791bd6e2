"""The columns of the list of devices. Which of them are shown, each browser remembers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

COOKIE = "device_columns"
A_YEAR = 365 * 24 * 3600  # seconds


@dataclass(frozen=True)
class Column:
    """`name` is also what it is sorted by."""

    name: str
    label: str
    default: bool = True


# Status comes first: on a phone it stands beside the name.
COLUMNS = (
    Column("status", "Status"),
    Column("site", "Site"),
    Column("nvr", "NVR, channel"),
    Column("address", "Address"),
    Column("model", "Model"),
    Column("firmware", "Firmware", default=False),
    Column("serial", "Serial number", default=False),
    Column("mac", "MAC address", default=False),
    Column("seen", "Last seen", default=False),
)


def chosen(remembered: str | None, *, but: str = "") -> list[Column]:
    """Those that a cookie names, in their order; where it names none, the usual ones. `but`: not
    this one.
    """
    names = set(remembered.split(".")) if remembered else _USUAL
    return [one for one in COLUMNS if one.name in names and one.name != but]


def remembered(names: Iterable[str]) -> str:
    """What the cookie says of them; what is no column is left out."""
    wanted = set(names)
    return ".".join(one.name for one in COLUMNS if one.name in wanted)


_USUAL = {one.name for one in COLUMNS if one.default}
