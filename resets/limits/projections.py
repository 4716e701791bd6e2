"""Refusals and alarms as rows."""

from __future__ import annotations

from typing import Any

from fleet.eventstore.projections import projects
from resets.limits.models import Breaker, Refusals
from resets.limits.rules import Limit
from resets.limits.state import BreakerState, GuardState


def _numbers(limit: Limit | None) -> dict[str, Any]:
    return {
        "counted": limit.counted.value if limit else "",
        "scope": limit.scope.value if limit else "",
        "most": limit.most if limit else 0,
        "window": limit.window if limit else 0,
    }


@projects("guard", Refusals)
def refusals(state: GuardState) -> dict[str, Any]:
    case = state.case
    assert case
    return {
        **_numbers(case.limit),
        "trips": case.limit is not None and case.limit.trips,
        "campaign": case.campaign,
        "what": case.what,
        "device": case.device,
        "device_name": case.device_name,
        "asker": case.asker,
        "frees_at": case.frees_at,
        "until": state.until,
        "count": state.count,
    }


@projects("breaker", Breaker)
def breaker(state: BreakerState) -> dict[str, Any]:
    return {
        **_numbers(state.limit),
        "scope": state.scope.value,
        "what": state.what,
        "device": state.device,
        "device_name": state.device_name,
        "asker": state.asker,
        "tripped": state.tripped,
        "times": state.times,
        "tripped_at": state.tripped_at,
        "closed_at": state.closed_at,
        "closed_because": state.closed_because,
    }
