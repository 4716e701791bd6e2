"""Drills as rows."""

from __future__ import annotations

from typing import Any

from devices.mailbox import masked
from fleet.errors import Conflict
from fleet.eventstore.handling import conflict_of
from fleet.eventstore.projections import projects
from resets.delivery.projections import key_of
from resets.readiness.models import Drill
from resets.readiness.state import DrillState

_AS_IT_IS = (
    "device_name", "asker", "begun_at", "expires_at", "sends", "sent_at", "code_expires_at",
    "tries_left", "answer", "waiting_for", "outcome", "ended_at",
)  # fmt: skip


@projects("drill", Drill)
def drill(state: DrillState) -> dict[str, Any]:
    assert state.organisation
    return {
        **{name: getattr(state, name) for name in _AS_IT_IS},
        "device_id": state.subject,
        "mailbox": masked(state.reset_email),
        "mailbox_key": key_of(state.organisation, state.reset_email),
        "method": state.method.value,
        "phase": state.phase.value,
        "open": state.phase.open,
        "delivery": state.delivery.value,
    }


conflict_of(
    "drill_one_open_per_device",
    "drill.device_id",
    lambda: Conflict(
        "drill_open_already",
        "A drill of this device is under way. Go on with that one, or cancel it first.",
    ),
)
