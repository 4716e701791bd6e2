"""What the menu shows of schedules, and how their events look."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from fleet.accounts.middleware import by_of
from fleet.audit.entries import look_like
from fleet.web.registry import dashboard_panel, menu
from resets.schedules import queries, words
from resets.schedules.page import lines

SHOWN = 5


def register() -> None:
    menu("Schedules", "schedules", icon="calendar-clock", order=125)
    dashboard_panel("resets/schedules/panel.html", waiting, order=9)
    look_like(words.EVENTS)


def waiting(request: HttpRequest) -> dict[str, Any] | None:
    """Schedules that wait for the answer of whoever looks; nothing while there are none."""
    actor = by_of(request).actor
    found = list(queries.awaiting(actor)[: SHOWN + 1])
    return {"lines": lines(actor, found[:SHOWN]), "more": len(found) > SHOWN} if found else None
