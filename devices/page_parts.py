"""Where the apps above hang what they know of a device into its pages.

They know the device, and devices know nothing of them: a part is a template and who fills it, the
list's extra column is a label and who fills that, a button of the list leads to a page by its name.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from fleet.accounts.state import Role
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


@dataclass(frozen=True)
class Bulk:
    """A button under the list for the devices that are ticked. Their ids are posted to the page of
    this name, each as `device`, with `back`: the list as it was shown.
    """

    label: str
    url_name: str
    role: Role


_parts: list[Part] = []
_columns: list[Column] = []
_bulks: list[Bulk] = []


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


def bulk(label: str, url_name: str, role: Role) -> None:
    """Add a button for ticked devices, shown to those who have this role somewhere."""
    if all(known.url_name != url_name for known in _bulks):
        _bulks.append(Bulk(label, url_name, role))


def bulks_of(actor: Actor) -> list[Bulk]:
    """The buttons that are worth showing to an actor."""
    return [one for one in _bulks if any(g.role.rank >= one.role.rank for g in actor.grants)]


def parts_of(actor: Actor, device: Any) -> list[dict[str, Any]]:
    """The parts that have something to show, in their order."""
    filled = ((part.template, part.provider(actor, device)) for part in _parts)
    return [{"template": name, "facts": facts} for name, facts in filled if facts is not None]


def columns() -> tuple[Column, ...]:
    return tuple(_columns)
