"""Calls for readiness and drills. A drill's steps come from its commands, each has its call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict
from uuid import UUID

from django.urls import path
from msgspec import Meta
from rest_framework.response import Response

from devices.lists.api import AsCsv, AsXlsx, FileSchema
from devices.lists.exports import answer
from devices.lists.writing import Form
from fleet.api.calls import ApiView, Values, call, created, only
from fleet.api.fields import Time, text
from fleet.api.pages import USUAL, Pages, exactly, piece_of
from fleet.api.renderers import OrjsonRenderer
from fleet.api.steps import step_patterns
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from resets.readiness import queries
from resets.readiness.export import export
from resets.readiness.flaws import Finding, findings
from resets.readiness.queries import Ready
from resets.readiness.score import REASONS, Band, Reason
from resets.readiness.state import DrillPhase
from resets.readiness.steps import BeginDrill
from resets.state import Delivery, RecoveryMethod

_SCORE = Annotated[int, Meta(ge=0, le=100, description="100: nothing is in the way.")]
if TYPE_CHECKING:
    ReasonCode = str
else:  # those of the one table, by name in the API's document
    ReasonCode = Literal[tuple(str(code) for code in REASONS)]


class ReadinessReason(TypedDict):
    """Why a device is not readier, by how much, and what to do next."""

    code: ReasonCode
    weight: int
    words: str
    next: str


class PublishedFlaw(TypedDict):
    """A published flaw that the device's firmware has, or (unclear) may have."""

    cve: str
    verdict: Literal["has", "unclear"]
    says: str
    fixed_in: list[str]
    sources: list[str]


class Readiness(TypedDict):
    """Whether a reset of a device would work, as far as Rekey knows."""

    id: Annotated[UUID, Meta(description="Of the device.")]
    name: str
    organisation: UUID
    site: UUID
    score: _SCORE
    band: Band
    reasons: list[ReadinessReason]
    flaws: list[PublishedFlaw]


class ReadinessFilters(Pages, total=False):
    site: UUID
    reason: ReasonCode
    band: Band
    below: Annotated[int, Meta(ge=0, le=101, description="Scores below this one.")]
    q: text("Words that stand in what is known of the device.")  # type: ignore[valid-type]


class ReadinessView(ApiView):
    @call(answer=Readiness, many=True, query=ReadinessFilters)
    def get(self, asked: Values) -> Response:
        """List devices by their readiness for a reset, the least ready first."""
        some, behind = piece_of(_found(self, asked), asked["cursor"], asked["limit"] or USUAL)
        rows = queries.rows_of(self.actor, some)
        return self.listed([_ready(one, row) for one, row in rows], behind)


class DeviceReadinessView(ApiView):
    @call(answer=Readiness)
    def get(self, asked: Values, device_id: UUID) -> Response:
        """Show how ready a device is for a reset, and why it is not readier."""
        return Response(_of_device(self, device_id))


class ReadinessFile(TypedDict):
    """A line for each device, with its score, the reasons and what to do."""


class ReadinessExportFilters(TypedDict, total=False):
    """Those of the list."""

    format: Annotated[Form, Meta(description="CSV, if not given.")]
    site: UUID
    reason: ReasonCode
    band: Band
    below: Annotated[int, Meta(ge=0, le=101, description="Scores below this one.")]
    q: text("Words that stand in what is known of the device.")  # type: ignore[valid-type]


class ReadinessExportView(ApiView):
    schema = FileSchema()
    renderer_classes = (OrjsonRenderer, AsCsv, AsXlsx)

    @call(answer=ReadinessFile, query=ReadinessExportFilters)
    def get(self, asked: Values) -> Any:
        """Download the readiness of devices, such as before a rotation: the least ready first. It
        holds no password and no mailbox.
        """
        return answer(export(self.actor, _found(self, asked), asked["format"] or Form.CSV))


# --- drills ---------------------------------------------------------------------------------------


class Drill(TypedDict):
    """A reset that is walked up to the device, to see that it would work. No password is changed.

    `outcome` says why it failed; `delivery` and `answer` what became of the newest mail.
    """

    id: UUID
    device: UUID
    device_name: str
    organisation: UUID
    site: UUID
    mailbox: Annotated[str, Meta(description="Most of it hidden.")]
    method: RecoveryMethod
    asker: str
    phase: DrillPhase
    open: Annotated[bool, Meta(description="Whether anything is still to come.")]
    begun_at: Time
    expires_at: Time
    sends: int
    code_expires_at: Time
    tries_left: int
    delivery: Delivery
    answer: str
    waiting_for: str
    outcome: str
    ended_at: Time | None
    changed_at: Time


COLUMNS = tuple(Drill.__annotations__)


class DrillFilters(Pages, total=False):
    site: UUID
    device: UUID
    phase: DrillPhase
    open: Annotated[bool, Meta(description="Whether anything is still to come.")]


class DrillsView(ApiView):
    @call(answer=Drill, many=True, query=DrillFilters)
    def get(self, asked: Values) -> Response:
        """List drills, the newest first."""
        seen = queries.drills(self.actor)
        rows = exactly(seen, asked, "site", "device", "phase", "open")
        return self.page(asked, rows.values(*COLUMNS), ["-id"], seen)


class DrillView(ApiView):
    @call(answer=Drill)
    def get(self, asked: Values, drill_id: UUID) -> Response:
        """Show a drill, and how it ended."""
        return Response(_drill(self, drill_id))


class BeginDrillView(ApiView):
    @call(answer=Drill, status=201)
    def post(self, asked: Values, device_id: UUID) -> Response:
        """Begin a drill of a reset: a code is mailed to the device's Reset Password Email. Once it
        was entered, Rekey tries whether it could set a password on the device, and sets none.
        """
        drill = new_id()
        handle(BeginDrill(device_id), drill, self.by)
        return created(_drill(self, drill), "api-drill", drill_id=drill)


# --- what is told ---------------------------------------------------------------------------------


def _found(view: ApiView, asked: Values) -> list[Ready]:
    fleet = queries.fleet(view.actor, text=asked["q"] or "", site=asked["site"])
    return fleet.narrowed(reason=asked["reason"] or "", band=asked["band"], below=asked["below"])


def _of_device(view: ApiView, device_id: UUID) -> dict[str, Any]:
    known = queries.of_device(view.actor, device_id).known
    [(one, row)] = queries.rows_of(view.actor, [Ready(known.id, known.name, known.score)])
    return _ready(one, row)


def _ready(one: Ready, row: Any) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": row.name,
        "organisation": row.organisation,
        "site": row.site,
        "score": one.score.value,
        "band": one.score.band,
        "reasons": [_reason(reason) for reason in one.score.reasons],
        "flaws": [_flaw(found) for found in findings(row.manufacturer, row.model, row.firmware)],
    }


def _reason(reason: Reason) -> dict[str, Any]:
    names = ReadinessReason.__annotations__
    return {name: getattr(reason, name) for name in names}


def _flaw(found: Finding) -> dict[str, Any]:
    flaw = found.flaw
    return {
        "cve": flaw.cve,
        "verdict": found.verdict,
        "says": flaw.says,
        "fixed_in": list(found.fixed_in),
        "sources": list(flaw.sources),
    }


def _drill(view: ApiView, drill_id: UUID) -> Any:
    return only(queries.drills(view.actor).values(*COLUMNS), drill_id, "drill")


urlpatterns = [
    path("readiness/", ReadinessView.as_view(), name="api-readiness"),
    path("readiness/export/", ReadinessExportView.as_view(), name="api-readiness-export"),
    path(
        "devices/<uuid:device_id>/readiness/",
        DeviceReadinessView.as_view(),
        name="api-device-readiness",
    ),
    path("drills/", DrillsView.as_view(), name="api-drills"),
    path("drills/<uuid:drill_id>/", DrillView.as_view(), name="api-drill"),
    path("devices/<uuid:device_id>/drills/", BeginDrillView.as_view(), name="api-device-drills"),
    *step_patterns("drills/<uuid:drill_id>/", "api-drill", queries.steps(), Drill, _drill),
]
