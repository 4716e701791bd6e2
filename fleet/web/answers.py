"""Answers that are not just a page: what nobody may keep, files, and pages to be loaded anew."""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar

from django.http import HttpResponse
from django.http.response import HttpResponseBase

R = TypeVar("R", bound=HttpResponseBase)


def kept_nowhere(response: R) -> R:
    """The answer, so that no browser and no proxy keeps it."""
    response["Cache-Control"] = "no-store"
    return response


def as_file(response: R, name: str) -> R:
    """The answer as a file for whoever asked, and kept nowhere on the way to them."""
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return kept_nowhere(response)


def loaded_anew() -> HttpResponse:
    """To a part of a page (htmx) that is out of date as a whole."""
    return HttpResponse(status=HTTPStatus.NO_CONTENT, headers={"HX-Refresh": "true"})
