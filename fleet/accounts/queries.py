"""What pages and calls ask about people's roles and tokens. Everything asks as somebody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from fleet.accounts.access import may
from fleet.accounts.models import Organisation, Person, RoleRow, Token
from fleet.accounts.state import Role
from fleet.errors import NotFound, Refused
from fleet.eventstore.messages import Actor


def tokens(actor: Actor) -> QuerySet[Token]:
    """A person's own tokens; to a token, itself."""
    rows: QuerySet[Token] = Token.objects.visible_to(actor)
    mine = {"person": actor.id} if actor.kind == "person" else {"id": actor.id}
    return rows.filter(**mine).order_by("-id")


def token(actor: Actor, token_id: UUID) -> Token:
    """Raises NotFound."""
    row = tokens(actor).filter(pk=token_id).first()
    if row is None:
        raise NotFound("token")
    return row


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


@dataclass(frozen=True)
class Held:
    """A role that somebody has. `site` None: at all sites of the organisation."""

    id: UUID
    person: UUID
    name: str
    email: str
    role: Role
    organisation: UUID
    organisation_name: str
    site: UUID | None


def held_roles(actor: Actor) -> list[Held]:
    """Who has which role, wherever the actor is an administrator; by name."""
    rows = [
        row for row in RoleRow.objects.visible_to(actor).filter(active=True) if _runs(actor, row)
    ]
    people = Person.objects.in_bulk({row.person for row in rows})
    ids = {row.organisation for row in rows}
    names = dict(Organisation.objects.for_jobs().filter(pk__in=ids).values_list("id", "name"))
    held = [
        Held(
            row.id,
            row.person,
            people[row.person].name,
            people[row.person].email,
            Role(row.role),
            row.organisation,
            names.get(row.organisation, ""),
            row.site,
        )
        for row in rows
        if row.person in people
    ]
    return sorted(held, key=lambda one: (one.name, one.email, one.organisation_name))


def held_role(actor: Actor, role_id: UUID) -> Held:
    """Raises NotFound."""
    found = next((one for one in held_roles(actor) if one.id == role_id), None)
    if found is None:
        raise NotFound("role")
    return found


@dataclass(frozen=True)
class Somebody:
    """A person and where to write to them; `email` is "" where there is nothing to write to."""

    id: str
    name: str
    email: str


def administrators(organisation: UUID, site: UUID | None) -> list[Somebody]:
    """For jobs, and for what everybody at a place may know: who administers a site, with those of
    the whole organisation; or (`site` None) these alone. By name; no accounts that are closed.
    """
    rows = RoleRow.objects.for_jobs().filter(
        Q(site=None) | Q(site=site), organisation=organisation, active=True
    )
    return _people(rows.filter(role=Role.ADMINISTRATOR.value).values_list("person", flat=True))


def somebody_at(person: str, organisation: UUID, site: UUID | None) -> Somebody | None:
    """For jobs: this person, as long as they have a role there; by their id, "" is nobody."""
    if not person:
        return None
    rows = RoleRow.objects.for_jobs().filter(
        Q(site=None) | Q(site=site), person=person, organisation=organisation, active=True
    )
    return next(iter(_people(rows.values_list("person", flat=True))), None)


def _people(ids: Iterable[UUID]) -> list[Somebody]:
    people = Person.objects.filter(pk__in=set(ids), is_active=True).order_by("name", "email")
    return [Somebody(str(one.pk), one.name, one.email.strip()) for one in people]


def _runs(actor: Actor, row: RoleRow) -> bool:
    return may(actor, Role.ADMINISTRATOR, row.organisation, row.site)


def organisation_name(organisation: UUID) -> str:
    """For those who may see it; "" where there is none."""
    row = Organisation.objects.for_jobs().filter(pk=organisation).values_list("name").first()
    return str(row[0]) if row else ""
