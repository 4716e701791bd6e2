"""Giving roles and taking them back."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from devices import queries as devices
from devices.steps.check_device import CheckDevice
from fleet.accounts.access import actor_of
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.accounts.steps.grant_role import GrantRole
from fleet.accounts.steps.issue_token import IssueToken
from fleet.accounts.steps.revoke_role import RevokeRole
from fleet.errors import Conflict, NotFound, Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow
from tests.cast import Cast, organisation, person
from tests.fleet.eventstore.ground import device


def role_of(somebody: Person) -> UUID:
    """Of somebody who has one role."""
    given = EventRow.everything.filter(type="accounts.role_granted")
    stream: UUID = given.get(data__contains=str(somebody.id)).stream
    return stream


def test_a_role_at_somebody_elses_site_opens_nothing(who: Cast) -> None:
    """An administrator may name any site's id; it is their own organisation that is looked at."""
    theirs, _ = organisation("Third", "Quay")
    mallory = person("Mallory", theirs, Role.ADMINISTRATOR)
    grant = GrantRole(mallory.id, "Mallory", Role.ADMINISTRATOR, theirs, who.site)
    handle(grant, new_id(), who.by(mallory))
    by = who.by(mallory)
    target = device(who)
    assert not devices.devices(by.actor).exists()
    with pytest.raises(NotFound):
        handle(CheckDevice(), target, by)
    with pytest.raises(NotFound):
        handle(replace(grant, organisation=who.organisation), new_id(), by)


def test_an_administrator_of_a_site_gives_roles_there_and_not_for_the_organisation(
    who: Cast,
) -> None:
    dora = person("Dora", who.organisation, Role.ADMINISTRATOR, who.site)
    grant = GrantRole(uuid4(), "Emil", Role.OPERATOR, who.organisation, who.site)
    handle(grant, new_id(), who.by(dora))
    for elsewhere in (None, uuid4()):
        with pytest.raises(NotFound):
            handle(replace(grant, site=elsewhere), new_id(), who.by(dora))


def test_no_person_is_made_a_job(who: Cast) -> None:
    grant = GrantRole(who.alice.id, "Alice", Role.JOB, who.organisation, who.site)
    with pytest.raises(Refused) as refused:
        handle(grant, new_id(), who.by(who.alice))
    assert refused.value.code == "no_such_role"
    with pytest.raises(Refused):
        handle(
            IssueToken(who.organisation, "0" * 64, "mighty", Role.JOB), new_id(), who.by(who.alice)
        )


def test_a_role_that_is_taken_back_is_gone_at_once(who: Cast) -> None:
    device(who)
    role = role_of(who.bob)
    assert devices.devices(actor_of(who.bob)).exists()
    handle(RevokeRole("He left"), role, who.by(who.alice))
    assert actor_of(who.bob).grants == ()
    assert not devices.devices(actor_of(who.bob)).exists()
    with pytest.raises(Conflict) as refused:
        handle(RevokeRole("He left"), role, who.by(who.alice))
    assert refused.value.code == "revoked_already"
