"""Who asks, and from where: known once for each request, before any view runs."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from fleet.accounts.access import actor_of
from fleet.accounts.models import Person
from fleet.eventstore.messages import By


class WhoAsks:
    """Sets `request.by` for signed-in people; calls with a token get theirs from the API's
    authentication.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if isinstance(request.user, Person):
            by = By(actor_of(request.user), source=source_of(request))
            request.by = by  # type: ignore[attr-defined]
            request.actor = by.actor  # type: ignore[attr-defined]
        return self.get_response(request)


def by_of(request: HttpRequest) -> By:
    """Who asks for a page, and from where. Only after sign-in: else there is nobody."""
    by: By = request.by  # type: ignore[attr-defined]
    return by


def source_of(request: HttpRequest) -> str:
    """The address that a request comes from: the peer's, or, where the peer is one of our own
    proxies, the last one in X-Forwarded-For that is not. What stands before that a client may have
    written itself.
    """
    source = str(request.META.get("REMOTE_ADDR", ""))
    forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    while source in settings.REKEY_PROXIES and forwarded and forwarded[-1].strip():
        source = forwarded.pop().strip()
    return source[:64]
