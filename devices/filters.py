"""What the list of devices may be filtered and sorted by."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from devices import queries
from devices.state import Kind
from devices.status import Status
from fleet.eventstore.messages import Actor

SIZES = (50, 100, 500)


class DeviceFilters(forms.Form):
    """Filters narrow down; `sort` and `per` say how the rest is shown, and stay as they are."""

    q = forms.CharField(label="Search", required=False, widget=forms.SearchInput, max_length=100)
    status = forms.TypedChoiceField(
        label="Status",
        required=False,
        coerce=Status,
        empty_value=None,
        choices=[("", "Any"), *((status.value, status.words) for status in Status)],
    )
    site = forms.TypedChoiceField(label="Site", required=False, coerce=UUID, empty_value=None)
    kind = forms.TypedChoiceField(
        label="Kind",
        required=False,
        coerce=Kind,
        empty_value=None,
        choices=[("", "Any"), (Kind.CAMERA.value, "Cameras"), (Kind.NVR.value, "NVRs")],
    )
    sort = forms.CharField(required=False, widget=forms.HiddenInput)
    per = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        choices=[(str(n), str(n)) for n in SIZES],
        widget=forms.HiddenInput,
    )

    def __init__(self, actor: Actor, asked: QueryDict) -> None:
        super().__init__(asked)
        self._actor = actor
        site = self.fields["site"]
        assert isinstance(site, forms.ChoiceField)
        names = [(str(row.pk), row.name) for row in queries.site_names(actor)]
        site.choices = [("", "All sites"), *names]
        self.is_valid()  # a filter that makes no sense narrows nothing down

    @property
    def chosen(self) -> bool:
        """Whether anything narrows the list down."""
        return any(self._value(name) for name in ("q", "status", "site", "kind"))

    @property
    def size(self) -> int:
        return self._value("per") or SIZES[0]

    def found(self) -> QuerySet[Any]:
        rows = queries.narrowed(
            queries.devices(self._actor),
            text=self._value("q"),
            site=self._value("site"),
            kind=self._value("kind"),
            status=self._value("status"),
        )
        return queries.in_order(rows, self._value("sort") or "name")

    def _value(self, name: str) -> Any:
        return self.cleaned_data.get(name)
