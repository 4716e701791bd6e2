"""What the history may be filtered by."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict

from fleet.accounts.places import Place, places
from fleet.audit.entries import event_names
from fleet.eventstore.messages import Actor


class DayInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class HistoryFilters(forms.Form):
    """Days are those of the chosen site; without one, those of the only zone there is, or UTC."""

    device = forms.CharField(
        label="Device", required=False, widget=forms.SearchInput, max_length=100
    )
    site = forms.TypedChoiceField(label="Site", required=False, coerce=UUID, empty_value=None)
    type = forms.ChoiceField(label="What", required=False)
    who = forms.CharField(label="By whom", required=False, max_length=100)
    since = forms.DateField(label="From", required=False, widget=DayInput)
    until = forms.DateField(label="To", required=False, widget=DayInput)

    def __init__(self, actor: Actor, sites: list[Place], asked: QueryDict) -> None:
        super().__init__(asked)
        self._actor, self._sites = actor, sites
        names = [(str(place.id), place.name) for place in sites]
        self._choices("site", [("", "All sites"), *names])
        self._choices("type", [("", "Anything"), *event_names()])
        self.is_valid()  # a filter that makes no sense narrows nothing down

    @property
    def chosen(self) -> bool:
        return any(self.cleaned_data.values())

    def wanted(self) -> dict[str, Any]:
        """The arguments of `queries.history`."""
        chosen = self.cleaned_data
        return {
            "site": chosen.get("site"),
            "type": chosen.get("type") or None,
            "who": chosen.get("who") or None,
            "since": self._midnight(chosen.get("since")),
            "until": self._midnight(chosen.get("until"), days=1),
            **self._about(chosen.get("device", "")),
        }

    def _about(self, text: str) -> dict[str, Any]:
        if not text:
            return {}
        try:
            return {"subject": UUID(text)}
        except ValueError:
            return {"subjects": places().named(self._actor, text)}

    def _midnight(self, day: date | None, days: int = 0) -> datetime | None:
        if day is None:
            return None
        try:
            return datetime.combine(day + timedelta(days=days), time(), self._zone())
        except OverflowError:  # the last day of the calendar
            return None

    def _zone(self) -> ZoneInfo:
        site = self.cleaned_data.get("site")
        zones = {place.zone for place in self._sites if site in (None, place.id)}
        return ZoneInfo(zones.pop() if len(zones) == 1 else "UTC")

    def _choices(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
