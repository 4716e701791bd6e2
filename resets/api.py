"""Calls for resets. Their steps come from the contents page: a new one has its call by itself."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict
from uuid import UUID

from django.db.models import Case, F, QuerySet, When
from django.urls import URLPattern, path
from msgspec import Meta
from rest_framework.response import Response

from fleet.api.calls import ApiView, Values, call, created, only
from fleet.api.fields import Fields, Time, text
from fleet.api.pages import Pages, exactly
from fleet.api.steps import Step, step_patterns, steps_shown
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Command
from resets import queries
from resets.applying import api as applying
from resets.approvals import api as approvals
from resets.campaigns import api as campaigns
from resets.campaigns import codes_api as campaign_codes
from resets.campaigns.report import api as reports
from resets.delivery import api as deliveries
from resets.handover import api as handovers
from resets.limits import api as limits
from resets.mailboxes import api as mailboxes
from resets.phone.api import ShowQrView
from resets.queries import Glass
from resets.readiness import api as readiness
from resets.recorder.state import AtRecorder
from resets.schedules import api as schedules
from resets.site_rules import api as site_rules
from resets.state import Delivery, Phase, RecoveryMethod
from resets.steps.approve_reset import ApproveReset
from resets.steps.request_reset import RequestReset
from resets.steps.show_qr import ShowQr


class Reset(TypedDict):
    """One walk from Forget Password to a proven new password, for one device."""

    id: UUID
    device: UUID
    device_name: str
    organisation: UUID
    site: UUID
    site_name: str
    username: str
    method: RecoveryMethod
    reason: str
    asker: str
    phase: Phase
    open: Annotated[bool, Meta(description="Whether anything is still to come.")]
    expires_at: Time
    mailbox: Annotated[str, Meta(description="The Reset Password Email, most of it hidden.")]
    sends: Annotated[int, Meta(description="Codes sent so far.")]
    sent_at: Time | None
    code_expires_at: Time | None
    tries_left: int
    delivery: Delivery
    delivery_detail: Annotated[str, Meta(description="What the mail server said.")]
    approval_why: Annotated[
        str, Meta(description="Why a second person has to agree, or had to; else empty.")
    ]
    glass_broken: Annotated[
        bool, Meta(description="Whether somebody acted alone, without approval and code.")
    ]
    glass_reviewed: Annotated[bool, Meta(description="Whether somebody else looked into that.")]
    generated: bool
    waiting_for: Annotated[str, Meta(description="What keeps the device from answering.")]
    outcome: str
    recorder: Annotated[AtRecorder, Meta(description="Where the camera stands with its NVR.")]
    recorder_detail: Annotated[str, Meta(description="What kept Rekey from it at the NVR.")]
    changed_at: Time


class Tried(TypedDict):
    """A login that was tried at a door of the device. `opened` null: the door gave no answer."""

    door: str
    login: str
    opened: bool | None
    detail: str


class ResetFacts(Reset):
    """All that is known of a reset, and what may be done with it now."""

    may_send_from: Annotated[
        Time | None,
        Meta(description="When a code may be sent again; null: at once, or not any more."),
    ]
    digest: Annotated[
        str | None,
        Meta(description="What `approve-reset` is sent with, by those who may agree; else null."),
    ]
    doors: list[Tried]
    steps: list[Step]


RENAMED = {
    "site_name": F("device__place__name"),
    "glass_broken": Case(When(glass_broken_by="", then=False), default=True),
}
COLUMNS = tuple(name for name in Reset.__annotations__ if name not in RENAMED)


class ResetFilters(Pages, total=False):
    site: UUID
    device: UUID
    phase: Phase
    open: Annotated[bool, Meta(description="Whether anything is still to come.")]
    glass: Annotated[Glass, Meta(description="Where somebody acted alone.")]
    q: text("A part of the device's name, the reason, or who asked.")  # type: ignore[valid-type]


class ResetsView(ApiView):
    @call(answer=Reset, many=True, query=ResetFilters)
    def get(self, asked: Values) -> Response:
        """List resets, the newest first."""
        seen = queries.resets(self.actor)
        rows = exactly(seen, asked, "site", "device", "phase", "open")
        rows = queries.with_glass(rows, asked["glass"]) if asked["glass"] else rows
        rows = queries.with_text(rows, asked["q"]) if asked["q"] else rows
        return self.page(asked, _columns(rows), ["-id"], seen)


class ResetView(ApiView):
    @call(answer=ResetFacts)
    def get(self, asked: Values, reset_id: UUID) -> Response:
        """Show a reset, and what may be done with it now."""
        return Response(_reset(self, reset_id))


class RequestResetView(ApiView):
    @call(answer=ResetFacts, status=201, body=Fields.asked_by(RequestReset))
    def post(self, asked: Values, device_id: UUID) -> Response:
        """Forget Password: begin a reset of the device's password."""
        reset = new_id()
        handle(RequestReset(device=device_id, **asked), reset, self.by)
        return created(_reset(self, reset), "api-reset", reset_id=reset)


def patterns_of(steps: dict[str, type[Command[Any]]]) -> list[URLPattern]:
    """The address of each step. To be shown a QR answers with it, all others with the reset."""
    at = "resets/<uuid:reset_id>/"
    return step_patterns(at, "api-reset", steps, ResetFacts, _reset, own={ShowQr: ShowQrView})


def _reset(view: ApiView, reset_id: UUID) -> dict[str, Any]:
    row = only(_columns(queries.resets(view.actor), "doors"), reset_id, "reset")
    standing = queries.standing(view.actor, reset_id)
    return {
        **row,
        "may_send_from": standing.state.may_send_from if standing.state.newest_mail else None,
        "digest": standing.state.digest if ApproveReset in standing.offered else None,
        "steps": steps_shown(standing.offered, "api-reset", reset_id=reset_id),
    }


def _columns(rows: QuerySet[Any], *more: str) -> QuerySet[Any, dict[str, Any]]:
    return rows.values(*COLUMNS, *more, **RENAMED)


urlpatterns = [
    *applying.urlpatterns,
    *approvals.urlpatterns,
    *site_rules.urlpatterns,
    path("resets/", ResetsView.as_view(), name="api-resets"),
    path("resets/<uuid:reset_id>/", ResetView.as_view(), name="api-reset"),
    path("devices/<uuid:device_id>/resets/", RequestResetView.as_view(), name="api-device-resets"),
    *patterns_of(queries.steps()),
    *deliveries.urlpatterns,
    *mailboxes.urlpatterns,
    *limits.urlpatterns,
    *readiness.urlpatterns,
    *schedules.urlpatterns,
    *reports.urlpatterns,
    *handovers.urlpatterns,
    *campaigns.urlpatterns,
    *campaign_codes.urlpatterns,
]
