"""Who may see and do what: every role, everywhere, with every command."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import pytest

from fleet.accounts.access import Grant, RolesGuard, may
from fleet.accounts.state import Role
from fleet.errors import Forbidden, NotFound, RekeyError
from fleet.eventstore.messages import COMMANDS, Actor, State
from tests.fleet.accounts.needs import MAY, NEEDS, OURS

ORGANISATION, ELSEWHERE, HERE, THERE = (UUID(int=n) for n in (1, 2, 3, 4))


def test_every_command_has_its_role_in_this_table() -> None:
    assert {name: COMMANDS[name].by for name in OURS} == NEEDS


# --- the table ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place(State):
    category = "thing"


HELD: dict[str, tuple[tuple[UUID, UUID | None], ...]] = {
    "at the organisation": ((ORGANISATION, None),),
    "at this site": ((ORGANISATION, HERE),),
    "at two sites": ((ORGANISATION, THERE), (ORGANISATION, HERE)),
    "at another site": ((ORGANISATION, THERE),),
    "at another organisation": ((ELSEWHERE, None),),
    "at this site, as another organisation says": ((ELSEWHERE, HERE),),
    "nowhere": (),
}
REACHES_THE_SITE = {"at the organisation", "at this site", "at two sites"}
REACHES_THE_ORGANISATION = {"at the organisation"}


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("role", MAY)
def test_a_role_reaches_as_far_as_it_was_given_and_no_further(role: Role, held: str) -> None:
    actor = Actor("person", "1", "Dora", tuple(Grant(o, s, role) for o, s in HELD[held]))
    for site, reaches in ((HERE, REACHES_THE_SITE), (None, REACHES_THE_ORGANISATION)):
        place = Place(uuid4(), ORGANISATION, site)
        for name in OURS:
            needed = NEEDS[name]
            if held not in reaches:
                expected: type[RekeyError] | None = NotFound
            else:
                expected = None if needed in MAY[role] else Forbidden
            assert outcome(actor, needed, place) is expected, name
            assert may(actor, needed, ORGANISATION, site) is (expected is None)


def outcome(actor: Actor, needed: str, place: State) -> type[RekeyError] | None:
    try:
        RolesGuard().check(actor, needed, place)
    except RekeyError as error:
        return type(error)
    return None


def test_the_highest_of_several_roles_counts() -> None:
    grants = (
        Grant(ORGANISATION, None, Role.VIEWER),
        Grant(ORGANISATION, HERE, Role.OPERATOR),
        Grant(ORGANISATION, THERE, Role.ADMINISTRATOR),
    )
    actor = Actor("person", "1", "Dora", grants)
    assert outcome(actor, Role.OPERATOR, Place(uuid4(), ORGANISATION, HERE)) is None
    assert outcome(actor, Role.ADMINISTRATOR, Place(uuid4(), ORGANISATION, HERE)) is Forbidden
    assert outcome(actor, Role.TECHNICIAN, Place(uuid4(), ORGANISATION, None)) is Forbidden


def test_what_belongs_to_nobody_is_found_by_nobody_but_jobs() -> None:
    everywhere = Actor("person", "1", "Dora", (Grant(ORGANISATION, None, Role.ADMINISTRATOR),))
    assert outcome(everywhere, Role.VIEWER, Place(uuid4())) is NotFound
    assert outcome(Actor.job("set up"), Role.JOB, Place(uuid4())) is None


def test_only_a_job_is_a_job() -> None:
    """The kind of an actor is given by whoever signed it in; no role makes one a job."""
    mighty = Actor("person", "1", "Dora", (Grant(ORGANISATION, None, Role.ADMINISTRATOR),))
    for kind in ("person", "token", "", "Job"):
        actor = replace(mighty, kind=kind)
        assert outcome(actor, Role.JOB, Place(uuid4(), ORGANISATION, HERE)) is Forbidden
