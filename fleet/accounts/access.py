"""Who may see and do what: decided here and nowhere else.

Every command passes `check` inside `handle`, every look passes `visible` inside the read models'
manager (see `fleet.eventstore.gate`), so no page and no call can forget it. Who may not see a site
is told NotFound, in the same words as for a thing that does not exist.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from fleet.accounts.models import Person, RoleRow
from fleet.accounts.state import Human, Role
from fleet.errors import Forbidden, NotFound
from fleet.eventstore import database
from fleet.eventstore.database import as_time, as_uuid
from fleet.eventstore.messages import COMMANDS, Actor, Command, State

S = TypeVar("S", bound=State)
NOBODY = Q(pk__in=[])
LONGEST_NAME = 200  # of an actor, in the log


@dataclass(frozen=True, slots=True)
class Grant:
    """A role at an organisation (`site` None: all its sites) or at one site."""

    organisation: UUID
    site: UUID | None
    role: Role

    def covers(self, organisation: UUID | None, site: UUID | None) -> bool:
        # A site's id alone opens nothing: whoever grants roles may name one that is not theirs.
        return organisation == self.organisation and self.site in (None, site)


class RolesGuard:
    """The guard of the event store."""

    def visible(self, actor: Actor) -> Q:
        if actor.kind == "job":
            return Q()
        sites: dict[UUID, set[UUID | None]] = {}
        for grant in actor.grants:
            sites.setdefault(grant.organisation, set()).add(grant.site)
        seen = NOBODY
        for organisation, some in sites.items():
            if None in some:
                seen |= Q(organisation=organisation)
            else:
                seen |= Q(organisation=organisation, site__in=some)
        return seen

    def check(self, actor: Actor, role: str, state: State) -> None:
        if actor.kind == "job":
            return
        require(actor, Role(role), state.organisation, state.site, state.category)


def require(
    actor: Actor, role: Role, organisation: UUID | None, site: UUID | None, what: str = "thing"
) -> None:
    """Raise NotFound when the actor may not see what lies there, Forbidden when the role is too
    low. For pages that only ask; a command is checked when it is sent.
    """
    held = role_at(actor, organisation, site)
    if held is None:
        raise NotFound(what)
    if held.rank < role.rank:
        whose, next_step = "Your", "Ask an administrator of the site."
        if actor.kind == "token":
            whose, next_step = "This token's", "Make a token with that role."
        raise Forbidden(
            "role_too_low",
            f"{whose} role here is {held}; this needs {role}. {next_step}",
            needed=role,
        )


def role_at(actor: Actor, organisation: UUID | None, site: UUID | None) -> Role | None:
    """The highest role an actor has there; None when it may not even be seen."""
    held: Iterable[Role] = (g.role for g in actor.grants if g.covers(organisation, site))
    return max(held, key=_rank, default=None)


def may(actor: Actor, role: Role, organisation: UUID | None, site: UUID | None) -> bool:
    """Whether a button is worth showing; `check` decides all the same when it is pressed."""
    held = role_at(actor, organisation, site)
    return actor.kind == "job" or (held is not None and held.rank >= role.rank)


def holding(actor: Actor, role: Role) -> Actor:
    """The same actor, who sees no more than the places where they have at least this role."""
    return replace(actor, grants=tuple(g for g in actor.grants if g.role.rank >= role.rank))


def steps_of(state: type[S]) -> dict[str, type[Command[S]]]:
    """What people may do with a thing that is there, by the name in its address, in the order of
    the contents page.
    """
    return {
        step.slug: step
        for step in COMMANDS.values()
        if step.of is state and step.by != Role.JOB and not step.creates
    }


def open_to(
    actor: Actor, steps: Mapping[str, type[Command[S]]], state: S, now: datetime
) -> list[type[Command[S]]]:
    """Those steps that this actor is shown now, in their order."""
    person, at = human(actor).id, (state.organisation, state.site)
    return [
        step
        for step in steps.values()
        if step.offered(state, now)
        and step.offered_to(state, person)
        and may(actor, Role(step.by), *at)
    ]


def actor_of(person: Person) -> Actor:
    return Actor("person", str(person.id), person.name, _grants(person.id))


def actor_of_token(text: str) -> tuple[Actor, Person] | None:
    """The actor behind an API token, or None: unknown, expired, revoked or of a closed account.

    A token is `rk_`, its id, `_` and its secret: one row is looked up, and compared in constant
    time. It may do what its person may, at its organisation or its one site, and no more than its
    own role.
    """
    try:
        prefix, identity, secret = text.split("_", 2)
        token_id = UUID(hex=identity)
    except ValueError:
        return None
    rows = database.rows(_BY_ID, [token_id, True, True])
    digest = rows[0][0] if rows else ""
    if not hmac.compare_digest(digest_of(secret), digest) or prefix != "rk":
        return None
    actor = _of_token(rows)
    if actor is None:
        return None
    return actor, Person(id=as_uuid(rows[0][6]), name=rows[0][7])


def _of_token(rows: list[Any]) -> Actor | None:
    """From a token's rows, as `_BY_ID` gives them: None if it has expired, or is not there."""
    if not rows or as_time(rows[0][1]) <= timezone.now():
        return None
    _, _, most, name, organisation, site, _, person, *_ = rows[0]
    organisation, site = as_uuid(organisation), site and as_uuid(site)
    grants = tuple(
        Grant(held.organisation, site or held.site, min(held.role, Role(most), key=_rank))
        for held in (_grant(*row[8:11]) for row in rows if row[8])
        if held.organisation == organisation and (not site or held.covers(organisation, site))
    )
    shown = f"{person} ({name})"[:LONGEST_NAME]
    return Actor("token", str(as_uuid(rows[0][11])), shown, grants)


def human(actor: Actor) -> Human:
    """The person behind an actor; a blank one behind jobs and phones.

    Also behind a token that was revoked since: what was done with it stays theirs.
    """
    if actor.kind == "person":
        return Human(actor.id, actor.name)
    if actor.kind != "token":
        return Human()
    rows = database.rows(_WHOSE, [UUID(actor.id)])
    return Human(str(as_uuid(rows[0][0])), rows[0][1]) if rows else Human()


def of_a_phone(organisation: UUID | None, site: UUID | None) -> Actor:
    """Whoever scanned the QR of a reset at this site: nobody is signed in.

    What the QR's token allows is one command, whose own check it passes (see `resets.phone`).
    """
    assert site
    return _nobody("phone", "Whoever scanned the QR", organisation, site)


def of_a_mailbox(organisation: UUID | None, site: UUID | None) -> Actor:
    """Whoever reads the mails of a reset at this site: nobody is signed in, as with a phone."""
    assert site
    return _nobody("mailbox", "Whoever reads the mailbox", organisation, site)


def of_a_campaign_mailbox(organisation: UUID | None, site: UUID | None) -> Actor:
    """The same for the mails of a campaign; one without a site goes over all of the organisation.
    Which devices the token is good for, `resets.campaigns.codes_owner` sees to.
    """
    return _nobody("mailbox", "Whoever reads the mailbox", organisation, site)


def _nobody(kind: str, name: str, organisation: UUID | None, site: UUID | None) -> Actor:
    assert organisation
    return Actor(kind, "", name, (Grant(organisation, site, Role.TECHNICIAN),))


def acting_again(actor: Actor) -> Actor | None:
    """Whom an event names, with what they may do by now; None when they may do nothing any more.

    For a job that goes on with what somebody asked for: it never does what they may not.
    """
    if actor.kind == "person":
        person = Person.objects.filter(pk=actor.id, is_active=True).first()
        again = actor_of(person) if person else None
    elif actor.kind == "token":
        again = _of_token(database.rows(_BY_ID, [UUID(actor.id), True, True]))
    else:
        return actor if actor.kind == "job" else None
    return again if again and again.grants else None


# One query, for every call of every integrator: the token, its person, and their roles.
_BY_ID = """
SELECT t.digest, t.expires_at, t.role, t.name, t.organisation, t.site, p.id, p.name,
       r.organisation, r.site, r.role, t.id
FROM token t
JOIN person p ON p.id = t.person
LEFT JOIN role r ON r.person = t.person AND r.active
WHERE t.id = %s AND t.revoked <> %s AND p.is_active = %s
"""
_WHOSE = "SELECT p.id, p.name FROM token t JOIN person p ON p.id = t.person WHERE t.id = %s"


def _rank(role: Role) -> int:
    return role.rank


def _grant(organisation: Any, site: Any, role: str) -> Grant:
    return Grant(as_uuid(organisation), site and as_uuid(site), Role(role))


def digest_of(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _grants(person: UUID) -> tuple[Grant, ...]:
    rows = RoleRow.objects.for_jobs().filter(person=person, active=True)
    return tuple(
        Grant(organisation, site, Role(role))
        for organisation, site, role in rows.values_list("organisation", "site", "role")
    )
