"""A schedule's clock: when its next run begins, and what is done when that moment has come.

It strikes as often as beat asks, and in as many workers: what is done stands in the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Min, Q, QuerySet
from django.utils import timezone

from devices.models import Device, Site
from devices.queries import place_for_jobs
from fleet.errors import Conflict
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import Actor, By
from fleet.eventstore.store import state_of
from fleet.eventstore.tables import batches
from resets.campaigns.forecast import NO_ACCOUNT, PASSING, DryRun, Forecast
from resets.campaigns.models import Campaign
from resets.campaigns.selection import password_since, selected
from resets.campaigns.state import CampaignState, Kind
from resets.campaigns.steps.by_schedule import PlanRun
from resets.campaigns.steps.plan_campaign import LONGEST_NAME, MOST_DEVICES
from resets.schedules import timing
from resets.schedules.models import Schedule
from resets.schedules.state import (
    Against,
    Report,
    SchedulePhase,
    ScheduleState,
    run_id,
)
from resets.schedules.steps import EndWithSite, RecordRun, SkipRun, TellRun

CLOCK = Actor.job("keep to the schedule")
NAMED = 20  # devices with the same thing in their way, in a report
BATCH = 500
MOVED_ON = ("schedule_moved_on", "exists_already", "run_is_over")


def active() -> list[UUID]:
    """Those that run; and all that have not ended where the site has been closed."""
    active, ended = SchedulePhase.ACTIVE.value, SchedulePhase.ENDED.value
    closed = Site.objects.for_jobs().filter(closed=True).values("pk")
    left = ~Q(phase=ended) & Q(site__in=closed)
    rows = Schedule.objects.for_jobs().filter(Q(phase=active) | left)
    return list(rows.order_by("id").values_list("pk", flat=True))


def strike(schedule_id: UUID) -> None:
    """Begin the run that is due, if there is one; tell of the next one when it is time to. Where
    the site has been closed there is none: the schedule ends.
    """
    schedule, now = state_of(ScheduleState, schedule_id), timezone.now()
    if schedule.site and place_for_jobs(schedule.site).closed:
        handle(EndWithSite(), schedule_id, By(CLOCK))
        return
    if schedule.phase is not SchedulePhase.ACTIVE or schedule.plan is None:
        return
    if at := due(schedule, now):
        _begin(schedule, at)
    elif (coming := next_run(schedule, now)) and _tell_now(schedule, coming, now):
        handle(TellRun(report(schedule, coming, now)), schedule_id, By(CLOCK))


# --- when -----------------------------------------------------------------------------------------


def zones(schedule: ScheduleState) -> list[ZoneInfo]:
    """Of the site; of all sites of the organisation; UTC where there is none."""
    rows = Site.objects.for_jobs().filter(organisation=schedule.organisation)
    rows = rows.filter(pk=schedule.site) if schedule.site else rows.filter(closed=False)
    names = rows.order_by("timezone").values_list("timezone", flat=True).distinct()
    return [ZoneInfo(name) for name in names] or [ZoneInfo("UTC")]


def due(schedule: ScheduleState, now: datetime) -> datetime | None:
    """When the run was to begin that is due now; None if none is, or it would have ended by now."""
    plan = schedule.plan
    assert plan and schedule.counts_from
    since = max(filter(None, (schedule.ran_at, schedule.counts_from)))
    at: datetime | None
    if plan.timing.by_age:
        at = _by_age(schedule, now)
        return at if at is not None and at <= now else None
    at = timing.due(plan.timing, plan.settings.window, zones(schedule), since, now)
    return at if at is not None and now < at + plan.lasts else None


def next_run(schedule: ScheduleState, now: datetime) -> datetime | None:
    """When the next run is going to begin. By age, None while there is no password to grow old."""
    return next(iter(next_runs(schedule, now, 1)), None)


def next_runs(schedule: ScheduleState, now: datetime, many: int) -> list[datetime]:
    """The next few; by age the next one alone: when there is another depends on that one."""
    plan = schedule.plan
    assert plan
    if plan.timing.by_age:
        at = _by_age(schedule, now)
        if at is None:
            return []
        return [timing.opens_after(max(at, now), plan.settings.window, zones(schedule))]
    return timing.ahead(plan.timing, plan.settings.window, zones(schedule), now, many)


def _by_age(schedule: ScheduleState, now: datetime) -> datetime | None:
    """When the window is open first after the oldest password has become too old."""
    plan = schedule.plan
    assert plan
    places, window = zones(schedule), plan.settings.window
    oldest = oldest_password(schedule)
    if oldest is None:
        return None
    first = min(datetime.combine(plan.timing.first, time(), z).astimezone(UTC) for z in places)
    earliest = [first, oldest + timedelta(days=plan.timing.number)]
    if schedule.counts_from:
        earliest.append(schedule.counts_from)
    if schedule.ran_at:
        earliest.append(schedule.ran_at + timing.AGE_GAP)
    at = timing.opens_after(max(earliest), window, places)
    # Long ago, where Rekey was away: then at the next opening.
    return at if now < at + plan.lasts else timing.opens_after(now, window, places)


def oldest_password(schedule: ScheduleState) -> datetime | None:
    """Since when the oldest password is there that a run could change."""
    assert schedule.plan
    rows = _devices(schedule, None).filter(certified=True, trouble__in=(*PASSING, *NO_ACCOUNT))
    found = rows.order_by().annotate(since=password_since()).aggregate(oldest=Min("since"))
    return found["oldest"] if isinstance(found["oldest"], datetime) else None


# --- a run ----------------------------------------------------------------------------------------


def _begin(schedule: ScheduleState, at: datetime) -> None:
    plan, run, by = schedule.plan, schedule.run + 1, By(CLOCK, correlation=schedule.id)
    assert plan and schedule.organisation
    before = Campaign.objects.for_jobs().filter(schedule=schedule.id, open=True)
    if before.exists():
        handle(SkipRun(run, at), schedule.id, by)
        return
    campaign = run_id(schedule.id, run)
    name = f"{plan.name[: LONGEST_NAME - 12]}, run {run}"
    planned = PlanRun(
        schedule.organisation, schedule.site, name, plan.reason, plan.wanted, plan.settings,
        at + plan.lasts, schedule.maker, schedule.maker_id, schedule.id,
    )  # fmt: skip
    record = RecordRun(run, campaign, at)
    try:
        handle_all([Order(record, schedule.id), Order(planned, campaign)], by)
    except Conflict as conflict:
        if conflict.code not in MOVED_ON:  # another worker's clock was faster
            raise


# --- what it would do -----------------------------------------------------------------------------


def _tell_now(schedule: ScheduleState, coming: datetime, now: datetime) -> bool:
    assert schedule.plan
    told = schedule.report is not None and schedule.report.run > schedule.run
    return not told and coming - now <= timedelta(days=schedule.plan.ahead)


def report(schedule: ScheduleState, begins_at: datetime, now: datetime) -> Report:
    """What the next run would do if the devices stay as they are. Nothing is tried at any."""
    chosen = possible = 0
    against: dict[str, list[Forecast]] = {}
    for one in _forecasts(schedule, begins_at - now):
        chosen += 1
        possible += not one.impossible
        if one.why:
            against.setdefault(one.why, []).append(one)
    rows = tuple(
        Against(why, len(some), tuple(f.device.name for f in some[:NAMED]), not some[0].impossible)
        for why, some in sorted(against.items(), key=lambda pair: -len(pair[1]))
    )
    return Report(schedule.run + 1, begins_at, chosen, possible, rows)


def _forecasts(schedule: ScheduleState, until: timedelta) -> Iterator[Forecast]:
    assert schedule.plan
    age = schedule.plan.wanted.older_than
    by_then = None if age is None else max(0, age - until.days - 1)
    rows = _devices(schedule, by_then)[:MOST_DEVICES]
    for some in batches(rows.iterator(BATCH), BATCH):
        yield from DryRun(Kind.ROTATION, some).forecasts()


def _devices(schedule: ScheduleState, older_than: int | None) -> QuerySet[Device]:
    assert schedule.plan
    wanted = replace(schedule.plan.selection, older_than=older_than)
    return selected(
        CLOCK,
        CampaignState(
            schedule.id, schedule.organisation, schedule.site, kind=Kind.ROTATION, selection=wanted
        ),
    )
