"""What the list of proposals may be filtered by."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from devices import queries as devices
from fleet.eventstore.messages import Actor
from resets.mailboxes import queries
from resets.mailboxes.page import STAGES
from resets.mailboxes.state import Stage

OPEN = "open"


class ProposalFilters(forms.Form):
    q = forms.CharField(label="Search", required=False, widget=forms.SearchInput, max_length=100)
    stage = forms.ChoiceField(
        label="Stands at",
        required=False,
        choices=[
            ("", "Any"),
            (OPEN, "Under way"),
            *((stage.value, look.text) for stage, look in STAGES.items()),
        ],
    )
    site = forms.TypedChoiceField(label="Site", required=False, coerce=UUID, empty_value=None)

    def __init__(self, actor: Actor, asked: QueryDict) -> None:
        super().__init__(asked)
        self.actor = actor
        sites = [(str(site.pk), site.name) for site in devices.site_names(actor)]
        field = self.fields["site"]
        assert isinstance(field, forms.TypedChoiceField)
        field.choices = [("", "All sites"), *sites]

    @property
    def chosen(self) -> bool:
        """Whether anything is filtered at all."""
        return any(self.data.get(name) for name in self.fields)

    def found(self) -> QuerySet[Any]:
        """The proposals that fit; all of them when a filter makes no sense."""
        rows = queries.changes(self.actor)
        if not self.is_valid():
            return rows
        chosen = self.cleaned_data
        stage = chosen["stage"]
        return queries.narrowed(
            rows,
            text=chosen["q"],
            site=chosen["site"],
            stage=Stage(stage) if stage and stage != OPEN else None,
            open=True if stage == OPEN else None,
        )
