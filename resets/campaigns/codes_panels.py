"""What the dashboard shows of campaigns that wait for codes."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from fleet.accounts.middleware import by_of
from fleet.web.registry import dashboard_panel
from resets.campaigns import codes_queries


def register() -> None:
    dashboard_panel("resets/campaigns/codes_panel.html", waiting, order=11)


def waiting(request: HttpRequest) -> dict[str, Any] | None:
    """Campaigns under way whose devices wait for codes that whoever looks may send and type."""
    lines = codes_queries.campaigns_waiting(by_of(request).actor)
    return {"lines": lines} if lines else None
