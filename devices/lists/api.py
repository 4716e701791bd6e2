"""Calls for importing and exporting lists of devices."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

import msgspec
from django.urls import path
from msgspec import Meta
from rest_framework.response import Response

from devices import queries
from devices.lists import exports, imports
from devices.lists.plans import Action
from devices.lists.reading import LARGEST
from devices.lists.state import ImportPhase
from devices.lists.writing import Form
from devices.state import Kind
from devices.status import Status
from fleet.api.calls import ApiView, Values, call, created
from fleet.api.fields import Fields, Time, text
from fleet.api.pages import MOST, USUAL, Pages
from fleet.api.parsers import OrjsonParser
from fleet.api.renderers import OrjsonRenderer
from fleet.api.schema import CallSchema
from fleet.errors import Refused


class Import(TypedDict):
    """A list of devices that was uploaded, and what would happen to its lines or has happened.

    Its phase is checked until it is applied; `trouble` says why applying came to nothing.
    """

    id: UUID
    organisation: UUID
    site: UUID
    file: str
    fingerprint: Annotated[str, Meta(description="The same for the same file.")]
    phase: ImportPhase
    to_add: int
    to_update: int
    unchanged: int
    problems: Annotated[int, Meta(description="With any at all it is not applied.")]
    trouble: str
    expires_at: Annotated[Time, Meta(description="When it is deleted.")]
    changed_at: Time


class Changed(TypedDict):
    """What a line changes."""

    column: str
    old: str
    new: str


class LineProblem(TypedDict):
    """Why a line cannot be applied: with the code of the call that would do the same."""

    column: str
    code: str
    message: str


class ListLine(TypedDict):
    """What would happen to a line, as its program numbers it: the header is line 1."""

    number: int
    action: Action
    name: str
    site: str
    address: str
    device: Annotated[
        UUID | None, Meta(description="The one it is about, or the id that a new one gets.")
    ]
    changes: list[Changed]
    problem: LineProblem | None
    note: str


class ImportFacts(Import):
    """An import with some of its lines. They are gone with the list itself."""

    notes: list[str]
    lines: list[ListLine]
    next_after: Annotated[int | None, Meta(description="Send this as `after` for more lines.")]


class LineFilters(TypedDict, total=False):
    action: Action
    after: Annotated[int, Meta(ge=0, le=2**31 - 1, description="Lines behind this one.")]
    limit: Annotated[int, Meta(ge=1, le=MOST, description=f"How many at most; else {USUAL}.")]


IMPORT_COLUMNS = tuple(Import.__annotations__)
LIST = Fields(
    "DeviceList",
    {
        "site": Annotated[UUID, Meta(description="Where devices are whose line names no site.")],
        "file": text("What the file is called.", imports.LONGEST_NAME),
        "content": Annotated[
            str,
            Meta(
                description="The file itself, CSV or XLSX, in base64.",
                extra_json_schema={
                    "pattern": r"^[^\u0000]*$",
                    "contentEncoding": "base64",
                    "writeOnly": True,
                },
            ),
        ],
    },
    {},
)


class ListParser(OrjsonParser):
    """A list may be larger than what other calls take."""

    largest = LARGEST * 2


class ImportsView(ApiView):
    parser_classes = (ListParser,)

    @call(answer=Import, many=True, query=Pages)
    def get(self, asked: Values) -> Response:
        """List the imports that you have uploaded, the newest first."""
        seen = imports.owned(self.actor)
        return self.page(asked, seen.values(*IMPORT_COLUMNS), ["-id"], seen)

    @call(answer=ImportFacts, status=201, body=LIST)
    def post(self, asked: Values) -> Response:
        """Upload a list of devices and see line by line what would happen. Nothing is changed.

        It is kept, encrypted, for an hour; apply it within that time.
        """
        checked = imports.check(asked["site"], asked["file"], _content(asked), self.by)
        return created(_facts(self, checked, NO_FILTERS), "api-import", import_id=checked)


class ImportView(ApiView):
    @call(answer=ImportFacts, query=LineFilters)
    def get(self, asked: Values, import_id: UUID) -> Response:
        """Show an import of yours, and some of its lines."""
        return Response(_facts(self, import_id, asked))


class ApplyImportView(ApiView):
    @call(answer=ImportFacts, status=202)
    def post(self, asked: Values, import_id: UUID) -> Response:
        """Have the list applied: all of it or nothing. What comes of it stands in `phase`."""
        imports.apply(import_id, self.by)
        return Response(_facts(self, import_id, NO_FILTERS), HTTPStatus.ACCEPTED)


class DiscardImportView(ApiView):
    @call(answer=ImportFacts)
    def post(self, asked: Values, import_id: UUID) -> Response:
        """Delete an uploaded list before its time."""
        imports.discard(import_id, self.by)
        return Response(_facts(self, import_id, NO_FILTERS))


NO_FILTERS: Values = dict.fromkeys(LineFilters.__annotations__)


def _content(asked: Values) -> bytes:
    try:
        return base64.b64decode(asked["content"], validate=True)
    except ValueError:  # also of what is no ASCII
        raise Refused("content_wrong", "This is not base64.", field="content") from None


def _facts(view: ApiView, import_id: UUID, asked: Values) -> dict[str, Any]:
    row, run = imports.own(view.actor, import_id), imports.dry_run(import_id)
    action, after, limit = asked["action"], asked["after"] or 0, asked["limit"] or USUAL
    wanted = [line for line in run.lines if line.number > after and action in (None, line.action)]
    return {
        **{name: getattr(row, name) for name in IMPORT_COLUMNS},
        "notes": list(run.notes),
        "lines": msgspec.to_builtins(wanted[:limit]),
        "next_after": wanted[limit - 1].number if len(wanted) > limit else None,
    }


# --- export ---------------------------------------------------------------------------------------


class AsCsv(OrjsonRenderer):
    """Lets clients ask for the file by its type; what is refused is JSON all the same."""

    media_type = Form.CSV.media_type


class AsXlsx(OrjsonRenderer):
    media_type = Form.XLSX.media_type


class DeviceFile(TypedDict):
    """A line for each device, under a header that names the columns."""


class FileSchema(CallSchema):
    """A call that answers with a file, in one of these forms."""

    def __init__(self, forms: Iterable[Any] = Form) -> None:
        super().__init__()
        self.media_types = [form.media_type for form in forms]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        bodies["200"]["content"] = {
            media_type: {"schema": {"type": "string", "contentMediaType": media_type}}
            for media_type in self.media_types
        }
        return bodies


class ExportFilters(TypedDict, total=False):
    """Those of the list of devices."""

    format: Annotated[Form, Meta(description="CSV, if not given.")]
    site: UUID
    kind: Kind
    certified: Literal["yes", "no", "unknown"]
    status: Status
    nvr: UUID
    q: text("A part of the name, address, serial number or model.")  # type: ignore[valid-type]


class ExportView(ApiView):
    schema = FileSchema()
    renderer_classes = (OrjsonRenderer, AsCsv, AsXlsx)

    @call(answer=DeviceFile, query=ExportFilters)
    def get(self, asked: Values) -> Any:
        """Download the devices as a list that may be imported again. It holds no password."""
        wanted = {name: asked[name] for name in ("site", "kind", "certified", "status", "nvr")}
        found = queries.narrowed(queries.devices(self.actor), **wanted, text=asked["q"])
        return exports.answer(exports.export(self.actor, found, asked["format"] or Form.CSV))


import_urlpatterns = [
    path("imports/", ImportsView.as_view(), name="api-imports"),
    path("imports/<uuid:import_id>/", ImportView.as_view(), name="api-import"),
    path("imports/<uuid:import_id>/apply/", ApplyImportView.as_view(), name="api-import-apply"),
    path(
        "imports/<uuid:import_id>/discard/", DiscardImportView.as_view(), name="api-import-discard"
    ),
    path("devices/export/", ExportView.as_view(), name="api-devices-export"),
]
