"""What the list of resets may be filtered by."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from devices import queries as devices
from fleet.eventstore.messages import Actor
from resets import queries, words
from resets.queries import Glass
from resets.recorder.queries import owed
from resets.state import Phase

_GROUPS = {
    "open": ("Under way", [phase for phase in Phase if phase.open]),
    "waiting": ("Waiting for a person", [phase for phase in Phase if phase.with_people]),
}
_OWED = ("nvr", "Its NVR is still to be put right")
_GLASS = [
    (Glass.BROKEN.value, "The glass was broken"),
    (Glass.TO_REVIEW.value, "Broken, and nobody has looked into it"),
]


class ResetFilters(forms.Form):
    q = forms.CharField(label="Search", required=False, widget=forms.SearchInput, max_length=100)
    phase = forms.ChoiceField(
        label="Stands at",
        required=False,
        choices=[
            ("", "Any"),
            *((name, label) for name, (label, _) in _GROUPS.items()),
            _OWED,
            *((phase.value, words.PHASES[phase].text) for phase in Phase),
        ],
    )
    site = forms.ChoiceField(label="Site", required=False)
    glass = forms.ChoiceField(
        label="Broken glass",
        required=False,
        choices=[("", "With or without"), *_GLASS],
    )
    device = forms.ChoiceField(label="Device", required=False)

    def __init__(self, actor: Actor, asked: QueryDict) -> None:
        super().__init__(asked)
        self.actor = actor
        sites = [(str(site.pk), site.name) for site in devices.sites(actor)]
        self._choices("site", [("", "All sites"), *sites])
        if self._device(asked.get("device", "")):
            return
        del self.fields["device"]  # there may be thousands: one is chosen on its own page

    @property
    def chosen(self) -> bool:
        """Whether anything is filtered at all."""
        return any(self.data.get(name) for name in self.fields)

    def found(self) -> QuerySet[Any]:
        """The resets that fit; all of them when a filter makes no sense."""
        rows: QuerySet[Any] = queries.resets(self.actor)
        if not self.is_valid():
            return rows
        chosen = self.cleaned_data
        if (phase := chosen["phase"]) == _OWED[0]:
            rows = owed(self.actor)
        elif phase:
            rows = rows.filter(phase__in=_GROUPS[phase][1] if phase in _GROUPS else [phase])
        if glass := chosen["glass"]:
            rows = queries.with_glass(rows, Glass(glass))
        if text := chosen["q"]:
            rows = queries.with_text(rows, text)
        for name in ("site", "device"):
            if chosen.get(name):
                rows = rows.filter(**{name: chosen[name]})
        return rows

    def _device(self, asked: str) -> bool:
        try:
            row = devices.devices(self.actor).filter(pk=UUID(asked)).first()
        except ValueError:
            return False
        if row is not None:
            self._choices("device", [("", "All devices"), (str(row.pk), row.name)])
        return row is not None

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
