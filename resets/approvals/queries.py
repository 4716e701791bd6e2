"""What waits for somebody's answer, or for their look. Everything asks as somebody."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from fleet.accounts.access import holding, human
from fleet.accounts.queries import Somebody, administrators
from fleet.accounts.state import Role
from fleet.eventstore.messages import Actor
from resets.models import Reset
from resets.queries import Glass, resets, with_glass


def waiting(actor: Actor) -> QuerySet[Reset]:
    """Resets that this actor may agree to: an administrator there, and somebody else's."""
    rows = _asked_for(holding(actor, Role.ADMINISTRATOR))
    return rows.exclude(asker_id=human(actor).id)


def own(actor: Actor) -> QuerySet[Reset]:
    """Resets that this actor has asked for and somebody else has to agree to."""
    return _asked_for(actor).filter(asker_id=human(actor).id)


def unreviewed(actor: Actor) -> QuerySet[Reset]:
    """Resets whose glass was broken and that nobody has looked into yet, where this actor is an
    administrator; also those that they may not look into themselves.
    """
    rows = resets(holding(actor, Role.ADMINISTRATOR))
    return with_glass(rows, Glass.TO_REVIEW)


def may_agree(asker: str, organisation: UUID, site: UUID | None) -> list[Somebody]:
    """Who could agree to what the person of this id asks for there."""
    return [one for one in administrators(organisation, site) if one.id != asker]


def _asked_for(actor: Actor) -> QuerySet[Reset]:
    rows = resets(actor).filter(awaits_approval=True)
    return rows.filter(expires_at__gt=timezone.now())
