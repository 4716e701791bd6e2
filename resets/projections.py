"""Resets as rows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fleet.errors import Conflict
from fleet.eventstore.handling import conflict_of
from fleet.eventstore.projections import projects
from resets.models import Reset
from resets.state import ResetState, masked


@projects("reset", Reset)
def reset(state: ResetState) -> dict[str, Any]:
    return {
        "device_id": state.subject,
        "device_name": state.device_name,
        "username": state.username,
        "method": state.method.value,
        "reason": state.reason,
        "mailbox": masked(state.reset_email),
        "asker": state.asker,
        "phase": state.phase.value,
        "open": state.phase.open,
        "expires_at": state.expires_at,
        "sends": state.sends,
        "sent_at": state.sent_at,
        "code_expires_at": state.code_expires_at,
        "tries_left": state.tries_left,
        "delivery": state.delivery.value,
        "delivery_detail": state.answer,
        "generated": state.generated,
        "waiting_for": state.waiting_for,
        "doors": [asdict(door) for door in state.doors],
        "outcome": state.outcome,
        "asker_id": state.asker_id,
        "approval_why": state.approval_why,
        "glass_broken_by": state.glass_broken_by,
        "glass_reviewed": state.glass_reviewed,
        "awaits_approval": not state.phase.agreed,
        "awaits_review": bool(state.glass_broken_by) and not state.glass_reviewed,
        "recorder": state.at_recorder.value,
        "recorder_detail": state.recorder_detail,
        "campaign": state.campaign,
    }


conflict_of(
    "reset_one_open_per_device",
    "reset.device_id",
    lambda: Conflict(
        "reset_open_already",
        "A reset of this device is under way. Go on with that one, or cancel it first.",
    ),
)
