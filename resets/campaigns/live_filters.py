"""What the devices of a campaign may be filtered and sorted by."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from fleet.eventstore.messages import Actor
from fleet.web.filters import Filters, search
from resets.campaigns import live_queries, queries, words
from resets.campaigns.live_page import LivePage
from resets.campaigns.state import Standing

_GROUPS = {
    "to_come": ("Still to come", [one for one in Standing if one.open]),
    "not_proven": ("Unproven or failed", [one for one in Standing if one.failed]),
}
Choices = list[tuple[str, str]]


class ItemFilters(Filters):
    """With a `page` the choices are those that its campaign has. Without one, whatever was asked
    is taken: what does not exist finds nothing.
    """

    q = search()
    standing = forms.ChoiceField(
        label="Stands at",
        required=False,
        choices=[
            ("", "Any"),
            *((name, label) for name, (label, _) in _GROUPS.items()),
            *((standing.value, look.text) for standing, look in words.STANDINGS.items()),
        ],
    )
    why = forms.ChoiceField(label="Why", required=False)
    site = forms.TypedChoiceField(label="Site", required=False, coerce=UUID, empty_value=None)
    model = forms.ChoiceField(label="Model", required=False)
    sort = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, actor: Actor, asked: QueryDict, page: LivePage | None = None) -> None:
        super().__init__(actor, asked)
        offered = self._offered(page) if page else {}
        for name in ("why", "site", "model"):
            self._choices(name, offered.get(name))

    def found(self, campaign: UUID) -> QuerySet[Any]:
        standing = self.value("standing") or ""
        one = [Standing(standing)] if standing in list(Standing) else []
        return live_queries.narrowed(
            queries.items(self.actor, campaign),
            text=self.value("q") or "",
            standings=_GROUPS[standing][1] if standing in _GROUPS else one,
            site=self.value("site"),
            model=self.value("model") or "",
            why=self.value("why") or "",
            sort=self.value("sort") or "",
        )

    def _offered(self, page: LivePage) -> dict[str, Choices]:
        return {
            "why": [(reason.why, reason.words) for reason in page.reasons],
            "site": [(share.key, share.name) for share in page.sites],
            "model": [(share.key, share.name) for share in page.models],
        }

    def _choices(self, name: str, offered: Choices | None) -> None:
        """Fields with but one choice are of no use; one that was chosen stays, to be taken away."""
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        asked = self.data.get(name, "")
        known = {value: label for value, label in offered or () if value}
        if asked:
            known.setdefault(asked, asked if offered is None else "Another")
        if len(known) < 2 and not asked:
            del self.fields[name]
        else:
            field.choices = [("", "Any"), *known.items()]
