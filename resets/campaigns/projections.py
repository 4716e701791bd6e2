"""Campaigns, their items and their codes as rows."""

from __future__ import annotations

from typing import Any

import msgspec

from fleet.errors import Conflict
from fleet.eventstore.handling import conflict_of
from fleet.eventstore.projections import projects
from resets.campaigns.models import Campaign, CampaignCodes, CampaignItem
from resets.campaigns.state import CampaignState, CodesState, ItemState


@projects("campaign", Campaign)
def campaign(state: CampaignState) -> dict[str, Any]:
    return {
        "kind": state.kind.value,
        "name": state.name,
        "about": state.reason,
        "settings": _as_read(state.settings),
        "selection": _as_read(state.selection),
        "ends_at": state.ends_at,
        "planner": state.planner,
        "planner_id": state.planner_id,
        "schedule": state.schedule,
        "phase": state.phase.value,
        "open": state.phase.open,
        "digest": state.digest,
        "chosen": state.chosen,
        "planned": state.planned,
        "approver": state.approver,
        "approver_id": state.approver_id,
        "why": state.why,
        "began_at": state.began_at,
        "ended_at": state.ended_at,
    }


def _as_read(value: object) -> Any:
    """As JSON is read again: with lists for tuples."""
    return msgspec.json.decode(msgspec.json.encode(value))


@projects("campaign_item", CampaignItem)
def item(state: ItemState) -> dict[str, Any]:
    return {
        "campaign_id": state.campaign,
        "device_id": state.subject,
        "number": state.number,
        "ring": state.ring,
        "device_name": state.device_name,
        "model": state.model,
        "nvr": state.nvr,
        "username": state.username,
        "method": state.method.value if state.method else "",
        "mailbox": state.mailbox,
        "facts": state.facts,
        "forecast": state.forecast,
        "standing": state.standing.value,
        "open": state.standing.open,
        "why": state.why,
        "reset": state.reset,
        "attempt": state.attempt,
        "begun_at": state.begun_at,
        "ended_at": state.ended_at,
    }


@projects("campaign_codes", CampaignCodes)
def codes(state: CodesState) -> dict[str, Any]:
    return {
        "campaign_id": state.campaign,
        "mailbox": state.mailbox,
        "sends": state.sends,
        "sent_at": state.sent_at,
        "code_expires_at": state.code_expires_at,
        "tries_left": state.tries_left,
        "owner": state.owner,
        "delivery": state.delivery.value,
        "answer": state.answer,
        "verified": state.verified,
        "disowned": state.disowned,
    }


conflict_of(
    "campaign_item_one_open_per_device",
    "campaign_item.device_id",
    lambda: Conflict(
        "in_campaign_already",
        "The device is in another campaign by now. Wait for that one, or take it out there.",
    ),
)
