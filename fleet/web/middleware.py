"""Domain errors become pages, or toasts where htmx asked."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.shortcuts import render, resolve_url

from fleet.errors import Conflict, Forbidden, NotFound, Refused, RekeyError
from fleet.web.answers import loaded_anew

STATUS: dict[type[RekeyError], HTTPStatus] = {
    NotFound: HTTPStatus.NOT_FOUND,
    Forbidden: HTTPStatus.FORBIDDEN,
    Conflict: HTTPStatus.CONFLICT,
    Refused: HTTPStatus.UNPROCESSABLE_ENTITY,
}
TITLES = {
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.FORBIDDEN: "You may not do this",
    HTTPStatus.CONFLICT: "Something changed in the meantime",
    HTTPStatus.UNPROCESSABLE_ENTITY: "This was refused",
}


def status_of(error: RekeyError) -> HTTPStatus:
    """The status of the page that says no."""
    found = (status for kind, status in STATUS.items() if isinstance(error, kind))
    return next(found, HTTPStatus.UNPROCESSABLE_ENTITY)


class DomainErrors:
    """Last in MIDDLEWARE, so that it hears a view's error first.

    A view lets the domain's errors pass. A whole page gets a page that says what to do next; a
    part of a page (htmx) gets a toast, and whatever it wanted to replace stays as it was.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if _asked_by_htmx(request) and _leads_to_sign_in(response):
            # Signed out meanwhile: load the page anew rather than a sign-in form into a corner.
            return loaded_anew()
        if isinstance(response, HttpResponseNotAllowed):  # which is a blank page
            page = render(request, "405.html", status=response.status_code)
            page["Allow"] = response["Allow"]
            return page
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, RekeyError):
            return error_response(request, error)
        if _asked_by_htmx(request) and isinstance(error, Http404):
            return error_response(request, NotFound("page"))
        if _asked_by_htmx(request) and isinstance(error, PermissionDenied):
            sentence = str(error) or "Your role does not allow this. Ask an administrator."
            return error_response(request, Forbidden("forbidden", sentence))
        return None


def error_response(request: HttpRequest, error: RekeyError) -> HttpResponse:
    """The page or the toast for a domain error, with the status that belongs to it."""
    status = status_of(error)
    context = {"title": TITLES[status], "error": error, "status": int(status)}
    if not _asked_by_htmx(request):
        return render(request, "error.html", context, status=status)
    response = render(
        request, "components/toast.html", {"message": error.message, "tone": "bad"}, status=status
    )
    response["HX-Retarget"] = "#toasts"
    response["HX-Reswap"] = "beforeend"
    return response


def _asked_by_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _leads_to_sign_in(response: HttpResponseBase) -> bool:
    location = response.headers.get("Location", "")
    return response.status_code == HTTPStatus.FOUND and location.startswith(
        resolve_url(settings.LOGIN_URL)
    )
