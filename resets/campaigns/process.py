"""The process manager of campaigns: what comes to its end, what begins next, and when to stop.

`advance` is one turn, in one transaction, and decides by the database alone: the row of the
campaign is held meanwhile, so that turns of several workers follow one another. A turn that dies
leaves nothing; the next one sees what there is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import Count
from django.utils import timezone
from django.utils.functional import cached_property

from devices.models import Device
from fleet.accounts.access import actor_of, may
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.errors import Conflict
from fleet.eventstore.handling import Order, handle_all
from fleet.eventstore.messages import Actor, By
from fleet.eventstore.store import state_of
from resets.campaigns import passwords
from resets.campaigns.forecast import DryRun, Forecast, agreed_facts
from resets.campaigns.in_line import Line
from resets.campaigns.models import Campaign, CampaignCodes, CampaignItem
from resets.campaigns.settings import too_many_failed
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

TRIES = 5  # of a turn that others keep getting in the way of; the next beat takes another
AT_ONCE = 200  # orders in one turn: what waits for its transaction waits for so many
LOCKED = ("locked", "locked_out", "tries_spent")
OUT_OF_REACH = ("unreachable", "locked_out", "tries_spent", "busy", "device_busy")
PARKS = ("offline", "locked")
WAITS = ("being_reset", "alarm")  # without a word: neither is wrong with the device
MOST_ATTEMPTS = 5  # of one device that keeps slipping away, until a person lets it be tried again


_COLUMNS = ("pk", "standing", "why", "mailbox")


class SomebodyElse(Exception):
    """Another worker takes a turn of this campaign."""


def advance(campaign: UUID) -> int | None:
    """One turn of a campaign; answers with how much it has done: 0 when there is nothing to do, and
    None while somebody else is at it.
    """
    by = By(Actor.job("carry out the campaign"), correlation=campaign)
    for _ in range(TRIES):
        with suppress(Conflict):  # somebody took a device out meanwhile, or resets it by itself
            try:
                outcomes = handle_all(lambda: _orders(campaign), by)
            except SomebodyElse:
                return None
            return sum(bool(outcome.events) for outcome in outcomes)
    return 0


def in_work(campaign: UUID) -> bool:
    """Whether a device of it is in work: it will come to its end soon."""
    rows = CampaignItem.objects.for_jobs().filter(campaign=campaign)
    return bool(rows.filter(standing=Standing.RUNNING.value).exists())


def open_campaigns() -> list[UUID]:
    """Campaigns that a turn could do something for."""
    phases = [p.value for p in CampaignPhase if p.under_way or p is CampaignPhase.AWAITING_APPROVAL]
    rows = Campaign.objects.for_jobs().filter(open=True, phase__in=phases)
    return list(rows.order_by("id").values_list("pk", flat=True))


def _orders(campaign: UUID) -> Sequence[Order]:
    rows = Campaign.objects.for_jobs().select_for_update(skip_locked=True).filter(pk=campaign)
    versions = list(rows.values_list("version", flat=True))
    if not versions:
        raise SomebodyElse  # a worker that waits could do something else
    return list(Turn(_as_of(campaign, versions[0])).orders())


@lru_cache(maxsize=4)
def _as_of(campaign: UUID, version: int) -> CampaignState:
    """Kept from turn to turn: a selection may name ten thousand devices. Whoever changes a campaign
    changes its row first, which is held here: no other version can come in between.
    """
    return state_of(CampaignState, campaign)


@dataclass(frozen=True)
class Turn:
    """What is to be done for a campaign, as it stands."""

    campaign: CampaignState

    def orders(self) -> Iterator[Order]:
        now, phase = timezone.now(), self.campaign.phase
        late = self.campaign.ends_at is not None and now >= self.campaign.ends_at
        if late and phase not in (CampaignPhase.ENDING, CampaignPhase.ENDED):
            yield Order(CallTime(), self.campaign.id)
            return
        if not phase.under_way:
            return
        over, counts = self._over, self._counts
        for item, (standing, why) in over.items():
            ends = ParkItem(why) if standing is Standing.PARKED else EndItem(standing, why)
            yield Order(ends, item)
        if not any(counts[s] for s in Standing if s.open):
            failed = counts[Standing.FAILED] + counts[Standing.UNPROVEN]
            tally = (counts[Standing.PROVEN], failed, counts[Standing.LEFT_OUT])
            yield Order(EndCampaign(*tally), self.campaign.id)
        elif phase is CampaignPhase.ENDING:
            yield from self._left_out()
        elif phase is CampaignPhase.RUNNING:
            if why := self._stops():
                yield Order(StopItself(why), self.campaign.id)
            else:
                in_work = [one for one in self._running if one.pk not in over]
                yield from self._next(Line(self.campaign, now, in_work, counts))

    # --- what has come to its end -----------------------------------------------------------------

    @property
    def _items(self) -> Any:
        return CampaignItem.objects.for_jobs().filter(campaign=self.campaign.id)

    @cached_property
    def _over(self) -> dict[UUID, tuple[Standing, str]]:
        """Devices whose resets are over: what each comes to in this turn, and why. Their places
        are free for others in the same turn. Parked are those that were out of reach.
        """
        items = {one.reset: one for one in self._running}
        rows = Reset.objects.for_jobs().filter(pk__in=items, open=False)
        over = {}
        for reset, phase, outcome in rows.values_list("pk", "phase", "outcome")[:AT_ONCE]:
            item = items[reset]
            if phase == "done":
                over[item.pk] = Standing.PROVEN, outcome
            elif outcome in OUT_OF_REACH and item.attempt < MOST_ATTEMPTS:
                over[item.pk] = Standing.PARKED, outcome
            else:
                failed = Standing.UNPROVEN if phase == "unproven" else Standing.FAILED
                over[item.pk] = failed, outcome or phase
        return over

    @cached_property
    def _running(self) -> list[CampaignItem]:
        columns = ("id", "site", "device", "nvr", "ring", "reset", "attempt")
        return list(self._items.filter(standing=Standing.RUNNING.value).only(*columns))

    @cached_property
    def _counts(self) -> Counter[str]:
        """How many devices stand where, once this turn has told of those that are over."""
        rows = self._items.values_list("standing").annotate(n=Count("*"))
        counts = Counter(dict(rows)) + self._ending
        counts[Standing.RUNNING] -= len(self._over)
        return counts

    @property
    def _ending(self) -> Counter[str]:
        return Counter(standing.value for standing, _ in self._over.values())

    def _left_out(self) -> Iterator[Order]:
        """What has not begun when the campaign ends, a few hundred at a time."""
        waiting = [Standing.WAITING.value, Standing.PARKED.value]
        rows = self._items.filter(standing__in=waiting).order_by("number")
        over = self.campaign.why == "over"
        for pk, standing, parked, mailbox in rows.values_list(*_COLUMNS)[:AT_ONCE]:
            why = "not_begun"
            if standing == Standing.PARKED:
                why = "locked" if parked in LOCKED else "never_came"
            elif over and mailbox and mailbox not in self._verified:
                why = "no_code"
            yield Order(LeaveOut(why), pk)

    @cached_property
    def _verified(self) -> set[str]:
        rows = CampaignCodes.objects.for_jobs().filter(campaign=self.campaign.id, verified=True)
        return set(rows.values_list("mailbox", flat=True))

    # --- whether to go on -------------------------------------------------------------------------

    def _stops(self) -> str:
        """Why it has to pause; "" if it may go on."""
        counts = self._counts
        if self.campaign.counted_from:  # somebody has looked at those that failed before
            since = self._items.filter(ended_at__gt=self.campaign.counted_from)
            rows = since.values_list("standing").annotate(n=Count("*"))
            counts = Counter(dict(rows)) + self._ending
        failed = counts[Standing.FAILED] + counts[Standing.UNPROVEN]
        if too_many_failed(self.campaign.settings, failed, failed + counts[Standing.PROVEN]):
            return "failures"
        return "" if self._approver_may() else "approver_gone"

    def _approver_may(self) -> bool:
        person = Person.objects.filter(pk=self.campaign.approver_id, is_active=True).first()
        at = (self.campaign.organisation, self.campaign.site)
        return person is not None and may(actor_of(person), Role.ADMINISTRATOR, *at)

    # --- what begins ------------------------------------------------------------------------------

    def _next(self, line: Line) -> Iterator[Order]:
        chosen = line.next()
        if not chosen:
            return
        ids = [item.device_id for item in chosen]
        rows = {d.pk: d for d in Device.objects.for_jobs().filter(pk__in=ids)}
        dry = DryRun(self.campaign.kind, list(rows.values()), self.campaign.id)
        forecasts = {f.device.pk: f for f in dry.forecasts()}
        begun: list[tuple[CampaignItem, Forecast]] = []
        for item in chosen:
            one = forecasts[item.device_id]
            if one.why in WAITS:
                continue
            if why := self._against(item, one):
                yield Order(LeaveOut(why), item.pk)
            elif one.why in PARKS:
                yield Order(ParkItem(one.why), item.pk)
            else:
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
        given = passwords.give(self.campaign, [one.device for _, one in begun])
        yield from given.orders
        for item, one in begun:
            reset = attempt_id(item.pk, item.attempt + 1)
            yield Order(BeginItem(reset), item.pk)
            yield Order(self._reset(item, one, given.secrets[one.device.pk]), reset)

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
