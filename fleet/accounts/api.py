"""Calls for oneself and one's tokens."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

from django.urls import path
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from msgspec import Meta
from rest_framework.response import Response

from fleet.accounts import queries
from fleet.accounts import tokens as minting
from fleet.accounts.state import Role
from fleet.accounts.steps.issue_token import IssueToken
from fleet.accounts.steps.revoke_token import RevokeToken
from fleet.api.calls import ApiView, Values, call, created, only
from fleet.api.fields import Fields, Time
from fleet.api.pages import Pages
from fleet.eventstore.handling import handle


class BearerTokenInTheDocument(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "fleet.accounts.bearer.BearerToken"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API token: `rk_…`."}


class HeldRole(TypedDict):
    """A role at an organisation with all its sites (`site` null), or at one site."""

    organisation: UUID
    organisation_name: str
    site: UUID | None
    role: Role


class Me(TypedDict):
    """Whoever asks: a person, or a token of theirs."""

    kind: Literal["person", "token"]
    id: UUID
    name: str
    roles: list[HeldRole]


class Token(TypedDict):
    """An API token, without what makes it one."""

    id: UUID
    organisation: UUID
    site: Annotated[UUID | None, Meta(description="Null: all sites of the organisation.")]
    name: str
    role: Role
    expires_at: Time
    revoked: bool


class NewToken(Token):
    """A token that has just been made. `token` is shown this once and kept nowhere."""

    token: str


COLUMNS = tuple(Token.__annotations__)


class MeView(ApiView):
    @call(answer=Me)
    def get(self, asked: Values) -> Response:
        """Say who asks, and what they may do where."""
        actor = self.actor
        return Response(
            {
                "kind": actor.kind,
                "id": actor.id,
                "name": actor.name,
                "roles": queries.roles(actor),
            }
        )


class TokensView(ApiView):
    @call(answer=Token, many=True, query=Pages)
    def get(self, asked: Values) -> Response:
        """List your own API tokens, the newest first."""
        seen = queries.tokens(self.actor)
        return self.page(asked, seen.values(*COLUMNS), ["-id"], seen)

    @call(
        answer=NewToken,
        secret=True,
        status=201,
        body=Fields.asked_by(IssueToken, organisation=UUID | None, site=UUID | None),
    )
    def post(self, asked: Values) -> Response:
        """Make an API token for yourself.

        Only a signed-in person makes one. It is no mightier than they are, and it expires. Where
        you have a role at one place alone, it is for that place if you name none.
        """
        where, site = queries.scope_of(self.actor, asked["organisation"], asked["site"])
        text = minting.issue(where, asked["name"], asked["role"], asked["days"], self.by, site)
        token = UUID(text.split("_")[1])
        return created(_token(self, token) | {"token": text}, "api-token", token_id=token)


class TokenView(ApiView):
    @call(answer=Token)
    def get(self, asked: Values, token_id: UUID) -> Response:
        """Show one of your own API tokens."""
        return Response(_token(self, token_id))


class RevokeTokenView(ApiView):
    @call(answer=Token)
    def post(self, asked: Values, token_id: UUID) -> Response:
        """Revoke an API token of your own: it opens nothing from then on."""
        handle(RevokeToken(), token_id, self.by)
        return Response(_token(self, token_id))


def _token(view: ApiView, token_id: UUID) -> Any:
    return only(queries.tokens(view.actor).values(*COLUMNS), token_id, "token")


urlpatterns = [
    path("me/", MeView.as_view(), name="api-me"),
    path("tokens/", TokensView.as_view(), name="api-tokens"),
    path("tokens/<uuid:token_id>/", TokenView.as_view(), name="api-token"),
    path("tokens/<uuid:token_id>/revoke/", RevokeTokenView.as_view(), name="api-token-revoke"),
]
