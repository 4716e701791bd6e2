"""What the dashboard shows of resets."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from fleet.eventstore.messages import Actor
from fleet.web.registry import dashboard_panel, menu
from resets import queries

SHOWN = 5


def register() -> None:
    menu("Resets", "resets", icon="key-round", order=120)
    dashboard_panel("resets/panels/waiting.html", waiting, order=10)
    dashboard_panel("resets/panels/under_way.html", under_way, order=20)
    dashboard_panel("resets/panels/undelivered.html", undelivered, order=30)
    dashboard_panel("resets/panels/ended.html", ended, order=40)


def waiting(request: HttpRequest) -> dict[str, Any]:
    return _few(queries.waiting_for(_actor(request)))


def under_way(request: HttpRequest) -> dict[str, Any]:
    return _few(queries.under_way(_actor(request)))


def undelivered(request: HttpRequest) -> dict[str, Any]:
    return _few(queries.undelivered(_actor(request)))


def ended(request: HttpRequest) -> dict[str, Any]:
    return _few(queries.ended(_actor(request)))


def _few(rows: QuerySet[Any]) -> dict[str, Any]:
    """The newest of them, and whether there are more."""
    newest = list(rows[: SHOWN + 1])
    return {"rows": newest[:SHOWN], "more": len(newest) > SHOWN}


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor
