"""What the menu, the dashboard and the list of devices show of campaigns."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from devices.page_parts import bulk
from fleet.accounts.middleware import by_of
from fleet.accounts.state import Role
from fleet.web.registry import dashboard_panel, menu
from resets.campaigns.plan_lines import to_agree
from resets.campaigns.steps.plan_campaign import PlanCampaign


def register() -> None:
    menu("Campaigns", "campaigns", icon="list-checks", order=125)
    dashboard_panel("resets/campaigns/panel.html", waiting, order=8)
    bulk("Plan a campaign", "plan-campaign", Role(PlanCampaign.by))


def waiting(request: HttpRequest) -> dict[str, Any] | None:
    """Campaigns that wait for the answer of whoever looks."""
    lines = list(to_agree(by_of(request).actor))
    return {"lines": lines} if lines else None
