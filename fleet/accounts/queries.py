"""What pages and calls ask about people's roles and tokens. Everything asks as somebody."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from fleet.accounts.models import Organisation, Token
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
