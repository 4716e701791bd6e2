"""What the menu, the dashboard and the pages of devices show of readiness."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from devices.page_parts import part
from fleet.accounts.middleware import by_of
from fleet.audit.entries import look_like
from fleet.eventstore.messages import Actor
from fleet.web.registry import dashboard_panel, menu
from resets.readiness import queries
from resets.readiness.page import Card

SHOWN = 5

EVENTS = {
    "resets.drill_begun": ("busy", "life-buoy"),
    "resets.drill_code_issued": ("busy", "send"),
    "resets.drill_mail_told": ("quiet", "mail"),
    "resets.drill_code_verified": ("ok", "circle-check"),
    "resets.drill_code_rejected": ("warn", "triangle-alert"),
    "resets.drill_waited_for": ("warn", "hourglass"),
    "resets.drill_passed": ("ok", "shield-check"),
    "resets.drill_failed": ("bad", "octagon-x"),
    "resets.drill_expired": ("quiet", "timer-off"),
    "resets.drill_cancelled": ("quiet", "ban"),
}


def register() -> None:
    menu("Readiness", "readiness", icon="life-buoy", order=115)
    dashboard_panel("resets/readiness/panel.html", on_dashboard, order=35)
    part("resets/readiness/of_device.html", of_device, order=15)
    look_like(EVENTS)


def on_dashboard(request: HttpRequest) -> dict[str, Any] | None:
    actor = by_of(request).actor
    fleet = queries.tally(actor)
    if not len(fleet):
        return None
    return {"fleet": fleet, "reasons": fleet.reasons[:SHOWN]}


def of_device(actor: Actor, device: Any) -> dict[str, Any] | None:
    """How ready it is, its last drill, and the button for another."""
    if device.removed:
        return None
    return {"card": Card(queries.of_device(actor, device.pk), device, actor)}
