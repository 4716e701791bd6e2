"""The OpenAPI document, from what the calls declare (see `calls`). Nothing is written twice."""

from __future__ import annotations

import re
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, TypedDict, get_type_hints

import msgspec
import orjson
from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.views import APIView

from fleet.api.once import HEADER, LONGEST

if TYPE_CHECKING:
    from fleet.api.calls import Call

_IDEMPOTENCY_KEY = {
    "in": "header",
    "name": HEADER,
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[ -~]+$"},
    "description": "Any text of your own. Sent again with it within 24 hours, the call is not"
    " carried out again; you get the first answer.",
}
_REF = "#/components/schemas/{name}"


class WrongField(TypedDict):
    """What is wrong with one field."""

    field: Annotated[str, Meta(description="Where it stands, such as `limits[0].most`.")]
    code: str
    message: str


class Problem(TypedDict):
    """Why a call was not carried out (RFC 9457). `code` is stable; `detail` is for people and says
    what to do next. There may be further members, such as `tries_left`.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: NotRequired[list[WrongField]]
    retry_after: NotRequired[Annotated[int, Meta(description="Seconds.")]]


class CallSchema(AutoSchema):
    """One operation of the document."""

    @property
    def call(self) -> Call:
        found: Call = getattr(self.view, self.method.lower()).call
        return found

    def get_operation_id(self) -> str:
        parts = self.path.strip("/").split("/")[2:]  # without api/v1
        names = [part.replace("-", "_") for part in parts if not part.startswith("{")]
        if self.method == "GET":
            names.append("list" if self.call.many else "get")
        elif len(parts) == 1:
            names.append("create")
        return "_".join(names)

    def get_summary(self) -> str:
        return re.split(r"(?<=\.)\s", self.call.about.strip())[0].rstrip(".")

    def get_description(self) -> str:  # type: ignore[override]
        return " ".join(self.call.about.split())

    def _get_parameters(self) -> list[dict[str, Any]]:
        ids = re.findall(r"{(\w+)}", self.path)
        path: list[dict[str, Any]] = self._resolve_path_parameters(ids)  # type: ignore[no-untyped-call]
        query = self.call.query
        if self.method != "GET":
            path.append(_IDEMPOTENCY_KEY)
        if query is None:
            return path
        asked = []
        for name, schema in self._register(query.struct, but_itself=True)["properties"].items():
            schema = {k: v for k, v in schema.items() if k != "default"}
            about = schema.pop("description", "")
            asked.append({"in": "query", "name": name, "schema": schema, "description": about})
        return path + asked

    def _get_request_body(self, direction: str = "request") -> dict[str, Any] | None:
        if self.method == "GET" or self.call.body is None or not self.call.body.kinds:
            return None
        schema = self._register(self.call.body.struct)
        return {
            "content": {"application/json": {"schema": _ref(self.call.body.name)}},
            "required": bool(schema.get("required")),
        }

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        self._register(self.call.answer)
        self._register(Problem)
        schema = _ref(self.call.answer.__name__)
        if self.call.many:
            schema = _page(schema)
        good: dict[str, Any] = {
            "description": HTTPStatus(self.call.status).phrase,
            "content": {"application/json": {"schema": schema}},
        }
        if self.call.status == HTTPStatus.CREATED:
            good["headers"] = {
                "Location": {"description": "Where it is.", "schema": {"type": "string"}}
            }
        return {str(int(self.call.status)): good} | {
            str(int(number)): _refusal(number) for number in self._refusals()
        }

    def _refusals(self) -> list[HTTPStatus]:
        s = HTTPStatus
        if self.method == "GET":
            some = [s.UNAUTHORIZED, s.NOT_ACCEPTABLE]
            some += [s.BAD_REQUEST]
            some += [s.NOT_FOUND] if "{" in self.path else []
        else:
            some = [
                s.BAD_REQUEST, s.UNAUTHORIZED, s.FORBIDDEN, s.NOT_FOUND, s.NOT_ACCEPTABLE,
                s.CONFLICT, s.REQUEST_ENTITY_TOO_LARGE, s.UNSUPPORTED_MEDIA_TYPE,
                s.UNPROCESSABLE_ENTITY, s.TOO_MANY_REQUESTS,
            ]  # fmt: skip
        return sorted({*some, *self.call.refuses})

    def _register(self, shape: type, *, but_itself: bool = False) -> dict[str, Any]:
        """Put a type and all that it is made of among the document's components."""
        components = components_of(shape)
        for name, schema in components.items():
            if but_itself and name == shape.__name__:
                continue
            # Two types of one name are told apart by what they say, and warned about.
            identity = repr(schema)
            self.registry.register_on_missing(
                ResolvedComponent(name, ResolvedComponent.SCHEMA, schema, identity)  # type: ignore[no-untyped-call]
            )
        own: dict[str, Any] = components[shape.__name__]
        return own


@cache
def components_of(shape: type) -> dict[str, Any]:
    _, components = msgspec.json.schema_components([shape], ref_template=_REF)
    for schema in components.values():
        schema.pop("title", None)
    own = components[shape.__name__]
    # msgspec sorts a TypedDict's fields by name; people read them in the order of declaration.
    own["properties"] = {
        name: own["properties"][name] for name in get_type_hints(shape) if name in own["properties"]
    }
    return components


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(name=name)}


def _page(of: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["results", "next"],
        "properties": {
            "results": {"type": "array", "items": of},
            "next": {
                "type": ["string", "null"],
                "format": "uri-reference",
                "description": "The address of the next page; null on the last one.",
            },
        },
    }


def _refusal(number: HTTPStatus) -> dict[str, Any]:
    refusal: dict[str, Any] = {
        "description": number.phrase,
        "content": {"application/problem+json": {"schema": _ref("Problem")}},
    }
    if number is HTTPStatus.TOO_MANY_REQUESTS:
        refusal["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return refusal


class DocumentView(APIView):
    """The document. It is made once for a process: that takes as long as a hundred calls."""

    authentication_classes = permission_classes = ()
    schema = None  # it is not in itself

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(_document(), "application/json")


@cache
def _document() -> bytes:
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return orjson.dumps(document)
