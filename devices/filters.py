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
from fleet.web.filters import Filters, search

SIZES = (50, 100, 500)
_ONLINE = {"yes": True, "no": False}


class SiteFilters(Filters):
    """A list over the sites that somebody may see."""

    site = forms.TypedChoiceField(label="Site", required=False, coerce=UUID, empty_value=None)

    def __init__(self, actor: Actor, asked: QueryDict) -> None:
        super().__init__(actor, asked)
        names = [(str(row.pk), row.name) for row in queries.site_names(actor)]
        self.several_sites = len(names) > 1
        self.offer("site", [("", "All sites"), *names])


class DeviceFilters(SiteFilters):
    """With `device`, as often as wanted, the list is of these alone: for an export of some."""

    field_order = ("q", "status", "online", "site", "kind")

    q = search()
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
        super().__init__(actor, asked)
        self._these = ids_in(asked)

    @property
    def can_be_ticked(self) -> bool:
        """Whether anything can be done with what is found: not with what has left the fleet."""
        return self.value("status") is not Status.REMOVED

    @property
    def size(self) -> int:
        return self.value("per") or SIZES[0]

    def found(self) -> QuerySet[Any]:
        """Those of the fleet; those that have left it where they are asked for."""
        status = self.value("status")
        rows = queries.narrowed(
            queries.devices(self.actor, removed=status is Status.REMOVED),
            text=self.value("q"),
            site=self.value("site"),
            kind=self.value("kind"),
            status=status,
            online=self.value("online"),
        )
        if self._these:
            rows = rows.filter(pk__in=self._these)
        return queries.in_order(rows, self.value("sort") or "name")


def ids_in(asked: QueryDict, name: str = "device") -> list[UUID]:
    """What was ticked, each once; what is no id is left out."""
    found: dict[UUID, None] = {}
    for text in asked.getlist(name):
        with suppress(ValueError):
            found[UUID(text)] = None
    return list(found)
