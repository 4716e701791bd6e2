"""Sites and devices by name, for the pages of accounts and of the history."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.urls import reverse

from devices import queries
from fleet.accounts.places import Place, Subject
from fleet.eventstore.messages import Actor

MOST_NAMED = 200  # more than that is no name, but a whole fleet


class SitesAndDevices:
    def sites(self, actor: Actor) -> list[Place]:
        return [
            Place(row.id, row.organisation, row.name, row.timezone, reverse("site", args=[row.id]))
            for row in queries.site_names(actor)
            if row.organisation
        ]

    def subjects(self, actor: Actor, ids: Iterable[UUID]) -> dict[UUID, Subject]:
        rows = queries.devices(actor).filter(pk__in=set(ids)).values_list("id", "name")
        return {pk: Subject(pk, name, reverse("device", args=[pk])) for pk, name in rows}

    def named(self, actor: Actor, text: str) -> list[UUID]:
        rows = queries.devices(actor).filter(name__icontains=text)
        return list(rows.values_list("id", flat=True)[:MOST_NAMED])
