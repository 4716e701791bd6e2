"""What sites and devices are called, for pages that stand below them.

Roles, tokens and events name sites and devices by id; the app that has them tells their names. It
sets itself at start-up, as the guard of the event store does. Everything asks as somebody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from fleet.eventstore.messages import Actor


@dataclass(frozen=True)
class Place:
    """A site. `zone` is the name of its time zone, `url` that of its page."""

    id: UUID
    organisation: UUID
    name: str
    zone: str
    url: str


@dataclass(frozen=True)
class Subject:
    """What an event is about: a device."""

    id: UUID
    name: str
    url: str


class Places(Protocol):
    def sites(self, actor: Actor) -> list[Place]:
        """The sites that the actor may see, by name."""

    def subjects(self, actor: Actor, ids: Iterable[UUID]) -> dict[UUID, Subject]:
        """Those of the ids that the actor may see."""

    def named(self, actor: Actor, text: str) -> list[UUID]:
        """What has this text in its name."""


class _Nowhere:
    def sites(self, actor: Actor) -> list[Place]:
        return []

    def subjects(self, actor: Actor, ids: Iterable[UUID]) -> dict[UUID, Subject]:
        return {}

    def named(self, actor: Actor, text: str) -> list[UUID]:
        return []


_places: Places = _Nowhere()


def set_places(places: Places) -> None:
    global _places
    _places = places


def places() -> Places:
    return _places
