"""Which of many devices may not be reset now: for campaigns, which count nothing here.

A campaign has an approval, a pace and codes of its own; but what a device had by itself lately, and
an alarm at its site, it heeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count

from devices.models import Device
from fleet.eventstore.store import load
from resets.limits.counting import key_of
from resets.limits.models import Breaker, LimitUse
from resets.limits.rules import Counted, Scope, in_force
from resets.rules import RulesState, rules_id


def held_up(rows: Sequence[Device], now: datetime) -> dict[UUID, str]:
    """`limit` for each device that was reset too often lately, `alarm` where one waits for a person
    at its site. In a few queries, however many they are.
    """
    places = {place for row in rows for place in (row.site, row.organisation) if place}
    loaded = load({rules_id(place): RulesState for place in places})
    alarmed = set(
        Breaker.objects.for_jobs()
        .filter(site__in=places, scope=Scope.SITE.value, tripped=True)
        .values_list("site", flat=True)
    )
    found = {row.pk: "alarm" for row in rows if row.site in alarmed}
    keys = {
        key_of(Counted.RESETS, Scope.DEVICE, row.organisation, str(row.pk)): row
        for row in rows
        if row.organisation
    }
    by_site: dict[UUID, list[UUID]] = {}
    for key, row in keys.items():
        assert row.site
        by_site.setdefault(row.site, []).append(key)
    for site, some in by_site.items():
        own = loaded[rules_id(site)].state
        assert isinstance(own, RulesState)
        for limit in in_force(own.limits, ()):
            if (limit.counted, limit.scope) != (Counted.RESETS, Scope.DEVICE):
                continue
            since = now - timedelta(seconds=limit.window)
            used = LimitUse.objects.filter(key__in=some, at__gt=since).values_list("key")
            for key, count in used.annotate(n=Count("n")):
                if count >= limit.most:
                    found.setdefault(keys[key].pk, "limit")
    return found
