"""The one gate that every command and every look passes. The event store knows no roles: whoever
does (`fleet.accounts.access`) sets the guard at start-up. Without a guard nobody may do anything.
"""

from __future__ import annotations

from typing import Protocol

from django.db.models import Q

from fleet.eventstore.messages import Actor, State


class Guard(Protocol):
    def visible(self, actor: Actor) -> Q:
        """What the actor may see, as a filter on `organisation` and `site`."""

    def check(self, actor: Actor, role: str, state: State) -> None:
        """Raise NotFound when the actor may not see it, Forbidden when it may not do this."""


_guard: Guard | None = None


def set_guard(guard: Guard) -> None:
    global _guard
    _guard = guard


def _required() -> Guard:
    if _guard is None:
        raise RuntimeError("nobody guards the event store: set_guard() was not called")
    return _guard


def visible(actor: Actor) -> Q:
    return _required().visible(actor)


def check(actor: Actor, role: str, state: State) -> None:
    _required().check(actor, role, state)
