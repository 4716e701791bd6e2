"""Where the apps above hang what they know of a device into its pages.

They know the device, and devices know nothing of them: a part is a template and who fills it, the
list's extra column is a label and who fills that.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from fleet.eventstore.messages import Actor


@dataclass(frozen=True, order=True)
class Part:
    """A part of the device's page. The provider answers None when there is nothing to show."""

    order: int
    template: str
    provider: Callable[[Actor, Any], Mapping[str, Any] | None] = field(compare=False)


@dataclass(frozen=True)
class Mark:
    """A cell of the extra column: a status, and when it came to be."""

    tone: str
    text: str
    at: datetime
    url: str


@dataclass(frozen=True)
class Column:
    """A column of the list of devices, filled for a page of them at once."""

    label: str
    provider: Callable[[Actor, Iterable[UUID]], Mapping[UUID, Mark]]


_parts: list[Part] = []
_columns: list[Column] = []


def part(
    template: str, provider: Callable[[Actor, Any], Mapping[str, Any] | None], *, order: int
) -> None:
    """Add a part to the device's page; the template gets what the provider returns as `facts`."""
    new = Part(order, template, provider)
    if new not in _parts:
        insort(_parts, new)


def column(label: str, provider: Callable[[Actor, Iterable[UUID]], Mapping[UUID, Mark]]) -> None:
    """Add a column to the list of devices. The provider is asked once for all rows."""
    if all(known.label != label for known in _columns):
        _columns.append(Column(label, provider))


def parts_of(actor: Actor, device: Any) -> list[dict[str, Any]]:
    """The parts that have something to show, in their order."""
    filled = ((part.template, part.provider(actor, device)) for part in _parts)
    return [{"template": name, "facts": facts} for name, facts in filled if facts is not None]


def columns() -> tuple[Column, ...]:
    return tuple(_columns)
