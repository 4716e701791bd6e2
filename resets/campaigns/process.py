"""The process manager of campaigns: what comes to its end, what begins next, and when to stop.

`advance` is one turn, in one transaction, and decides by the database alone: the row of the
campaign is held meanwhile, so that turns of several workers follow one another. A turn that dies
leaves nothing; the next one sees what there is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Q
from django.utils import timezone

from devices import vault
from devices.models import Device, Site
from devices.passwords import PasswordRules
from fleet.accounts.access import actor_of, may
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.eventstore.handling import Order, handle_all
from fleet.eventstore.messages import Actor, By
from fleet.eventstore.store import state_of
from resets.campaigns.forecast import DryRun, Forecast, agreed_facts, seen_since
from resets.campaigns.models import Campaign, CampaignCodes, CampaignItem
from resets.campaigns.settings import SHORTLY, BegunLately, too_many_failed
from resets.campaigns.state import (
    CampaignPhase,
    CampaignState,
    Kind,
    Standing,
    attempt_id,
)
from resets.campaigns.steps.control import StopItself
from resets.campaigns.steps.end_campaign import CallTime, EndCampaign
from resets.campaigns.steps.items import BeginItem, EndItem, LeaveOut, ParkItem
from resets.models import Reset
from resets.state import RecoveryMethod
from resets.steps.begin_in_campaign import BeginInCampaign
from resets.steps.request_reset import DeviceFacts

AT_ONCE = 200  # orders in one turn: what waits for its transaction waits for so many
OUT_OF_REACH = ("unreachable", "locked_out", "tries_spent", "busy", "device_busy")
AGAIN_AFTER = timedelta(minutes=10)  # a device that answers and is locked, or busy
MOST_ATTEMPTS = 5  # of one device that keeps slipping away, until a person lets it be tried again


def advance(campaign: UUID) -> int:
    """One turn of a campaign; answers with how much it has done: 0 when there is nothing to do."""
    by = By(Actor.job("carry out the campaign"), correlation=campaign)
    return sum(bool(outcome.events) for outcome in handle_all(lambda: _orders(campaign), by))


def open_campaigns() -> list[UUID]:
    """Campaigns that a turn could do something for."""
    phases = [p.value for p in CampaignPhase if p.under_way or p is CampaignPhase.AWAITING_APPROVAL]
    rows = Campaign.objects.for_jobs().filter(open=True, phase__in=phases)
    return list(rows.order_by("id").values_list("pk", flat=True))


def _orders(campaign: UUID) -> Sequence[Order]:
    list(Campaign.objects.for_jobs().select_for_update().filter(pk=campaign).values_list("pk"))
    return list(Turn(state_of(CampaignState, campaign)).orders())


@dataclass(frozen=True)
class Turn:
    """What is to be done for a campaign, as it stands."""

    campaign: CampaignState

    def orders(self) -> Iterator[Order]:
        now, phase = timezone.now(), self.campaign.phase
        over = self.campaign.ends_at is not None and now >= self.campaign.ends_at
        if over and phase not in (CampaignPhase.ENDING, CampaignPhase.ENDED):
            yield Order(CallTime(), self.campaign.id)
            return
        if not phase.under_way:
            return
        ended = list(self._ended(now))
        yield from ended[:AT_ONCE]
        if ended:
            return  # the next turn counts them
        counts = self._counts
        if not any(counts[s] for s in Standing if s.open):
            if phase is not CampaignPhase.PAUSED:
                failed = counts[Standing.FAILED] + counts[Standing.UNPROVEN]
                tally = (counts[Standing.PROVEN], failed, counts[Standing.LEFT_OUT])
                yield Order(EndCampaign(*tally), self.campaign.id)
        elif phase is CampaignPhase.ENDING:
            yield from self._left_out()
        elif phase is CampaignPhase.RUNNING:
            if why := self._stops():
                yield Order(StopItself(why), self.campaign.id)
            else:
                yield from self._next(now)

    # --- what has come to its end -----------------------------------------------------------------

    @property
    def _items(self) -> Any:
        return CampaignItem.objects.for_jobs().filter(campaign=self.campaign.id)

    def _ended(self, now: datetime) -> Iterator[Order]:
        """Devices whose resets are over: parked where they were out of reach."""
        running = self._items.filter(standing=Standing.RUNNING.value)
        items = {reset: (pk, attempt) for pk, reset, attempt in
                 running.values_list("pk", "reset", "attempt")}  # fmt: skip
        over = Reset.objects.for_jobs().filter(pk__in=items, open=False)
        for reset, phase, outcome in over.values_list("pk", "phase", "outcome"):
            item, attempt = items[reset]
            if phase == "done":
                yield Order(EndItem(Standing.PROVEN, outcome), item)
            elif outcome in OUT_OF_REACH and attempt < MOST_ATTEMPTS:
                yield Order(ParkItem(outcome), item)
            else:
                standing = Standing.UNPROVEN if phase == "unproven" else Standing.FAILED
                yield Order(EndItem(standing, outcome or phase), item)

    @cached_property
    def _counts(self) -> Counter[str]:
        rows = self._items.values_list("standing").annotate(n=Count("pk"))
        return Counter(dict(rows))

    def _left_out(self) -> Iterator[Order]:
        """What has not begun when the campaign ends, a few hundred at a time."""
        waiting = [Standing.WAITING.value, Standing.PARKED.value]
        rows = self._items.filter(standing__in=waiting).order_by("number")
        over = self.campaign.why == "over"
        for pk, standing, mailbox in rows.values_list("pk", "standing", "mailbox")[:AT_ONCE]:
            why = "not_begun"
            if over and standing == Standing.PARKED:
                why = "never_came"
            elif over and mailbox and mailbox not in self._verified:
                why = "no_code"
            yield Order(LeaveOut(why), pk)

    # --- whether to go on -------------------------------------------------------------------------

    def _stops(self) -> str:
        """Why it has to pause; "" if it may go on."""
        counts, settings = self._counts, self.campaign.settings
        failed = counts[Standing.FAILED] + counts[Standing.UNPROVEN]
        if too_many_failed(settings, failed, failed + counts[Standing.PROVEN]):
            return "failures"
        return "" if self._approver_may() else "approver_gone"

    def _approver_may(self) -> bool:
        person = Person.objects.filter(pk=self.campaign.approver_id, is_active=True).first()
        at = (self.campaign.organisation, self.campaign.site)
        return person is not None and may(actor_of(person), Role.ADMINISTRATOR, *at)

    # --- what begins ------------------------------------------------------------------------------

    def _next(self, now: datetime) -> Iterator[Order]:
        chosen = self._chosen(now)
        if not chosen:
            return
        ids = [item.device_id for item in chosen]
        rows = {d.pk: d for d in Device.objects.for_jobs().filter(pk__in=ids)}
        dry = DryRun(self.campaign.kind, list(rows.values()), self.campaign.id)
        forecasts = {f.device.pk: f for f in dry.forecasts()}
        begun: list[tuple[CampaignItem, Forecast]] = []
        for item in chosen:
            one = forecasts[item.device_id]
            if why := self._against(item, one):
                yield Order(LeaveOut(why), item.pk)
            elif one.why == "offline" or (one.why == "locked" and item.standing != "parked"):
                if item.standing == Standing.WAITING:
                    yield Order(ParkItem(one.why), item.pk)
            elif one.why not in ("being_reset", "locked"):
                begun.append((item, one))
        yield from self._begin(begun)

    def _against(self, item: CampaignItem, one: Forecast) -> str:
        """Why a device must not be touched after all; "" if it may be."""
        if one.impossible:
            return one.why
        if one.device.site != item.site:
            return "elsewhere"
        method = RecoveryMethod(item.method) if item.method else None
        fits = agreed_facts(one.device, method, self.campaign.reason) == item.facts
        return "" if fits and one.method is method else "changed"

    def _begin(self, begun: list[tuple[CampaignItem, Forecast]]) -> Iterator[Order]:
        """Each with a password of its own, in the vault before anything hears of it."""
        passwords = [
            (one.device.pk, PasswordRules.of_device(one.device.max_password).generate())
            for _, one in begun
        ]
        secrets = vault.put_many(passwords) if passwords else []
        for (item, one), secret in zip(begun, secrets, strict=True):
            reset = attempt_id(item.pk, item.attempt + 1)
            yield Order(BeginItem(reset), item.pk)
            yield Order(self._reset(item, one, secret), reset)

    def _reset(self, item: CampaignItem, one: Forecast, secret: UUID) -> BeginInCampaign:
        row = one.device
        assert row.organisation and row.site and one.method
        facts = DeviceFacts(
            row.pk, row.organisation, row.site, row.name, row.username, row.reset_email,
            (one.method,), nvr=row.nvr_id, channel=row.channel,
        )  # fmt: skip
        return BeginInCampaign(
            campaign=self.campaign.id,
            facts=facts,
            method=one.method,
            reason=self.campaign.reason,
            planner=self.campaign.planner,
            planner_id=self.campaign.planner_id,
            approver=self.campaign.approver,
            digest=item.facts,
            by_code=self.campaign.kind is Kind.RESET,
            secret=secret,
        )

    def _chosen(self, now: datetime) -> list[CampaignItem]:
        """Those whose turn it is: in the present ring, within the pace, the window of their site,
        and what may be in work there at one time.
        """
        settings = self.campaign.settings
        room = min(settings.allowance(self._begun_lately(now)), AT_ONCE // 2)
        in_work = Counter(self._running.values_list("site", flat=True))
        busy = set(self._running.values_list("nvr", flat=True)) - {None}
        chosen: list[CampaignItem] = []
        for site in self._sites_open(now):
            free = min(settings.at_once - in_work[site], room - len(chosen))
            if free <= 0:
                continue
            for item in self._candidates(site, now, free, busy if settings.one_per_nvr else set()):
                chosen.append(item)
                busy.add(item.nvr)
        return chosen

    @cached_property
    def _running(self) -> Any:
        return self._items.filter(standing=Standing.RUNNING.value)

    def _candidates(
        self, site: UUID, now: datetime, free: int, busy: set[UUID | None]
    ) -> list[CampaignItem]:
        ready = Q(standing=Standing.WAITING.value, ring=self._ring) | Q(
            standing=Standing.PARKED.value, device__in=self._back(now)
        )
        rows = self._items.filter(ready, site=site)
        if self.campaign.kind is Kind.RESET:
            rows = rows.filter(mailbox__in=self._verified)
        if self.campaign.settings.one_per_nvr:
            rows = rows.exclude(nvr__in=[nvr for nvr in busy if nvr])
        open_resets = Reset.objects.for_jobs().filter(open=True).values("device")
        rows = rows.exclude(device__in=open_resets).order_by("number")
        if not self.campaign.settings.one_per_nvr:
            return list(rows[:free])
        found: list[CampaignItem] = []
        seen: set[UUID] = set()
        for item in rows.iterator(200):
            if item.nvr is None or item.nvr not in seen:
                found.append(item)
                seen.update({item.nvr} - {None})
            if len(found) == free:
                break
        return found

    @cached_property
    def _ring(self) -> int:
        """The ring whose turn it is: the first with a device that waits or is in work. Those that
        are parked keep nobody waiting.
        """
        rows = self._items.filter(standing__in=["waiting", "running"])
        first = rows.order_by("ring").values_list("ring", flat=True).first()
        return -1 if first is None else int(first)

    def _back(self, now: datetime) -> list[UUID]:
        """Parked devices that have been heard since; those that are locked, after a while."""
        parked = self._items.filter(standing=Standing.PARKED.value)
        since = {d: (at, why) for d, at, why in parked.values_list("device", "changed_at", "why")}
        seen = seen_since(since)
        unheard = ("unreachable", "offline")
        return [
            device
            for device, (at, why) in since.items()
            if (seen.get(device, at) > at if why in unheard else now - at >= AGAIN_AFTER)
        ]

    @cached_property
    def _verified(self) -> set[str]:
        rows = CampaignCodes.objects.for_jobs().filter(campaign=self.campaign.id, verified=True)
        return set(rows.values_list("mailbox", flat=True))

    def _sites_open(self, now: datetime) -> list[UUID]:
        waiting = [Standing.WAITING.value, Standing.PARKED.value]
        ids = self._items.filter(standing__in=waiting).values("site").distinct()
        rows = Site.objects.for_jobs().filter(pk__in=ids).values_list("pk", "timezone")
        window = self.campaign.settings.window
        return sorted(pk for pk, zone in rows if window.is_open(now, ZoneInfo(zone)))

    def _begun_lately(self, now: datetime) -> BegunLately:
        if not self.campaign.settings.pace:
            return BegunLately()
        shortly = Count("pk", filter=Q(begun_at__gt=now - timedelta(seconds=SHORTLY)))
        rows = self._items.filter(begun_at__gt=now - timedelta(minutes=1))
        found = rows.aggregate(minute=Count("pk"), shortly=shortly)
        return BegunLately(found["minute"], found["shortly"])
