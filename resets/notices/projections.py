"""Notices as rows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fleet.eventstore.projections import projects
from resets.notices.models import Notice
from resets.notices.state import NoticeState


@projects("notice", Notice)
def notice(state: NoticeState) -> dict[str, Any]:
    return {
        "about": state.about,
        "title": state.title,
        "told": [asdict(one) for one in state.told],
    }
