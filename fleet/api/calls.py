"""One call of the API. What it takes and answers is declared once, on its method:

    class Sites(ApiView):
        @call(answer=SiteShown, many=True, query=SiteFilters)
        def get(self, asked: Values) -> Response:
            "List the sites."

The declaration is carried out here and documented in `fleet.api.schema`. A method makes one domain
call; whatever the domain raises becomes problem details (see `problems`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from rest_framework import permissions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.api.fields import Fields
from fleet.api.once import once
from fleet.api.pages import USUAL, piece
from fleet.api.schema import CallSchema
from fleet.errors import NotFound
from fleet.eventstore.messages import Actor, By

Values = Mapping[str, Any]
Method = TypeVar("Method", bound=Callable[..., Response])


@dataclass(frozen=True)
class Call:
    """What a method takes and answers.

    `many` wraps the answer into a page of them; a `secret` one is shown once and kept nowhere.
    `refuses`: statuses of refusals, beside those that every call of its method may answer with.
    """

    answer: type
    about: str
    status: int = HTTPStatus.OK
    many: bool = False
    query: Fields | None = None
    body: Fields | None = None
    secret: bool = False
    refuses: tuple[HTTPStatus, ...] = ()


def call(
    *,
    answer: type,
    status: int = HTTPStatus.OK,
    many: bool = False,
    query: type | None = None,
    body: Fields | None = None,
    secret: bool = False,
    refuses: tuple[HTTPStatus, ...] = (),
) -> Callable[[Method], Method]:
    """Declare a call. Its method is given what was asked for, checked, as `asked`."""
    filters = Fields.of(query) if query else None

    def declare(method: Method) -> Method:
        @wraps(method)
        def answered(view: ApiView, request: Request, **ids: Any) -> HttpResponse:
            asked = (filters or NOTHING).read_address(request.query_params)
            if request.method in permissions.SAFE_METHODS:
                return method(view, asked, **ids)
            asked |= (body or NOTHING).read(request.data)
            return once(request, view.actor, lambda: method(view, asked, **ids), secret=secret)

        about = method.__doc__ or ""
        declared = Call(answer, about, status, many, filters, body, secret, refuses)
        answered.call = declared  # type: ignore[attr-defined]
        return answered  # type: ignore[return-value]

    return declare


NOTHING = Fields("Nothing", {}, {})


class ApiView(APIView):
    """Base of every call."""

    schema = CallSchema()
    http_method_names = ("get", "post", "put", "patch", "delete", "head")

    @property
    def by(self) -> By:
        by: By = self.request._request.by  # type: ignore[attr-defined]
        return by

    @property
    def actor(self) -> Actor:
        return self.by.actor

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"  # what one may see another may not
        return response

    def page(
        self,
        asked: Values,
        rows: QuerySet[Any],
        order: Sequence[str],
        seen: QuerySet[Any],
        told: Callable[[Any], Any] | None = None,
    ) -> Response:
        """One page of a list of dictionaries, in the order of these columns (see `pages.piece`);
        `told` turns each into what this actor is told.
        """
        found, behind = piece(rows, order, seen, asked["cursor"], asked["limit"] or USUAL)
        return self.listed([told(row) for row in found] if told else found, behind)

    def listed(self, results: Sequence[Any], cursor: UUID | None) -> Response:
        """A list, and the address of its next page."""
        if cursor is None:
            return Response({"results": results, "next": None})
        query = self.request.query_params.dict() | {"cursor": cursor}
        return Response({"results": results, "next": f"{self.request.path}?{urlencode(query)}"})


def only(rows: QuerySet[Any], pk: UUID, what: str) -> Any:
    """The one row of this id. Raises NotFound when there is none, or not for whoever asks."""
    if (row := rows.filter(pk=pk).first()) is None:
        raise NotFound(what)
    return row


def created(answer: Any, name: str, **ids: UUID) -> Response:
    """201, and where the new thing is."""
    location = {"Location": reverse(name, kwargs=ids)}
    return Response(answer, HTTPStatus.CREATED, headers=location)
