"""Calls for schedules: make one, agree to it, change it, pause it, end it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.urls import path, reverse
from msgspec import Meta
from rest_framework.response import Response

from fleet.api.calls import ApiView, Values, call, created, only
from fleet.api.fields import Fields, Time, text
from fleet.api.pages import Pages
from fleet.api.steps import Step, step_of
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


COLUMNS = tuple(n for n in Schedule.__annotations__ if n != "reason")


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
        wanted = {n: asked[n] for n in ("site", "phase") if asked[n] is not None}
        rows = seen.filter(**wanted)
        rows = queries.with_text(rows, asked["q"]) if asked["q"] else rows
        return self.page(asked, _columns(rows), ["-id"], seen, _told)

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


def step_view(command: type[Command[ScheduleState]]) -> type[ApiView]:
    """The call that takes a step of a schedule."""

    def post(self: ApiView, asked: Values, schedule_id: UUID) -> Response:
        given = _plan(asked) if command is ChangeSchedule else asked
        handle(command(**given), schedule_id, self.by)
        return Response(_facts(self, schedule_id))

    post.__doc__ = command.about
    body = CHANGE if command is ChangeSchedule else Fields.asked_by(command)
    declared = call(answer=ScheduleFacts, body=body)(post)
    return type(f"{command.__name__}View", (ApiView,), {"post": declared})


def _plan(asked: Values) -> dict[str, Any]:
    plain = ("name", "reason", "number", "first", "lasting", "ahead")
    return {name: asked[name] for name in plain} | {
        "every": Every(asked["every"]),
        "selection": Selection(**msgspec.structs.asdict(asked["selection"])),
        "settings": settings_of(asked["settings"]),
    }


def _columns(rows: QuerySet[Any], *more: str) -> QuerySet[Any, dict[str, Any]]:
    return rows.values(*COLUMNS, "about", *more)


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {"reason" if name == "about" else name: value for name, value in row.items()}


def _facts(view: ApiView, schedule_id: UUID) -> dict[str, Any]:
    rows = _columns(queries.schedules(view.actor), "selection", "settings", "digest")
    row = only(rows, schedule_id, "schedule")
    standing = queries.standing(view.actor, schedule_id)
    offered, report = standing.offered, standing.state.report
    return _told(row) | {
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
        "steps": [step_of(command, _href(command, schedule_id)) for command in offered],
    }


def _href(command: type[Command[Any]], schedule_id: UUID) -> str:
    return reverse(f"api-schedule-{command.slug}", kwargs={"schedule_id": schedule_id})


urlpatterns = [
    path("schedules/", SchedulesView.as_view(), name="api-schedules"),
    path("schedules/<uuid:schedule_id>/", ScheduleView.as_view(), name="api-schedule"),
    *(
        path(
            f"schedules/<uuid:schedule_id>/{slug}/",
            step_view(command).as_view(),
            name=f"api-schedule-{slug}",
        )
        for slug, command in queries.steps().items()
    ),
]
