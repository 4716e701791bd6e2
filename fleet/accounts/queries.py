"""What pages and calls ask about people's roles and tokens. Everything asks as somebody."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from fleet.accounts.models import Organisation, Token
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Actor


def tokens(actor: Actor) -> QuerySet[Token]:
    """A person's own tokens; to a token, itself."""
    rows: QuerySet[Token] = Token.objects.visible_to(actor)
    mine = {"person": actor.id} if actor.kind == "person" else {"id": actor.id}
    return rows.filter(**mine).order_by("-id")


def roles(actor: Actor) -> list[dict[str, Any]]:
    """The actor's roles, with the names of their organisations."""
    wanted = {grant.organisation for grant in actor.grants}
    names = dict(Organisation.objects.for_jobs().filter(pk__in=wanted).values_list("id", "name"))
    return [
        {
            "organisation": grant.organisation,
            "organisation_name": names.get(grant.organisation, ""),
            "site": grant.site,
            "role": grant.role.value,
        }
        for grant in actor.grants
    ]


def organisation_of(actor: Actor, asked: UUID | None) -> UUID:
    """The organisation that was asked for, or the only one in which the actor has a role.

    Raises Refused where there are several to choose from.
    """
    if asked is not None:
        return asked
    theirs: set[UUID] = {grant.organisation for grant in actor.grants}
    if len(theirs) != 1:
        raise Refused("which_organisation", "Say which organisation.", field="organisation")
    [only] = theirs
    return only


def scope_of(
    actor: Actor, organisation: UUID | None, site: UUID | None
) -> tuple[UUID, UUID | None]:
    """Where a token is for: as asked, or all that the actor has a role at, if that is one place.

    Raises Refused where there are several to choose from.
    """
    held = {g.site for g in actor.grants if organisation in (None, g.organisation)}
    if site is None and held and None not in held:
        if len(held) > 1:
            raise Refused("which_site", "Say which site.", field="site")
        [site] = held
    return organisation_of(actor, organisation), site


def organisations(actor: Actor, least: Role) -> list[tuple[UUID, str]]:
    """The organisations, by name, at all of which the actor has at least this role."""
    held = {g.organisation for g in actor.grants if g.site is None and g.role.rank >= least.rank}
    rows = Organisation.objects.visible_to(actor).filter(pk__in=held).order_by("name", "id")
    return list(rows.values_list("id", "name"))
