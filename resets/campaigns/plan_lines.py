"""Campaigns as lines of lists: that of all campaigns, and what waits for somebody's answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from devices import queries as devices
from fleet.eventstore.messages import Actor
from resets.campaigns import queries, words
from resets.campaigns.state import WHY, CampaignPhase, Standing
from resets.words import Look

ALL_SITES = "All sites"


@dataclass(frozen=True)
class CampaignLine:
    """One campaign of the list."""

    row: Any
    place: str
    counts: Counter[str]

    @property
    def url_name(self) -> str:
        """Where it is looked at: its plan until it has begun."""
        return "campaign" if self.row.began_at else "campaign-plan"

    @property
    def look(self) -> Look:
        return words.PHASES[CampaignPhase(self.row.phase)]

    @property
    def why(self) -> str:
        said = WHY.get(self.row.why, "")
        return f"{said[:1].upper()}{said[1:]}" if self.row.why != "finished" else ""

    @property
    def devices(self) -> int:
        return self.row.planned or sum(self.counts.values())

    @property
    def proven(self) -> int:
        return self.counts[Standing.PROVEN]

    @property
    def failed(self) -> int:
        return sum(self.counts[standing] for standing in Standing if standing.failed)


def campaign_lines(actor: Actor, rows: Iterable[Any]) -> list[CampaignLine]:
    shown = list(rows)
    counts = queries.standings_of(actor, [row.pk for row in shown])
    names = site_names(actor)
    return [CampaignLine(row, names.get(row.site, ALL_SITES), counts[row.pk]) for row in shown]


def site_names(actor: Actor) -> Mapping[UUID, str]:
    return dict(devices.site_names(actor).values_list("pk", "name"))


def zones(actor: Actor) -> Mapping[UUID, str]:
    return dict(devices.site_names(actor).values_list("pk", "timezone"))


def to_agree(actor: Actor) -> Iterator[CampaignLine]:
    """Campaigns that wait for this actor, what ends first at the top."""
    yield from campaign_lines(actor, queries.awaiting(actor).order_by("ends_at")[:SHOWN])


SHOWN = 5
