"""Fields of events that those who only look are shown in part, such as mailboxes.

The apps above say which fields, by name, and how: `veil("reset_email", masked)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import orjson

from fleet.accounts.access import may
from fleet.accounts.state import Role
from fleet.eventstore.messages import EVENTS, Actor, Recorded

Veil = Callable[[str], str]
_veils: dict[str, Veil] = {}


def veil(field: str, how: Veil) -> None:
    """Show this field of every event in part to those who only look."""
    _veils[field] = how


def data_for(actor: Actor, recorded: Recorded) -> Any:
    """The event's fields as JSON: as they were hashed, to the letter, wherever nothing in them is
    more than this actor may know.
    """
    names = {f.name for f in fields(EVENTS[recorded.type])} & _veils.keys()  # type: ignore[arg-type]
    if not names or may(actor, Role.TECHNICIAN, recorded.organisation, recorded.site):
        return orjson.Fragment(recorded.data)
    told = orjson.loads(recorded.data)
    return told | {name: _veils[name](told[name]) for name in names if told.get(name)}
