"""Whose turn it is in a campaign: by ring and number, within its pace, window, and bounds.

All of it is asked of the database, in as many queries for ten devices as for ten thousand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache, reduce
from operator import or_
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet
from django.utils.functional import cached_property

from devices import lock_outs
from devices.models import Device, LoginTries, Site, Telemetry
from devices.recorder_list import list_service
from resets.campaigns.models import CampaignCodes, CampaignItem
from resets.campaigns.settings import SHORTLY, BegunLately, canaries_left
from resets.campaigns.state import CampaignState, Kind, Standing
from resets.limits.models import Breaker
from resets.limits.rules import Scope
from resets.models import Reset

MOST = 100  # devices begun in one turn: what waits for its transaction waits for so many
MINUTE = timedelta(minutes=1)
AGAIN_AFTER = timedelta(minutes=10)  # a device that answers and is locked, or busy
UNHEARD = ("unreachable", "offline")
TRIED = (Standing.PROVEN, Standing.UNPROVEN, Standing.FAILED)


class Line:
    """The devices of a campaign that wait, at one moment; beside those that are in work, and how
    many stand where.
    """

    def __init__(
        self,
        campaign: CampaignState,
        now: datetime,
        in_work: list[CampaignItem],
        counts: Counter[str],
    ) -> None:
        self.campaign, self.settings, self.now = campaign, campaign.settings, now
        self._running, self._counts = in_work, counts
        self.items: QuerySet[CampaignItem] = CampaignItem.objects.for_jobs().filter(
            campaign=campaign.id
        )

    def next(self) -> list[CampaignItem]:
        """Those whose turn it is now."""
        room = self._room()
        chosen: list[CampaignItem] = []
        if room <= 0:
            return chosen
        in_work = Counter(one.site for one in self._running)
        for site in self._sites():
            free = min(self.settings.at_once - in_work[site], room - len(chosen))
            if free > 0:
                chosen += self._at(site, free)
        return chosen

    # --- how many ---------------------------------------------------------------------------------

    def _room(self) -> int:
        room = min(MOST, self.settings.allowance(self._begun_lately()))
        tried = sum(self._counts[standing] for standing in TRIED)
        left = canaries_left(self.settings, len(self._running), tried)
        return room if left is None else min(room, left)

    def _begun_lately(self) -> BegunLately:
        if not self.settings.pace:
            return BegunLately()
        shortly = Count("pk", filter=Q(begun_at__gt=self.now - timedelta(seconds=SHORTLY)))
        rows = self.items.filter(begun_at__gt=self.now - MINUTE)
        return BegunLately(**rows.aggregate(minute=Count("pk"), shortly=shortly))

    # --- where ------------------------------------------------------------------------------------

    def _sites(self) -> list[UUID]:
        """Those with devices that wait, whose window is open. An alarm holds all resets of its site
        up, also these, until a person has looked into it.
        """
        waiting = [Standing.WAITING.value, Standing.PARKED.value]
        here = self.items.filter(standing__in=waiting, site=OuterRef("pk"))
        rows = Site.objects.for_jobs().filter(Exists(here), pk__in=_all(self.campaign.id, "site"))
        if self.campaign.kind is Kind.RESET:
            alarms = Breaker.objects.for_jobs().filter(scope=Scope.SITE.value, tripped=True)
            rows = rows.exclude(pk__in=alarms.filter(site__isnull=False).values("site"))
        window = self.settings.window
        return sorted(
            pk
            for pk, zone in rows.values_list("pk", "timezone")
            if window.is_open(self.now, ZoneInfo(zone))
        )

    # --- who --------------------------------------------------------------------------------------

    def _at(self, site: UUID, free: int) -> list[CampaignItem]:
        """The next ones at a site, in their order; of some NVRs' cameras only the first."""
        ready = self._ready.filter(site=site)
        found: list[CampaignItem] = []
        several = ready.exclude(nvr__in=self._one_by_one) if self._one_by_one else ready
        for some in self._standings:  # asked for both at once, the database sorts all that wait
            found += several.filter(some).order_by("number", "pk")[:free]
        if self._one_by_one:
            found += self._firsts(ready.filter(nvr__in=self._one_by_one), free)
        found.sort(key=lambda one: (one.number, one.pk))
        return self._apart(found)[:free]

    def _firsts(self, ready: QuerySet[CampaignItem], free: int) -> Iterable[CampaignItem]:
        singles = ready.filter(reduce(or_, self._standings)).exclude(nvr__in=self._nvrs_in_work)
        firsts = singles.values("nvr").annotate(first=Min("number")).order_by("first")
        numbers = [first for _, first in firsts.values_list("nvr", "first")[:free]]
        return singles.filter(number__in=numbers) if numbers else []

    def _apart(self, found: list[CampaignItem]) -> list[CampaignItem]:
        """Without those that would be in work beside their own NVR, which comes first."""
        kept: dict[UUID, CampaignItem] = {}
        nvrs: set[UUID | None] = set()
        for one in found:
            if one.nvr not in kept and one.device_id not in nvrs:
                kept[one.device_id] = one
                nvrs.add(one.nvr)
        return list(kept.values())

    @cached_property
    def _ready(self) -> QuerySet[CampaignItem]:
        """Those that may be begun, as far as neither standing, site nor number is concerned. A
        camera and its NVR are never in work at the same time: the camera waits until its NVR has
        had its turn.
        """
        rows = self._able
        if self.settings.pace:  # so that `begun_at` tells of everything that was begun
            rows = rows.exclude(begun_at__gt=self.now - MINUTE)
        if not self._nvrs:
            return rows
        in_work = [one.device_id for one in self._running]
        return rows.exclude(
            Q(nvr__in=[*in_work, *self._nvrs_waiting]) | Q(device__in=self._nvrs_in_work)
        )

    @cached_property
    def _nvrs_waiting(self) -> list[UUID]:
        """Asked for by themselves: beside each camera, the database looked through all of them."""
        if not self._nvrs:
            return []
        waiting = self._able.filter(standing=Standing.WAITING.value, device__in=self._nvrs)
        return list(waiting.order_by().values_list("device", flat=True))

    @cached_property
    def _able(self) -> QuerySet[CampaignItem]:
        """Those whose code has come, where they need one, and that no other reset is at."""
        resets = Reset.objects.for_jobs().filter(open=True, device=OuterRef("device"))
        rows = self.items.filter(~Exists(resets))
        if self.campaign.kind is Kind.RESET:
            codes = CampaignCodes.objects.for_jobs().filter(campaign=self.campaign.id)
            rows = rows.filter(mailbox__in=codes.filter(verified=True).values("mailbox"))
        return rows

    @cached_property
    def _standings(self) -> list[Q]:
        """Where those stand that may be begun."""
        waiting = Q(standing=Standing.WAITING.value, ring=self._ring)
        return [waiting, self._back] if self._counts[Standing.PARKED] else [waiting]

    @cached_property
    def _ring(self) -> int:
        """The ring whose turn it is: the first with a device that could be begun, or is in work.
        Those that are parked, or that a code is missing for, keep nobody waiting.
        """
        waiting = self._able.filter(standing=Standing.WAITING.value).order_by("ring")
        first = list(waiting.values_list("ring", flat=True)[:1])
        return min([*first, *(one.ring for one in self._running)], default=-1)

    @property
    def _back(self) -> Q:
        """Parked devices that have been heard since; those that are locked or busy, after a while,
        and not before every wrong login is forgotten.
        """
        heard = Telemetry.objects.filter(
            device=OuterRef("device"), online=True, seen_at__gt=OuterRef("changed_at")
        )
        forgotten = self.now - timedelta(seconds=lock_outs.LONGEST_MEMORY)
        locked = LoginTries.objects.filter(
            Q(locked_until__gt=self.now) | Q(failed__gt=0, failed_at__gt=forgotten),
            device=OuterRef("device"),
        )
        away = Q(why__in=UNHEARD)
        later = ~away & Q(changed_at__lte=self.now - AGAIN_AFTER) & ~Exists(locked)
        return Q(standing=Standing.PARKED.value) & ((away & Exists(heard)) | later)

    # --- cameras and their NVRs -------------------------------------------------------------------

    @cached_property
    def _nvrs_in_work(self) -> set[UUID]:
        return {one.nvr for one in self._running if one.nvr}

    @property
    def _nvrs(self) -> tuple[UUID, ...]:
        return _all(self.campaign.id, "nvr")

    @cached_property
    def _one_by_one(self) -> Sequence[UUID]:
        """NVRs of whose cameras there is one in work at a time: where that is asked for, and where
        Rekey itself tells the NVR the new password. It talks to an NVR about one camera at a time,
        and no camera is to wait, changed already, for others to be told.
        """
        if self.settings.one_per_nvr or not self._nvrs:
            return self._nvrs
        nvrs = Device.objects.for_jobs().filter(pk__in=self._nvrs, certified=True, removed=False)
        told: Any = nvrs.exclude(services=[]).only("services")
        return [nvr.pk for nvr in told if list_service(nvr)]


@lru_cache(maxsize=16)
def _all(campaign: UUID, column: str) -> tuple[UUID, ...]:
    """The sites or NVRs of all devices of a campaign: they do not change once it was agreed to, and
    looking through ten thousand devices for them in each turn is felt.
    """
    rows = CampaignItem.objects.for_jobs().filter(campaign=campaign).order_by()
    found = rows.filter(**{f"{column}__isnull": False}).values_list(column, flat=True)
    return tuple(found.distinct())
