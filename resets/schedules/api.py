"""Calls for schedules: make one, agree to it, change it, pause it, end it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

import msgspec
from django.db.models import F, QuerySet
from django.urls import path
from msgspec import Meta
from rest_framework.response import Response

from fleet.api.calls import ApiView, Values, call, created, only
from fleet.api.fields import Fields, Time, text
from fleet.api.pages import Pages, exactly
from fleet.api.steps import Step, step_patterns, steps_shown
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Command
from resets.campaigns.api import CampaignSelection, CampaignSettings, settings_of
from resets.campaigns.state import Selection
from resets.schedules import queries
from resets.schedules.state import ScheduleState
from resets.schedules.steps import ApproveSchedule, ChangeSchedule, MakeSchedule
from resets.schedules.timing import Every

_Every = Literal["months", "weeks", "age"]
_Phase = Literal["awaiting_approval", "active", "paused", "ended"]


class Schedule(TypedDict):
    """Rotations that come again by themselves, under one approval."""

    id: UUID
    organisation: UUID
    site: Annotated[UUID | None, Meta(description="Null: all sites of the organisation.")]
    name: str
    reason: str
    every: _Every
    number: Annotated[
        int, Meta(description="Months or weeks; with `age`, how many days old passwords become.")
    ]
    first: Annotated[date, Meta(description="The day of the first run, by the site's clock.")]
    lasting: Annotated[int, Meta(description="Hours from a run's beginning to its end.")]
    ahead: Annotated[int, Meta(description="Days before a run that people are told; 0: never.")]
    phase: _Phase
    maker: Annotated[str, Meta(description="Who made it, or changed it last.")]
    approver: str
    run: Annotated[int, Meta(description="How many runs there were, with those left out.")]
    campaign: Annotated[UUID | None, Meta(description="That of the newest run.")]
    ran_at: Annotated[Time | None, Meta(description="When the newest run was to begin.")]
    skipped: Annotated[
        bool, Meta(description="Whether the newest run was left out: one was under way.")
    ]
    changed_at: Time


class RunReport(TypedDict):
    """What the next run would do, as it was when people were told."""

    run: int
    begins_at: Time
    chosen: int
    possible: int
    against: Annotated[
        dict[str, int], Meta(description="Devices by what is in their way: codes as of items.")
    ]


class ScheduleFacts(Schedule):
    """All that is known of a schedule, and what may be done with it now."""

    selection: CampaignSelection
    settings: CampaignSettings
    digest: Annotated[
        str | None,
        Meta(description="What `approve-schedule` is sent with, by those who may agree; else null"),
    ]
    next_runs: Annotated[list[Time], Meta(description="With `age`, the next one alone.")]
    report: RunReport | None
    steps: list[Step]


class ScheduleFilters(Pages, total=False):
    site: UUID
    phase: _Phase
    q: text("A part of the name, the reason, or who made it.")  # type: ignore[valid-type]


RENAMED = {"reason": F("about")}
COLUMNS = tuple(name for name in Schedule.__annotations__ if name not in RENAMED)


def _asked(command: type[Command[ScheduleState]], **more: Any) -> Fields:
    asked = Fields.asked_by(command)
    shapes = {"every": _Every, "selection": CampaignSelection, "settings": CampaignSettings}
    blank = {"selection": CampaignSelection(), "settings": CampaignSettings()}
    return Fields(command.__name__, {**more, **asked.kinds, **shapes}, {**asked.defaults, **blank})


_PLACE = Annotated[UUID, Meta(description="A site, or the organisation for all its sites.")]
MAKE = _asked(MakeSchedule, place=_PLACE)
CHANGE = _asked(ChangeSchedule)


class SchedulesView(ApiView):
    @call(answer=Schedule, many=True, query=ScheduleFilters)
    def get(self, asked: Values) -> Response:
        """List schedules, the newest first."""
        seen = queries.schedules(self.actor)
        rows = exactly(seen, asked, "site", "phase")
        rows = queries.with_text(rows, asked["q"]) if asked["q"] else rows
        return self.page(asked, _columns(rows), ["-id"], seen)

    @call(answer=ScheduleFacts, status=201, body=MAKE)
    def post(self, asked: Values) -> Response:
        """Make a schedule. Nothing runs before another administrator has agreed to it."""
        schedule = new_id()
        handle(MakeSchedule(place_id=asked["place"], **_plan(asked)), schedule, self.by)
        return created(_facts(self, schedule), "api-schedule", schedule_id=schedule)


class ScheduleView(ApiView):
    @call(answer=ScheduleFacts)
    def get(self, asked: Values, schedule_id: UUID) -> Response:
        """Show a schedule: when it runs next, and what may be done with it now."""
        return Response(_facts(self, schedule_id))


class ChangeScheduleView(ApiView):
    @call(answer=ScheduleFacts, body=CHANGE)
    def post(self, asked: Values, schedule_id: UUID) -> Response:
        """Change the schedule. What was agreed to holds no more: another administrator has to agree
        anew. A run that has begun goes on.
        """
        handle(ChangeSchedule(**_plan(asked)), schedule_id, self.by)
        return Response(_facts(self, schedule_id))


def _plan(asked: Values) -> dict[str, Any]:
    plain = ("name", "reason", "number", "first", "lasting", "ahead")
    return {name: asked[name] for name in plain} | {
        "every": Every(asked["every"]),
        "selection": Selection(**msgspec.structs.asdict(asked["selection"])),
        "settings": settings_of(asked["settings"]),
    }


def _columns(rows: QuerySet[Any], *more: str) -> QuerySet[Any, dict[str, Any]]:
    return rows.values(*COLUMNS, *more, **RENAMED)


def _facts(view: ApiView, schedule_id: UUID) -> dict[str, Any]:
    rows = _columns(queries.schedules(view.actor), "selection", "settings", "digest")
    row: dict[str, Any] = only(rows, schedule_id, "schedule")
    standing = queries.standing(view.actor, schedule_id)
    offered, report = standing.offered, standing.state.report
    return row | {
        "digest": row["digest"] if ApproveSchedule in offered else None,
        "next_runs": standing.next_runs,
        "report": report
        and {
            "run": report.run,
            "begins_at": report.begins_at,
            "chosen": report.chosen,
            "possible": report.possible,
            "against": {one.why: one.devices for one in report.against},
        },
        "steps": steps_shown(offered, "api-schedule", schedule_id=schedule_id),
    }


urlpatterns = [
    path("schedules/", SchedulesView.as_view(), name="api-schedules"),
    path("schedules/<uuid:schedule_id>/", ScheduleView.as_view(), name="api-schedule"),
    *step_patterns(
        "schedules/<uuid:schedule_id>/",
        "api-schedule",
        queries.steps(),
        ScheduleFacts,
        _facts,
        own={ChangeSchedule: ChangeScheduleView},
    ),
]
