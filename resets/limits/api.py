"""Calls for limits, refusals and alarms."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.urls import path
from msgspec import Meta
from rest_framework.response import Response

from fleet.api.calls import ApiView, Values, call, only
from fleet.api.fields import Fields, Time
from fleet.api.pages import Pages
from fleet.eventstore.handling import handle
from resets.limits import budgets, queries
from resets.limits.preview import preview
from resets.limits.rules import Counted, Limit, Scope
from resets.limits.steps import CloseBreaker
from resets.rules import rules_id
from resets.steps.site_rules import SetLimits

_MOST = Annotated[int, Meta(ge=1, le=10_000)]
_WINDOW = Annotated[int, Meta(ge=60, le=2_592_000, description="In seconds.")]


class OneLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most so many in a moving window."""

    counted: Counted
    scope: Scope
    most: _MOST
    window: _WINDOW
    trips: Annotated[bool, Meta(description="Sounds the alarm, and waits for a person.")]


class Limits(TypedDict):
    """The limits of a site, or of an organisation as a whole."""

    id: UUID
    organisation: UUID
    site: UUID | None
    own: Annotated[bool, Meta(description="False: nobody has set any, and the defaults hold.")]
    limits: list[OneLimit]


class RefusedBy(TypedDict):
    """How many one limit would have refused."""

    limit: str
    count: int


class Preview(TypedDict):
    """What limits would have done in the last day."""

    asked: int
    refused: int
    by: list[RefusedBy]


class RefusalsShown(TypedDict):
    """The refusals by one limit in ten minutes. `counted` is empty for limits of many kinds."""

    id: UUID
    site: Annotated[UUID | None, Meta(description="Null: a campaign over several sites.")]
    counted: str
    scope: str
    most: int
    window: int
    what: str
    device: UUID | None
    device_name: str
    campaign: Annotated[UUID | None, Meta(description="The campaign one of whose codes it was.")]
    asker: Annotated[str, Meta(description="Who was the first.")]
    frees_at: Time | None
    until: Time
    count: int


class Alarm(TypedDict):
    """An alarm that went off: until it is closed, nothing more is begun or sent there."""

    id: UUID
    site: UUID
    scope: Scope
    counted: Counted
    most: int
    window: int
    what: str
    device: UUID | None
    device_name: str
    asker: str
    tripped: bool
    times: int
    tripped_at: Time
    closed_at: Time | None
    closed_because: str


class LeftShown(TypedDict):
    """What is left of one limit. `frees_at` null: something is left, or a person has to look."""

    limit: str
    counted: Counted
    scope: Scope
    most: int
    window: int
    used: int
    left: int
    frees_at: Time | None


class BudgetShown(TypedDict):
    """What the limits leave for resets of a device, and for codes to its mailbox, now."""

    budget: list[LeftShown]


class OfASite(Pages, total=False):
    site: UUID


class LimitsView(ApiView):
    @call(answer=Limits)
    def get(self, asked: Values, place: UUID) -> Response:
        """Show the limits of a site, or of an organisation as a whole."""
        return Response(_limits(self, place))

    @call(answer=Limits, body=Fields("SetLimits", {"limits": list[OneLimit] | None}, {}))
    def post(self, asked: Values, place: UUID) -> Response:
        """Set them. Null: go back to the defaults."""
        at = queries.ground(self.actor, place)
        handle(SetLimits(at.id, _asked(asked["limits"])), rules_id(at.id), self.by)
        return Response(_limits(self, place))


class PreviewView(ApiView):
    @call(answer=Preview, body=Fields("PreviewLimits", {"limits": list[OneLimit]}, {}))
    def post(self, asked: Values, place: UUID) -> Response:
        """Say what such limits would have refused in the last day. Changes nothing."""
        at = queries.ground(self.actor, place)
        queries.require_administrator(self.actor, at)
        seen = preview(self.actor, at, _asked(asked["limits"]) or ())
        by = [{"limit": one.words, "count": one.count} for one in seen.refused]
        return Response({"asked": seen.asked, "refused": seen.count, "by": by})


class RefusalsView(ApiView):
    @call(answer=RefusalsShown, many=True, query=OfASite)
    def get(self, asked: Values) -> Response:
        """List refusals by limits, the newest first."""
        seen = queries.refusals(self.actor)
        rows = seen.filter(site=asked["site"]) if asked["site"] else seen
        return self.page(asked, _columns(rows, RefusalsShown), ["-until", "-id"], seen)


class AlarmsView(ApiView):
    @call(answer=Alarm, many=True, query=OfASite)
    def get(self, asked: Values) -> Response:
        """List alarms, those that wait for a person first."""
        seen = queries.breakers(self.actor)
        rows = seen.filter(site=asked["site"]) if asked["site"] else seen
        order = ["-tripped", "-tripped_at", "-id"]
        return self.page(asked, _columns(rows, Alarm), order, seen)


class AlarmView(ApiView):
    @call(answer=Alarm)
    def get(self, asked: Values, alarm_id: UUID) -> Response:
        """Show an alarm."""
        rows = _columns(queries.breakers(self.actor), Alarm)
        return Response(only(rows, alarm_id, "alarm"))


class CloseAlarmView(ApiView):
    @call(answer=Alarm, body=Fields.asked_by(CloseBreaker))
    def post(self, asked: Values, alarm_id: UUID) -> Response:
        """Close an alarm. What was counted before it does not set it off again."""
        handle(CloseBreaker(**asked), alarm_id, self.by)
        rows = _columns(queries.breakers(self.actor), Alarm)
        return Response(only(rows, alarm_id, "alarm"))


class BudgetView(ApiView):
    @call(answer=BudgetShown)
    def get(self, asked: Values, device_id: UUID) -> Response:
        """Say what the limits leave for this device now."""
        lefts = budgets.of_device(self.by, device_id)
        return Response({"budget": [_left(left) for left in lefts]})


def _asked(limits: list[OneLimit] | None) -> tuple[Limit, ...] | None:
    return None if limits is None else tuple(Limit(**msgspec.structs.asdict(one)) for one in limits)


def _limits(view: ApiView, place: UUID) -> dict[str, Any]:
    at = queries.ground(view.actor, place)
    return {
        "id": at.id,
        "organisation": at.organisation,
        "site": at.site,
        "own": at.own is not None,
        "limits": [_one(limit) for limit in at.limits],
    }


def _one(limit: Limit) -> dict[str, Any]:
    return {
        "counted": limit.counted,
        "scope": limit.scope,
        "most": limit.most,
        "window": limit.window,
        "trips": limit.trips,
    }


def _left(left: Any) -> dict[str, Any]:
    return {
        "limit": left.limit.words,
        "counted": left.limit.counted,
        "scope": left.limit.scope,
        "most": left.limit.most,
        "window": left.limit.window,
        "used": left.used,
        "left": left.left,
        "frees_at": left.frees_at,
    }


def _columns(rows: QuerySet[Any], shown: type) -> QuerySet[Any, dict[str, Any]]:
    return rows.values(*shown.__annotations__)


urlpatterns = [
    path("sites/<uuid:place>/limits/", LimitsView.as_view(), name="api-limits"),
    path("sites/<uuid:place>/limits/preview/", PreviewView.as_view(), name="api-limits-preview"),
    path("refusals/", RefusalsView.as_view(), name="api-refusals"),
    path("alarms/", AlarmsView.as_view(), name="api-alarms"),
    path("alarms/<uuid:alarm_id>/", AlarmView.as_view(), name="api-alarm"),
    path("alarms/<uuid:alarm_id>/close/", CloseAlarmView.as_view(), name="api-alarm-close"),
    path("devices/<uuid:device_id>/budget/", BudgetView.as_view(), name="api-device-budget"),
]
