"""Events as people read them: the sentence, a colour and an icon, and what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fleet.accounts.places import Place, Subject, places
from fleet.eventstore.messages import EVENTS, Actor, Recorded

# By an event's name: its tone and its icon. The apps above add theirs with `look_like`.
_LOOKS: dict[str, tuple[str, str]] = {
    "accounts.organisation_founded": ("quiet", "building-2"),
    "accounts.role_granted": ("warn", "user-plus"),
    "accounts.role_revoked": ("warn", "user-minus"),
    "accounts.token_issued": ("warn", "key-round"),
    "accounts.token_revoked": ("quiet", "ban"),
}


def look_like(looks: Mapping[str, tuple[str, str]]) -> None:
    """Say how events are shown: `{"devices.device_certified": ("ok", "shield-check")}`."""
    _LOOKS.update(looks)


@dataclass(frozen=True)
class Entry:
    """An event as the timeline and the tables show it. `detail` says what its sentence does not."""

    recorded: Recorded
    about: Subject | None = None
    place: Place | None = None
    detail: str = ""

    @property
    def sentence(self) -> str:
        return self.recorded.sentence

    @property
    def at(self) -> datetime:
        return self.recorded.at

    @property
    def actor(self) -> str:
        return self.recorded.actor.name

    @property
    def source(self) -> str:
        return self.recorded.source

    @property
    def reason(self) -> str:
        return self.recorded.reason

    @property
    def correlation(self) -> UUID:
        return self.recorded.correlation

    @property
    def zone(self) -> str:
        return self.place.zone if self.place else "UTC"

    @property
    def tone(self) -> str:
        return _LOOKS.get(self.recorded.type, ("quiet", ""))[0]

    @property
    def icon(self) -> str:
        return _LOOKS.get(self.recorded.type, ("", "dot"))[1]


class OwnEntry(Entry):
    """An event on the page of what it happened to, which says the reason in a place of its own."""

    @property
    def reason(self) -> str:
        return ""


def story_of(happened: Sequence[Recorded]) -> list[Entry]:
    """All that happened to one thing, newest first, for the timeline of its own page."""
    return [OwnEntry(recorded) for recorded in reversed(happened)]


def entries(actor: Actor, found: Iterable[Recorded], sites: Iterable[Place]) -> list[Entry]:
    """The events with the names of what they are about, as the actor may see them."""
    found, at = list(found), {place.id: place for place in sites}
    about = places().subjects(actor, {r.subject for r in found if r.subject})
    return [
        Entry(
            recorded,
            about.get(recorded.subject) if recorded.subject else None,
            at.get(recorded.site) if recorded.site else None,
        )
        for recorded in found
    ]


def event_names() -> list[tuple[str, list[tuple[str, str]]]]:
    """Every event's name, grouped as a choice: `("Resets", [("resets.code_verified", …)])`."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(EVENTS):
        app, _, happened = name.partition(".")
        words = happened.replace("_", " ").capitalize()
        groups.setdefault(app.capitalize(), []).append((name, words))
    return list(groups.items())
