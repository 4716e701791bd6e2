"""API tokens: no mightier than their person, for as long as they last, and stored as a hash."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import time_machine
from django.utils import timezone

from devices import queries as devices
from devices.steps.check_device import CheckDevice
from fleet.accounts.access import actor_of, actor_of_token, role_at
from fleet.accounts.models import Person, RoleRow, Token
from fleet.accounts.state import Role
from fleet.accounts.steps.grant_role import GrantRole
from fleet.accounts.steps.issue_token import MOST_DAYS, IssueToken
from fleet.accounts.steps.revoke_role import RevokeRole
from fleet.accounts.steps.revoke_token import RevokeToken
from fleet.accounts.tokens import issue
from fleet.errors import Conflict, Forbidden, NotFound, Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Actor, By
from tests.cast import Cast, organisation, person
from tests.fleet.eventstore.ground import device, every_row

pytestmark = pytest.mark.django_db


def token_of(who: Cast, somebody: Person, role: Role = Role.TECHNICIAN, **options: object) -> str:
    told = {"days": 7, "by": who.by(somebody)} | options
    return issue(who.organisation, "ticketing", role, **told)  # type: ignore[arg-type]


def actor(text: str) -> Actor:
    known = actor_of_token(text)
    assert known is not None
    return known[0]


def row_of(text: str) -> UUID:
    return UUID(text.split("_")[1])


def test_a_token_acts_as_its_person_under_its_own_name(who: Cast) -> None:
    text = token_of(who, who.alice)
    known = actor_of_token(text)
    assert known is not None
    assert known[1] == who.alice
    assert (known[0].kind, known[0].name) == ("token", "Alice (ticketing)")
    assert known[0].id == str(row_of(text))
    handle(CheckDevice(), device(who), By(known[0]))


@pytest.mark.parametrize("asked", [Role.VIEWER, Role.TECHNICIAN, Role.ADMINISTRATOR])
@pytest.mark.parametrize("held", ["alice", "bob", "tess"])
def test_a_token_is_no_mightier_than_its_person_or_its_own_role(
    who: Cast, asked: Role, held: str
) -> None:
    somebody: Person = getattr(who, held)
    own = role_at(actor_of(somebody), who.organisation, who.site)
    assert own is not None
    text = token_of(who, somebody, asked, site=who.site)
    got = role_at(actor(text), who.organisation, who.site)
    assert got is min(own, asked, key=list(Role).index)


def test_a_token_of_a_viewer_changes_nothing_whatever_it_was_called(who: Cast) -> None:
    text = token_of(who, who.alice, Role.VIEWER)
    with pytest.raises(Forbidden) as refusal:
        handle(CheckDevice(), device(who), By(actor(text)))
    assert refusal.value.message == (
        "This token's role here is viewer; this needs technician. Make a token with that role."
    )


def test_a_token_reaches_its_own_organisation_only(who: Cast) -> None:
    theirs, _ = organisation("Third", "Quay")
    both = person("Dora", who.organisation, Role.ADMINISTRATOR)
    handle(
        GrantRole(both.id, "Dora", Role.ADMINISTRATOR, theirs), new_id(), By(Actor.job("set up"))
    )
    text = token_of(who, both, Role.ADMINISTRATOR)
    assert role_at(actor(text), who.organisation, None) is Role.ADMINISTRATOR
    assert role_at(actor(text), theirs, None) is None


def test_a_token_for_one_site_reaches_that_site_only(who: Cast) -> None:
    text = token_of(who, who.alice, Role.ADMINISTRATOR, site=who.site)
    assert role_at(actor(text), who.organisation, who.site) is Role.ADMINISTRATOR
    assert role_at(actor(text), who.organisation, None) is None
    assert role_at(actor(text), who.organisation, uuid4()) is None


def test_a_token_for_a_site_that_its_person_has_no_role_at_is_not_made(who: Cast) -> None:
    for site in (None, uuid4()):
        with pytest.raises(NotFound):
            token_of(who, who.tess, site=site)
    with pytest.raises(NotFound):
        token_of(who, who.charlie, site=who.site)
    assert not Token.objects.for_jobs().exists()


def test_a_token_opens_nothing_once_it_has_expired(who: Cast) -> None:
    text = token_of(who, who.alice, days=7)
    expires = Token.objects.for_jobs().get().expires_at
    assert timedelta(days=6, hours=23) < expires - timezone.now() <= timedelta(days=7)
    with time_machine.travel(expires - timedelta(seconds=1), tick=False):
        assert actor_of_token(text)
    for late in (timedelta(0), timedelta(days=400)):
        with time_machine.travel(expires + late, tick=False):
            assert actor_of_token(text) is None


@pytest.mark.parametrize("days", [-1, 0, MOST_DAYS + 1])
def test_a_token_lasts_a_year_at_the_most(who: Cast, days: int) -> None:
    with pytest.raises(Refused) as refused:
        token_of(who, who.alice, days=days)
    assert refused.value.code == "days_out_of_range"


def test_a_token_opens_nothing_once_it_is_revoked(who: Cast) -> None:
    text = token_of(who, who.alice)
    handle(RevokeToken(), row_of(text), who.by(who.alice))
    assert actor_of_token(text) is None
    with pytest.raises(Conflict):
        handle(RevokeToken(), row_of(text), who.by(who.alice))


def test_a_token_revokes_itself_and_no_other(who: Cast) -> None:
    text, other = token_of(who, who.alice), token_of(who, who.alice)
    with pytest.raises(Forbidden):
        handle(RevokeToken(), row_of(other), By(actor(text)))
    handle(RevokeToken(), row_of(text), By(actor(text)))
    assert actor_of_token(text) is None
    assert actor_of_token(other)


def test_a_token_is_as_weak_as_its_person_has_become(who: Cast) -> None:
    text = token_of(who, who.alice, Role.ADMINISTRATOR)
    role = RoleRow.objects.for_jobs().get(person=who.alice.id).pk
    handle(RevokeRole("She left"), role, who.by(who.alice))
    assert actor(text).grants == ()
    assert not devices.sites(actor(text)).exists()
    who.alice.is_active = False
    who.alice.save()
    assert actor_of_token(text) is None


def test_a_token_makes_no_tokens(who: Cast) -> None:
    text = token_of(who, who.alice, Role.ADMINISTRATOR)
    command = IssueToken(who.organisation, "0" * 64, "another")
    with pytest.raises(Forbidden) as refused:
        handle(command, new_id(), By(actor(text)))
    assert refused.value.code == "people_only"


def test_a_token_with_a_long_name_works_on_every_database(who: Cast) -> None:
    """The log keeps 200 characters of an actor's name."""
    who.alice.name = "A" * 100
    who.alice.save()
    text = issue(who.organisation, "t" * 200, Role.TECHNICIAN, 7, who.by(who.alice))
    handle(CheckDevice(), device(who), By(actor(text)))


def test_what_is_no_token_opens_nothing(who: Cast) -> None:
    text, other = token_of(who, who.alice), token_of(who, who.tess, site=who.site)
    prefix, identity, secret = text.split("_")
    for wrong in (
        "",
        "_",
        "__",
        "rk",
        "rk__",
        f"rk_{identity}",
        f"rk_{identity}_",
        f"rk_{identity}_{secret[:-1]}",
        f"rk_{identity}_{secret}x",
        f"rk_{identity}_{secret} ",
        f"rk_{identity}_{secret.upper()}",
        f"rk_{identity}_{other.split('_')[2]}",
        f"rk_{uuid4().hex}_{secret}",
        f"rk_{identity}x_{secret}",
        f"xx_{identity}_{secret}",
        f"{identity}_{secret}",
        f"rk_{identity}_{Token.objects.for_jobs().get(pk=row_of(text)).digest}",
        "rk_‮_é🎥",
        "rk_" + "0" * 100_000 + "_0",
    ):
        assert actor_of_token(wrong) is None, wrong[:80]
    assert prefix == "rk"
    assert actor_of_token(text)


def test_a_token_is_nowhere_in_the_database(who: Cast) -> None:
    text = token_of(who, who.alice)
    secret = text.split("_")[2]
    for table in ("event", "token", "job"):
        assert secret not in str(every_row(table))
    assert len(secret) == 64
