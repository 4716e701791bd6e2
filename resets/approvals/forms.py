"""What the list of approvals may be filtered by."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import QueryDict

from devices import queries as devices
from fleet.eventstore.messages import Actor
from resets.approvals.lines import SOURCES, Line, waiting


class ApprovalFilters(forms.Form):
    q = forms.CharField(label="Search", required=False, widget=forms.SearchInput, max_length=100)
    whose = forms.ChoiceField(
        label="Waits for",
        required=False,
        choices=[("", "My answer"), ("own", "Somebody else’s, asked for by me")],
    )
    kind = forms.ChoiceField(
        label="Kind",
        required=False,
        choices=[("", "All"), *((name, source.label) for name, source in SOURCES.items())],
    )
    site = forms.ChoiceField(label="Site", required=False)

    def __init__(self, actor: Actor, asked: QueryDict) -> None:
        super().__init__(asked)
        self.actor = actor
        field = self.fields["site"]
        assert isinstance(field, forms.ChoiceField)
        sites = [(str(site.pk), site.name) for site in devices.site_names(actor)]
        field.choices = [("", "All sites"), *sites]

    @property
    def chosen(self) -> bool:
        """Whether anything is narrowed down."""
        return any(self.data.get(name) for name in self.fields if name != "whose")

    @property
    def own(self) -> bool:
        return self.data.get("whose") == "own"

    def found(self) -> list[Line]:
        """What fits; all of it when a filter makes no sense."""
        if not self.is_valid():
            return waiting(self.actor, own=self.own)
        chosen = self.cleaned_data
        site = UUID(chosen["site"]) if chosen["site"] else None
        return waiting(self.actor, own=self.own, kind=chosen["kind"], site=site, text=chosen["q"])
