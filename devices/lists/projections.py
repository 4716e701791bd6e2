"""Imports as rows."""

from __future__ import annotations

from typing import Any

from devices.lists.models import Import
from devices.lists.state import ImportState
from fleet.eventstore.projections import projects


@projects("import", Import)
def import_(state: ImportState) -> dict[str, Any]:
    return {
        "owner": state.owner,
        "file": state.file,
        "fingerprint": state.fingerprint,
        "phase": state.phase.value,
        "to_add": state.counts.add,
        "to_update": state.counts.update,
        "unchanged": state.counts.unchanged,
        "problems": state.counts.problem,
        "trouble": state.trouble,
        "expires_at": state.expires_at,
    }
