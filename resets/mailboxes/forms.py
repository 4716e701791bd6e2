"""What the list of proposals may be filtered by."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet

from devices.filters import SiteFilters
from fleet.web.filters import search
from resets.mailboxes import queries
from resets.mailboxes.page import STAGES
from resets.mailboxes.state import Stage

OPEN = "open"


class ProposalFilters(SiteFilters):
    field_order = ("q", "stage", "site")

    q = search()
    stage = forms.ChoiceField(
        label="Stands at",
        required=False,
        choices=[
            ("", "Any"),
            (OPEN, "Under way"),
            *((stage.value, look.text) for stage, look in STAGES.items()),
        ],
    )

    def found(self) -> QuerySet[Any]:
        stage = self.value("stage")
        return queries.narrowed(
            queries.changes(self.actor),
            text=self.value("q") or "",
            site=self.value("site"),
            stage=Stage(stage) if stage and stage != OPEN else None,
            open=True if stage == OPEN else None,
        )
