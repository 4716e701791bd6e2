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
from fleet.web.filters import Filters, search


class DayInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class HistoryFilters(Filters):
    """Days are those of the chosen site; without one, those of the only zone there is, or UTC."""

    device = search("Device")
    site = forms.TypedChoiceField(label="Site", required=False, coerce=UUID, empty_value=None)
    type = forms.ChoiceField(label="What", required=False)
    who = forms.CharField(label="By whom", required=False, max_length=100)
    since = forms.DateField(label="From", required=False, widget=DayInput)
    until = forms.DateField(label="To", required=False, widget=DayInput)

    def __init__(self, actor: Actor, sites: list[Place], asked: QueryDict) -> None:
        super().__init__(actor, asked)
        self._sites = sites
        names = [(str(place.id), place.name) for place in sites]
        self.offer("site", [("", "All sites"), *names])
        self.offer("type", [("", "Anything"), *event_names()])

    def wanted(self) -> dict[str, Any]:
        """The arguments of `queries.history`."""
        return {
            **{name: self.value(name) for name in ("site", "type", "who")},
            "since": self._midnight(self.value("since")),
            "until": self._midnight(self.value("until"), days=1),
            **self._about(self.value("device") or ""),
        }

    def _about(self, text: str) -> dict[str, Any]:
        if not text:
            return {}
        try:
            return {"subject": UUID(text)}
        except ValueError:
            return {"subjects": places().named(self.actor, text)}

    def _midnight(self, day: date | None, days: int = 0) -> datetime | None:
        if day is None:
            return None
        try:
            return datetime.combine(day + timedelta(days=days), time(), self._zone())
        except OverflowError:  # the last day of the calendar
            return None

    def _zone(self) -> ZoneInfo:
        site = self.value("site")
        zones = {place.zone for place in self._sites if site in (None, place.id)}
        return ZoneInfo(zones.pop() if len(zones) == 1 else "UTC")
