"""The lines of the menu that are about people and their tokens."""

from __future__ import annotations

from django.http import HttpRequest

from fleet.accounts.middleware import by_of
from fleet.accounts.state import Role
from fleet.errors import Forbidden
from fleet.eventstore.messages import By
from fleet.web.registry import menu


def register() -> None:
    menu("People", "people", icon="users", order=200, visible=administers)
    menu("API tokens", "tokens", icon="key-square", order=210)


def administers(request: HttpRequest) -> bool:
    """Whether whoever asks is an administrator anywhere."""
    actor = getattr(request, "actor", None)  # whoever signs in by this very request has none yet
    return actor is not None and any(g.role.rank >= Role.ADMINISTRATOR.rank for g in actor.grants)


def require_administrator(request: HttpRequest, otherwise: str) -> By:
    """Whoever asks. Raises Forbidden, with this sentence, unless they administer something."""
    if not administers(request):
        raise Forbidden("role_too_low", otherwise, needed=Role.ADMINISTRATOR)
    return by_of(request)
