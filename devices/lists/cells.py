"""Cells of a list: as people write them, and as commands want them. Each way reads the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from devices import mailbox
from devices.state import Kind
from devices.steps.add_device import AddDevice, mac_in, services_text
from fleet.errors import Refused
from fleet.eventstore.messages import asked_fields

YES, NO = ("yes", "y", "true", "1", "on", "https"), ("no", "n", "false", "0", "off", "http")
_LONGEST = {name: told.max_length for name, (told, _) in asked_fields(AddDevice).items()}


def value(name: str, text: str) -> Any:
    """What a filled cell of a column means. Raises Refused.

    A port or channel that is no number becomes 0: commands refuse that in their own words.
    """
    if len(text) > _LONGEST[name]:
        raise Refused("too_long", f"Use at most {_LONGEST[name]} characters.", field=name)
    return _READERS.get(name, str)(text)


def text(name: str, value: Any) -> str:
    """A device's value of a column, as a cell."""
    if value is None:
        return ""
    return _WRITERS.get(name, str)(value)


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0


def _kind(text: str) -> Kind:
    try:
        return Kind(text.casefold())
    except ValueError:
        raise Refused("kind_wrong", "Write camera or NVR.", field="kind") from None


def _yes(text: str) -> bool:
    if text.casefold() not in (*YES, *NO):
        raise Refused("https_wrong", "Write yes or no.", field="tls")
    return text.casefold() in YES


_READERS: dict[str, Callable[[str], Any]] = {
    "kind": _kind,
    "port": _number,
    "tls": _yes,
    "channel": _number,
    "reset_email": mailbox.checked,
    "mac": mac_in,
}
_WRITERS: dict[str, Callable[[Any], str]] = {
    "kind": lambda kind: "NVR" if kind == Kind.NVR else "Camera",
    "tls": lambda tls: "yes" if tls else "no",
    "services": services_text,
}
