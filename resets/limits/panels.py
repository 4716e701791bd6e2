"""What the menu and the dashboard show of alarms."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from fleet.accounts.middleware import by_of
from fleet.audit.entries import look_like
from fleet.web.registry import dashboard_panel, menu
from resets.limits import queries

SHOWN = 5
EVENTS = {
    "resets.limit_reached": ("warn", "hand"),
    "resets.refusals_summed": ("warn", "hand"),
    "resets.breaker_tripped": ("bad", "siren"),
    "resets.breaker_closed": ("ok", "check"),
    "resets.limits_set": ("quiet", "gauge"),
    "resets.code_rules_set": ("quiet", "settings-2"),
    "resets.approval_rules_set": ("quiet", "settings-2"),
}


def register() -> None:
    menu("Alarms", "alarms", icon="siren", order=126)
    dashboard_panel("resets/panels/alarms.html", alarms, order=5)
    look_like(EVENTS)


def alarms(request: HttpRequest) -> dict[str, Any] | None:
    """Those that wait for a person; nothing is shown while there are none."""
    rows = queries.breakers(by_of(request).actor).filter(tripped=True)[: SHOWN + 1]
    found = list(rows)
    return {"rows": found[:SHOWN], "more": len(found) > SHOWN} if found else None
