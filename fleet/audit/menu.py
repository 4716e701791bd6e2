"""The lines of the menu that are about the trail and the system."""

from __future__ import annotations

from fleet.accounts.menu import administers
from fleet.web.registry import menu


def register() -> None:
    menu("History", "history", icon="history", order=130)
    menu("System", "system", icon="activity", order=220, visible=administers)
