"""What the menu shows of schedules, and how their events look."""

from __future__ import annotations

from fleet.audit.entries import look_like
from fleet.web.registry import menu
from resets.schedules import words


def register() -> None:
    menu("Schedules", "schedules", icon="calendar-clock", order=124)
    look_like(words.EVENTS)
