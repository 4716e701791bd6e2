"""What administrators are told of a run before it begins."""

from __future__ import annotations

from django.urls import reverse

from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.web.templatetags.times import in_zone
from resets.campaigns.state import WHY_NOT
from resets.campaigns.words import shared
from resets.notices.cases import Case
from resets.schedules import words
from resets.schedules.clock import zones
from resets.schedules.state import Against, Report, SchedulePlan, ScheduleState
from resets.schedules.steps import RunTold, ScheduleChanged, ScheduleMade


def of_run(recorded: Recorded) -> Case:
    event, schedule = recorded.event, state_of(ScheduleState, recorded.stream)
    assert isinstance(event, RunTold)
    assert schedule.organisation
    assert schedule.plan
    told, plan = event.report, schedule.plan
    zone = zones(schedule)[0] if schedule.site else None
    lines = [
        ("Schedule", plan.name),
        ("Where", words.place_of(schedule)),
        ("When", words.timing(plan.timing)),
        ("Begins", in_zone(told.begins_at, zone)),
        ("Would be rotated", f"{told.possible:,} of {told.chosen:,} devices"),
        *((_name(one), _told(one)) for one in told.against),
        *shared(plan.settings),
        ("Agreed to by", schedule.approver),
    ]
    return Case(
        recorded,
        schedule.organisation,
        schedule.site,
        f"{plan.name}: {told.possible:,} of {told.chosen:,} devices would be rotated",
        _lead(told, plan),
        tuple(lines),
        reverse("schedule", args=[schedule.id]),
    )


def of_asked(recorded: Recorded) -> tuple[ScheduleState, Case]:
    """A schedule that waits for somebody else to agree to it: how it was made, or changed."""
    event, schedule = recorded.event, state_of(ScheduleState, recorded.stream)
    assert isinstance(event, ScheduleMade | ScheduleChanged)
    assert schedule.organisation
    plan = event.plan
    lines = [
        ("Schedule", plan.name),
        ("Where", words.place_of(schedule)),
        ("When", words.timing(plan.timing)),
        ("Hours", words.window(plan.settings.window)),
        ("A run ends after", words.lasting(plan.lasting)),
        *shared(plan.settings),
        ("Reason given", plan.reason),
        ("Asked by", event.maker),
        ("When it was asked", in_zone(recorded.at, None)),
    ]
    case = Case(
        recorded,
        schedule.organisation,
        schedule.site,
        f"Your approval is asked: {plan.name}",
        f"{event.maker} asks for passwords to be rotated again and again by themselves. Nothing "
        "is done before somebody else has agreed, once for all runs.",
        tuple(lines),
        reverse("schedule", args=[schedule.id]),
    )
    return schedule, case


def _lead(told: Report, plan: SchedulePlan) -> str:
    own = "" if plan.settings.one_password else ", each its own"
    lead = (
        "A rotation that you or another administrator has agreed to begins soon. Devices get new "
        f"passwords{own}."
    )
    left_out = sum(one.devices for one in told.against if not one.waits)
    if not left_out:
        return f"{lead} Nothing has to be done."
    them = "One device" if left_out == 1 else f"{left_out:,} devices"
    return f"{lead} {them} would be left out as things stand; see below what is in the way."


def _name(one: Against) -> str:
    return "Would wait" if one.waits else "Would be left out"


def _told(one: Against) -> str:
    names = ", ".join(" ".join(name.split()) for name in one.names)
    more = one.devices - len(one.names)
    why = WHY_NOT.get(one.why, one.why)
    return f"{why}: {names}{f' and {more:,} more' if more else ''}"
