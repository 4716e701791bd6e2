"""Schedules as rows."""

from __future__ import annotations

from typing import Any

import msgspec

from fleet.eventstore.projections import projects
from resets.schedules.models import Schedule
from resets.schedules.state import ScheduleState


@projects("schedule", Schedule)
def schedule(state: ScheduleState) -> dict[str, Any]:
    plan = state.plan
    assert plan
    return {
        "name": plan.name,
        "about": plan.reason,
        "every": plan.timing.every.value,
        "number": plan.timing.number,
        "first": plan.timing.first,
        "lasting": plan.lasting,
        "ahead": plan.ahead,
        "selection": _as_read(plan.selection),
        "settings": _as_read(plan.settings),
        "maker": state.maker,
        "maker_id": state.maker_id,
        "phase": state.phase.value,
        "digest": state.digest,
        "approver": state.approver,
        "run": state.run,
        "campaign": state.campaign,
        "ran_at": state.ran_at,
        "skipped": state.skipped,
    }


def _as_read(value: object) -> Any:
    """As JSON is read again: with lists for tuples."""
    return msgspec.json.decode(msgspec.json.encode(value))
