"""What the list of approvals may be filtered by."""

from __future__ import annotations

from django import forms

from devices.filters import SiteFilters
from fleet.web.filters import search
from resets.approvals.lines import SOURCES, Line, waiting


class ApprovalFilters(SiteFilters):
    field_order = ("q", "whose", "kind", "site")

    q = search()
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

    @property
    def chosen(self) -> bool:
        return any(self.value(name) for name in ("q", "kind", "site"))

    @property
    def own(self) -> bool:
        return bool(self.value("whose") == "own")

    def found(self) -> list[Line]:
        return waiting(
            self.actor,
            own=self.own,
            kind=self.value("kind") or "",
            site=self.value("site"),
            text=self.value("q") or "",
        )
