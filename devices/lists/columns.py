"""A list's columns: what people call them, and which header a file has to have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from fleet.errors import Refused

MOST = 64  # columns of a file; a list has at most half of that
_SHOWN = 40  # characters of a name that is none of ours


@dataclass(frozen=True)
class Column:
    """`field` is what commands call it; `about` says what to write, `to_add` what is needed to add
    a device. A `told` one is written for people and not read back.
    """

    field: str
    label: str
    about: str = ""
    to_add: str = ""
    also: tuple[str, ...] = ()
    told: bool = False


COLUMNS = (
    Column("name", "Name", "What people call it", "needed", ("device", "device name")),
    Column("kind", "Kind", "Camera or NVR", "else Camera", ("type",)),
    Column(
        "host",
        "Address",
        "An IP address or a host name",
        "needed",
        ("IP", "IP address", "host name"),
    ),
    Column("port", "Port", "A number", "else 80, with HTTPS 443"),
    Column("tls", "HTTPS", "yes or no", "else no"),
    Column("path", "Path", "Of the ONVIF service, where it is not the usual one"),
    Column(
        "username",
        "Account",
        "The account that people sign in with",
        "else admin",
        ("user", "user name", "login"),
    ),
    Column(
        "password",
        "Password",
        "Of that account. That of a device in the fleet stays as it is",
        "needed",
    ),
    Column(
        "reset_email",
        "Reset Password Email",
        "The mailbox that verification codes go to",
        also=("email", "mailbox"),
    ),
    Column(
        "nvr",
        "NVR",
        "The name or serial number of an NVR of the same site, in the list or in the fleet",
        also=("recorder",),
    ),
    Column("channel", "Channel", "A number"),
    Column("services", "Services", "Such as rtsp:554 vigi_nvr:20443", also=("further services",)),
    Column("serial", "Serial", "The serial number", also=("serial number",)),
    Column("mac", "MAC", "The MAC address", also=("MAC address",)),
    Column("site", "Site", "The name of a site", "else the one that is chosen for all"),
    Column("manufacturer", "Manufacturer", told=True),
    Column("model", "Model", told=True),
    Column("firmware", "Firmware", told=True),
    Column("status", "Status", told=True),
)
READ = tuple(column for column in COLUMNS if not column.told)
WRITTEN = tuple(column for column in COLUMNS if column.field != "password")
LABELS = {column.field: column.label for column in COLUMNS}
_FINDS = ("host", "serial", "mac")  # one of them is needed to tell devices apart


def plain(name: str) -> str:
    """A name as it is compared: letters and digits alone, in one case."""
    return re.sub(r"[\W_]+", "", name).casefold()


_KNOWN = {
    plain(name): column for column in COLUMNS for name in (column.field, column.label, *column.also)
}


def header(names: Sequence[str]) -> list[Column | None]:
    """The columns that a file's first line names, in its order; None for a cell without a name.

    Raises Refused. What is no header at all is not repeated in the refusal: it may be a line of
    the list, with its password.
    """
    found = [_KNOWN.get(plain(name)) for name in names]
    given = [name for name in names if name.strip()]
    alike = [name for name in given if plain(name) in _KNOWN or _nearest(name)]
    if len(names) > MOST or 2 * len(alike) <= len(given):
        raise _refused(
            "header_missing",
            "The first line has to name the columns, such as Name, Address and Password. Take the"
            " template and fill it in.",
        )
    if unknown := [name for name in given if plain(name) not in _KNOWN]:
        told = " ".join(map(_not_known, unknown[:3]))
        raise _refused(
            "column_unknown",
            f"{told} The columns are {_all()}.",
            columns=[name[:_SHOWN] for name in unknown],
        )
    columns = [column for column in found if column is not None]
    if twice := {column.label for column in columns if columns.count(column) > 1}:
        raise _refused(
            "column_twice", f"Name each column once: {', '.join(sorted(twice))} is there twice."
        )
    if not any(column.field in _FINDS for column in columns):
        raise _refused(
            "column_missing", "Give a column Address, Serial or MAC: devices are told apart by it."
        )
    return found


def known(names: Sequence[str]) -> int:
    """How many of these are names of columns."""
    return sum(plain(name) in _KNOWN for name in names)


def _refused(code: str, message: str, **facts: object) -> Refused:
    return Refused(code, message, field="content", **facts)


def _nearest(name: str) -> str | None:
    near = get_close_matches(plain(name)[:_SHOWN], _KNOWN, n=1, cutoff=0.7)
    return _KNOWN[near[0]].label if near else None


def _not_known(name: str) -> str:
    shown = f"“{name.strip()[:_SHOWN]}” is no column"
    near = _nearest(name)
    return f"{shown}; do you mean {near}?" if near else f"{shown}."


def _all() -> str:
    *most, last = [column.label for column in READ]
    return f"{', '.join(most)} and {last}"
