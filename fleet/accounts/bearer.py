"""The API's sign-in. A module of its own: DRF loads it while it is being loaded itself."""

from __future__ import annotations

from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from fleet.accounts.access import actor_of_token
from fleet.accounts.middleware import source_of
from fleet.accounts.models import Person
from fleet.eventstore.messages import By


class BearerToken(BaseAuthentication):
    """`Authorization: Bearer rk_…`"""

    def authenticate(self, request: Request) -> tuple[Person, str] | None:
        scheme, _, text = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        known = actor_of_token(text.strip())
        if known is None:
            raise exceptions.AuthenticationFailed(
                "This token is unknown, expired or revoked. Make a new one in the console.",
                "token_unknown",
            )
        actor, person = known
        by = By(actor, source=source_of(request._request))
        request._request.by = by  # type: ignore[attr-defined]
        request._request.actor = actor  # type: ignore[attr-defined]
        return person, "token"

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
