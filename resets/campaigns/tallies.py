"""How many devices of a campaign stand where: altogether, and at each site, of each model, for each
reason. Counted by the database, as somebody may see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count

from devices import queries as devices
from fleet.eventstore.messages import Actor
from resets.campaigns import queries
from resets.campaigns.state import Standing


@dataclass(frozen=True)
class Tally:
    """Devices that have something in common, by where they stand."""

    key: Any
    name: str
    counts: Mapping[Standing, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def by_site(actor: Actor, campaign: UUID) -> list[Tally]:
    """Those with as many devices by their names."""
    names = dict(devices.site_names(actor).values_list("pk", "name"))
    found = [
        Tally(site, names.get(site, "A site that is closed"), counts)
        for site, counts in _counted(actor, campaign, "site").items()
    ]
    return sorted(found, key=lambda one: (-one.total, one.name.lower()))


def by_model(actor: Actor, campaign: UUID) -> list[Tally]:
    """The model that is not known has an empty name."""
    return [Tally(m, m, counts) for m, counts in _counted(actor, campaign, "model").items()]


def by_reason(actor: Actor, campaign: UUID) -> list[Tally]:
    """Of those that ended otherwise than proven, or wait for something: each by its code."""
    return [
        Tally(why, why, counts)
        for why, counts in _counted(actor, campaign, "why").items()
        if why not in ("", "proven")
    ]


def by_forecast(actor: Actor, campaign: UUID) -> list[Tally]:
    """What the dry run said, by its code; "" where nothing is in the way."""
    return [Tally(why, why, c) for why, c in _counted(actor, campaign, "forecast").items()]


def _counted(actor: Actor, campaign: UUID, column: str) -> dict[Any, dict[Standing, int]]:
    """The largest first."""
    rows = queries.items(actor, campaign).order_by().values_list(column, "standing")
    found: dict[Any, dict[Standing, int]] = {}
    for key, standing, count in rows.annotate(n=Count("pk")):
        found.setdefault(key, {})[Standing(standing)] = count
    return dict(sorted(found.items(), key=lambda one: (-sum(one[1].values()), str(one[0]))))
