"""Calls for oneself, one's tokens, and who has which role."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

from django.urls import path
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from msgspec import Meta
from rest_framework.response import Response

from fleet.accounts import queries
from fleet.accounts import tokens as minting
from fleet.accounts.people import give_role
from fleet.accounts.state import Role
from fleet.accounts.steps.issue_token import IssueToken
from fleet.accounts.steps.revoke_role import RevokeRole
from fleet.accounts.steps.revoke_token import RevokeToken
from fleet.api.calls import ApiView, Values, call, created, only
from fleet.api.fields import Fields, Time, text
from fleet.api.pages import Pages
from fleet.eventstore.handling import handle


class BearerTokenInTheDocument(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "fleet.accounts.bearer.BearerToken"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API token: `rk_…`."}


# --- oneself --------------------------------------------------------------------------------------


class OwnRole(TypedDict):
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
    roles: list[OwnRole]


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


# --- tokens ---------------------------------------------------------------------------------------


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


# --- people and their roles -----------------------------------------------------------------------


class HeldRole(OwnRole):
    """The role of a person."""

    id: UUID
    person: UUID
    name: str
    email: str


class GivenRole(HeldRole):
    """A role that has just been given. `password` is a new person's first one, shown this once."""

    password: str | None


GIVE_ROLE = Fields(
    "GiveRole",
    {
        "email": text("Whose account; it is made if there is none.", 254),
        "name": text("Only for somebody who is new.", 100),
        "role": Role,
        "organisation": Annotated[
            UUID | None, Meta(description="Left out: the only one of yours.")
        ],
        "site": Annotated[UUID | None, Meta(description="Left out: all sites you look after.")],
    },
    {"name": "", "organisation": None, "site": None},
)


class RolesView(ApiView):
    @call(answer=HeldRole, many=True)
    def get(self, asked: Values) -> Response:
        """List who has which role, wherever you are an administrator."""
        return self.listed([asdict(one) for one in queries.held_roles(self.actor)], None)

    @call(answer=GivenRole, secret=True, status=201, body=GIVE_ROLE)
    def post(self, asked: Values) -> Response:
        """Give somebody a role. An account is made for whoever has none."""
        where = queries.scope_of(self.actor, asked["organisation"], asked["site"])
        who = asked["email"], asked["name"], asked["role"]
        person, password = give_role(*who, *where, self.by)
        [held] = [
            one
            for one in queries.held_roles(self.actor)
            if (one.person, one.organisation, one.site) == (person.id, *where)
        ]
        return created(asdict(held) | {"password": password or None}, "api-role", role_id=held.id)


class RoleView(ApiView):
    @call(answer=HeldRole)
    def get(self, asked: Values, role_id: UUID) -> Response:
        """Show somebody's role."""
        return Response(asdict(queries.held_role(self.actor, role_id)))


class RevokeRoleView(ApiView):
    @call(answer=HeldRole, body=Fields.asked_by(RevokeRole))
    def post(self, asked: Values, role_id: UUID) -> Response:
        """Take somebody's role back."""
        held = queries.held_role(self.actor, role_id)
        handle(RevokeRole(**asked), role_id, self.by)
        return Response(asdict(held))


urlpatterns = [
    path("me/", MeView.as_view(), name="api-me"),
    path("tokens/", TokensView.as_view(), name="api-tokens"),
    path("tokens/<uuid:token_id>/", TokenView.as_view(), name="api-token"),
    path("tokens/<uuid:token_id>/revoke/", RevokeTokenView.as_view(), name="api-token-revoke"),
    path("roles/", RolesView.as_view(), name="api-roles"),
    path("roles/<uuid:role_id>/", RoleView.as_view(), name="api-role"),
    path("roles/<uuid:role_id>/revoke/", RevokeRoleView.as_view(), name="api-role-revoke"),
]
