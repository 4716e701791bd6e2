"""What the list of resets may be filtered by."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from devices import queries as devices
from devices.filters import SiteFilters
from fleet.eventstore.messages import Actor
from fleet.web.filters import search
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


class ResetFilters(SiteFilters):
    field_order = ("q", "phase", "site", "glass", "device")

    q = search()
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
    glass = forms.ChoiceField(
        label="Broken glass",
        required=False,
        choices=[("", "With or without"), *_GLASS],
    )
    device = forms.ChoiceField(label="Device", required=False)

    def __init__(self, actor: Actor, asked: QueryDict) -> None:
        super().__init__(actor, asked)
        if not self._device(asked.get("device", "")):
            del self.fields["device"]  # there may be thousands: one is chosen on its own page

    def found(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = queries.resets(self.actor)
        if (phase := self.value("phase")) == _OWED[0]:
            rows = owed(self.actor)
        elif phase:
            rows = rows.filter(phase__in=_GROUPS[phase][1] if phase in _GROUPS else [phase])
        if glass := self.value("glass"):
            rows = queries.with_glass(rows, Glass(glass))
        if text := self.value("q"):
            rows = queries.with_text(rows, text)
        for name in ("site", "device"):
            if (wanted := self.value(name)) is not None:
                rows = rows.filter(**{name: wanted})
        return rows

    def _device(self, asked: str) -> bool:
        try:
            row = devices.devices(self.actor).filter(pk=UUID(asked)).first()
        except ValueError:
            return False
        if row is not None:
            self.offer("device", [("", "All devices"), (str(row.pk), row.name)])
        return row is not None
