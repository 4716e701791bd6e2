"""The page of mail delivery: what it may be filtered by, and its numbers for one reader."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.core.paginator import Page, Paginator
from django.http import QueryDict
from django.utils.functional import cached_property

from devices import queries as devices
from fleet.eventstore.messages import Actor
from fleet.web.filters import Filters, search
from resets.delivery import queries
from resets.delivery.queries import Group, Numbers, Wanted

PER_PAGE = 50
PERIODS = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "A year"}
USUAL = "30"
WARN_FROM, BAD_FROM = 0.0, 0.2  # of the mails that failed


class DeliveryFilters(Filters):
    q = search("Mail domain")
    site = forms.ChoiceField(label="Site", required=False)
    days = forms.ChoiceField(label="Period", required=False, choices=[*PERIODS.items()])

    def __init__(self, actor: Actor, asked: QueryDict) -> None:
        asked = asked.copy()
        asked.setdefault("days", USUAL)
        super().__init__(actor, asked)
        rows = devices.site_names(queries.administered(actor)).values_list("pk", "name", "timezone")
        self.sites = {str(pk): (name, ZoneInfo(zone)) for pk, name, zone in rows}
        names = [(pk, name) for pk, (name, _) in self.sites.items()]
        self.offer("site", [("", "All sites"), *names])

    @property
    def chosen(self) -> bool:
        return bool(self.value("q") or self.value("site"))

    def wanted(self) -> Wanted:
        """What is asked for; where it makes no sense, the usual."""
        site, days = self.value("site") or "", self.value("days") or USUAL
        return Wanted.last(
            int(days),
            self.zone(site),
            site=UUID(site) if site else None,
            domain=self.value("q") or "",
        )

    def zone(self, site: str) -> ZoneInfo:
        """Whose days they are: the site's; where there are several, UTC's."""
        if site:
            return self.sites[site][1]
        zones = {zone for _, zone in self.sites.values()}
        return zones.pop() if len(zones) == 1 else ZoneInfo("UTC")


class DeliveryPage:
    """The numbers, a page of them at a time."""

    def __init__(self, actor: Actor, wanted: Wanted, number: str | None) -> None:
        self.actor, self.wanted, self.number = actor, wanted, number

    @cached_property
    def groups(self) -> list[Group]:
        return queries.groups(self.actor, self.wanted)

    @cached_property
    def page(self) -> Page[Any]:
        return Paginator(self.groups, PER_PAGE).get_page(self.number)

    @property
    def in_all(self) -> Numbers:
        return queries.in_all(self.groups)

    @property
    def zone(self) -> str:
        return str(self.wanted.zone)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        said = queries.answers(self.actor, self.wanted, self.page)
        return [
            {"group": group, "answer": said.get(group.id, ""), "tone": tone_of(group)}
            for group in self.page
        ]


def tone_of(numbers: Numbers) -> str:
    """How bad a rate of failures is."""
    if numbers.failure_rate >= BAD_FROM:
        return "bad"
    return "warn" if numbers.failure_rate > WARN_FROM else "ok"
