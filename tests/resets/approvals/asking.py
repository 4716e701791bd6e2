"""Resets that a second person has to agree to, without a network."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone

from fleet.accounts import tokens
from fleet.accounts.access import actor_of_token
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.eventstore import subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import By
from fleet.eventstore.models import Job
from fleet.eventstore.store import state_of
from resets.rules import rules_id
from resets.state import ResetState
from resets.steps.approve_reset import ApproveReset
from resets.steps.site_rules import SetApprovalRules
from tests.cast import Cast, person
from tests.fleet.eventstore.ground import device, reset

WHY = "The gate stands open and nobody answers"


def ask_always(who: Cast, **rules: Any) -> None:
    """From now on the site asks for a second person, or as these rules say."""
    command = SetApprovalRules(who.site, **(rules or {"always": True}))
    handle(command, rules_id(who.site), who.by(who.alice))


def dora(who: Cast) -> Person:
    """Another administrator, of the site alone."""
    return person("Dora", who.organisation, Role.ADMINISTRATOR, who.site)


def asked(who: Cast, **fields: Any) -> UUID:
    """A reset that Tess has asked for, and that waits for an administrator."""
    ask_always(who)
    return reset(who, device(who, **fields))


def now(stream: UUID) -> ResetState:
    return state_of(ResetState, stream)


def agree(stream: UUID) -> ApproveReset:
    return ApproveReset(now(stream).digest)


def do(*reactions: str) -> None:
    """What a worker does, of these alone: nobody is to talk to devices that are nowhere."""
    subscriptions.pump()
    names = [f"resets.{name}" for name in reactions]
    due = Job.objects.filter(reaction__in=names, due_at__lte=timezone.now())
    for job in list(due.order_by("id").values_list("id", flat=True)):
        subscriptions.run(job)


def by_token(who: Cast, somebody: Person) -> By:
    """The same human, by an API token of theirs."""
    by = who.by(somebody)
    site = by.actor.grants[0].site
    text = tokens.issue(who.organisation, "tests", Role.ADMINISTRATOR, 30, by, site)
    found = actor_of_token(text)
    assert found
    return By(found[0])
