"""What the list of devices may be filtered and sorted by."""

from __future__ import annotations

from contextlib import suppress
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
_ONLINE = {"yes": True, "no": False}


class DeviceFilters(forms.Form):
    """Filters narrow down; `sort` and `per` say how the rest is shown, and stay as they are.

    With `device`, as often as wanted, the list is of these alone: for an export of some.
    """

    q = forms.CharField(label="Search", required=False, widget=forms.SearchInput, max_length=100)
    status = forms.TypedChoiceField(
        label="Status",
        required=False,
        coerce=Status,
        empty_value=None,
        choices=[("", "Any"), *((status.value, status.words) for status in Status)],
    )
    online = forms.TypedChoiceField(
        label="Online",
        required=False,
        coerce=_ONLINE.__getitem__,
        empty_value=None,
        choices=[("", "Any"), ("yes", "Online"), ("no", "Offline")],
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
        self._these = ids_in(asked)
        site = self.fields["site"]
        assert isinstance(site, forms.ChoiceField)
        names = [(str(row.pk), row.name) for row in queries.site_names(actor)]
        site.choices = [("", "All sites"), *names]
        self.is_valid()  # a filter that makes no sense narrows nothing down

    @property
    def chosen(self) -> bool:
        """Whether anything narrows the list down."""
        narrow = ("q", "status", "online", "site", "kind")
        return any(self._value(name) not in (None, "") for name in narrow)

    @property
    def can_be_ticked(self) -> bool:
        """Whether anything can be done with what is found: not with what has left the fleet."""
        return self._value("status") is not Status.REMOVED

    @property
    def size(self) -> int:
        return self._value("per") or SIZES[0]

    def found(self) -> QuerySet[Any]:
        """Those of the fleet; those that have left it where they are asked for."""
        status = self._value("status")
        rows = queries.narrowed(
            queries.devices(self._actor, removed=status is Status.REMOVED),
            text=self._value("q"),
            site=self._value("site"),
            kind=self._value("kind"),
            status=status,
            online=self._value("online"),
        )
        if self._these:
            rows = rows.filter(pk__in=self._these)
        return queries.in_order(rows, self._value("sort") or "name")

    def _value(self, name: str) -> Any:
        return self.cleaned_data.get(name)


def ids_in(asked: QueryDict, name: str = "device") -> list[UUID]:
    """What was ticked, each once; what is no id is left out."""
    found: dict[UUID, None] = {}
    for text in asked.getlist(name):
        with suppress(ValueError):
            found[UUID(text)] = None
    return list(found)
