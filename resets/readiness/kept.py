"""How ready the devices of each site are, kept for as long as nothing happens there.

The score of ten thousand devices takes a third of a second (`tests.bench readiness`), and the
dashboard shows no more than how many there are of each. So each process keeps a site's counts, with
the newest event of the site: nothing that a score is made of changes without one. But days go by
without an event, passwords grow old, and pictures are made anew: so nothing is kept for longer than
LASTS.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, OuterRef, Subquery, Sum
from django.utils import timezone

from devices import queries as devices
from devices.models import Site
from fleet.eventstore.messages import Actor
from fleet.eventstore.models import EventRow
from resets.campaigns.models import CampaignCodes
from resets.readiness.facts import known_of
from resets.readiness.score import Score

LASTS = timedelta(minutes=10)


@dataclass(frozen=True)
class _Mark:
    """What differs once anything has happened. `devices`: one that leaves for another site has its
    event there. `codes`: of campaigns over several sites, whose events are at none.
    """

    newest: UUID | None
    devices: int
    codes: int


@dataclass(frozen=True)
class _Kept:
    mark: _Mark
    since: datetime
    scores: Counter[Score]

    def holds(self, mark: _Mark, now: datetime) -> bool:
        return self.mark == mark and abs(now - self.since) < LASTS


_kept: dict[UUID, _Kept] = {}


def scores(actor: Actor) -> Counter[Score]:
    """How many devices have each score, of those that may be seen: who sees one device of a site
    sees them all.
    """
    now, marks = timezone.now(), _marks(actor)  # before the facts, which may be newer then
    held = {site: _kept[site] for site in marks if site in _kept}
    anew = [
        site for site, mark in marks.items() if site not in held or not held[site].holds(mark, now)
    ]
    found: dict[UUID, Counter[Score]] = {site: Counter() for site in anew}
    if anew:
        for one in known_of(devices.devices(actor).filter(site__in=anew)):
            found[one.site][one.score] += 1
    held |= {site: _Kept(marks[site], now, counted) for site, counted in found.items()}
    _kept.update(held)
    return sum((one.scores for one in held.values()), Counter[Score]())


def _marks(actor: Actor) -> dict[UUID, _Mark]:
    seen = devices.devices(actor).order_by().values("site").annotate(devices=Count("pk"))
    counts = dict(seen.values_list("site", "devices"))
    newest = EventRow.objects.for_jobs().filter(site=OuterRef("pk")).order_by("-position")
    sites = Site.objects.for_jobs().filter(pk__in=counts)
    told = sites.annotate(newest=Subquery(newest.values("id")[:1]))
    rows = list(told.values_list("pk", "organisation", "newest"))
    codes = _codes({organisation for _, organisation, _ in rows})
    return {
        site: _Mark(event, counts[site], codes.get(organisation, 0))
        for site, organisation, event in rows
    }


def _codes(organisations: set[UUID]) -> dict[UUID, int]:
    rows = CampaignCodes.objects.for_jobs().filter(organisation__in=organisations, site=None)
    changes = rows.order_by().values("organisation").annotate(changes=Sum("version"))
    return dict(changes.values_list("organisation", "changes"))
