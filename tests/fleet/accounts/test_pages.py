"""The pages of API tokens and of people's roles."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from fleet.accounts.access import actor_of, actor_of_token
from fleet.accounts.models import Person, RoleRow, Token
from fleet.accounts.state import Role
from fleet.eventstore.models import EventRow
from tests.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def pages(client: Client, who: Cast) -> Client:
    """Alice's browser."""
    client.force_login(who.alice)
    return client


def ticketing(who: Cast, **more: str) -> dict[str, str]:
    return {"name": "ticketing", "role": "operator", "days": "30", "where": _all(who)} | more


def _all(who: Cast) -> str:
    return str(who.organisation)


def _only(who: Cast) -> str:
    return f"{who.organisation}/{who.site}"


def shown(response: Any) -> str:
    """The secret on the page."""
    [secret] = re.findall(r"<code id=\"[\w-]+\">([^<]+)</code>", response.content.decode())
    return str(secret)


# --- tokens ---------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_works(pages: Client, who: Cast) -> None:
    made = pages.post(reverse("tokens"), ticketing(who))
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    token = shown(made)
    actor, person = actor_of_token(token)
    assert person == who.alice
    assert [(g.organisation, g.site, g.role) for g in actor.grants] == [
        (who.organisation, None, Role.OPERATOR)
    ]
    later = pages.get(reverse("tokens")).content.decode()
    assert "ticketing" in later
    assert token[-64:] not in later
    assert token[-64:] not in "".join(EventRow.objects.for_jobs().values_list("data", flat=True))


def test_a_token_may_be_for_one_site_alone(pages: Client, who: Cast) -> None:
    pages.post(reverse("tokens"), ticketing(who, where=_only(who)))
    assert Token.objects.for_jobs().get().site == who.site


def test_somebody_of_one_site_makes_a_token_for_it_unasked(client: Client, who: Cast) -> None:
    client.force_login(who.bob)
    form = client.get(reverse("tokens")).content.decode()
    assert 'name="where"' not in form
    assert "Technician: " not in form, "no mightier than its maker"
    made = client.post(reverse("tokens"), {"name": "wall", "role": "viewer", "days": "7"})
    assert made.status_code == 201
    assert Token.objects.for_jobs().get().site == who.site


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"days": "0"}, "days"),
        ({"days": "many"}, "days"),
        ({"role": "job"}, "role"),
        ({"where": "00000000-0000-0000-0000-000000000001"}, "where"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    pages: Client, who: Cast, wrong: dict[str, str], field: str
) -> None:
    answer = pages.post(reverse("tokens"), ticketing(who, **wrong))
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert not Token.objects.for_jobs().exists()


def test_revoking_asks_first_and_then_the_token_opens_nothing(pages: Client, who: Cast) -> None:
    token = shown(pages.post(reverse("tokens"), ticketing(who)))
    address = reverse("revoke-token", args=[Token.objects.for_jobs().get().pk])
    assert "Revoke the token ticketing?" in pages.get(address).content.decode()
    assert actor_of_token(token) is not None
    assert "opens nothing any more" in pages.post(address, follow=True).content.decode()
    assert actor_of_token(token) is None
    assert pages.post(address).status_code == 409


def test_nobody_sees_or_revokes_the_tokens_of_others(
    pages: Client, who: Cast, client: Client
) -> None:
    pages.post(reverse("tokens"), ticketing(who))
    token = Token.objects.for_jobs().get()
    for person in (who.bob, who.charlie):
        client.force_login(person)
        assert "You have no tokens." in client.get(reverse("tokens")).content.decode()
        assert client.post(reverse("revoke-token", args=[token.pk])).status_code == 404


# --- people ---------------------------------------------------------------------------------------


def test_the_list_says_who_has_which_role_where(pages: Client, who: Cast) -> None:
    body = pages.get(reverse("people")).content.decode()
    for said in ("alice@example.com", "tess@example.com", "Technician", "Northern Light"):
        assert said in body
    assert f'href="/sites/{who.site}/"' in body
    assert "charlie@example.com" not in body


def test_somebody_new_gets_an_account_and_a_first_password(pages: Client, who: Cast) -> None:
    answer = pages.post(
        reverse("people"),
        {"email": "Dora@example.com", "name": "Dora", "role": "operator", "where": _only(who)},
    )
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    dora = Person.objects.get(email="dora@example.com")
    assert dora.check_password(shown(answer))
    assert [(g.site, g.role) for g in actor_of(dora).grants] == [(who.site, Role.OPERATOR)]


def test_somebody_known_gets_the_role_and_keeps_the_password(pages: Client, who: Cast) -> None:
    before = who.charlie.password
    asked = {"email": "charlie@example.com", "role": "viewer", "where": _all(who)}
    assert pages.post(reverse("people"), asked).status_code == 302
    who.charlie.refresh_from_db()
    assert who.charlie.password == before
    assert RoleRow.objects.for_jobs().filter(
        person=who.charlie.pk, organisation=who.organisation, active=True
    )


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"name": ""}, "name"),
        ({"role": "job"}, "role"),
        ({"where": "00000000-0000-0000-0000-000000000001"}, "where"),
    ],
)
def test_a_wrong_answer_makes_neither_account_nor_role(
    pages: Client, who: Cast, wrong: dict[str, str], field: str
) -> None:
    people, roles = Person.objects.count(), RoleRow.objects.for_jobs().count()
    asked = {"email": "dora@example.com", "name": "Dora", "role": "viewer", "where": _all(who)}
    answer = pages.post(reverse("people"), asked | wrong)
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert (Person.objects.count(), RoleRow.objects.for_jobs().count()) == (people, roles)


def test_a_second_role_at_the_same_place_is_refused(pages: Client, who: Cast) -> None:
    asked = {"email": "bob@example.com", "role": "operator", "where": _only(who)}
    answer = pages.post(reverse("people"), asked)
    assert answer.status_code == 409
    assert "Take it back first" in answer.content.decode()


def test_a_role_is_taken_back_with_a_reason(pages: Client, who: Cast) -> None:
    role = RoleRow.objects.for_jobs().get(person=who.bob.pk)
    address = reverse("revoke-role", args=[role.pk])
    assert pages.post(address, {"reason": " "}).status_code == 422
    pages.post(address, {"reason": "Bob has left"})
    assert not actor_of(who.bob).grants
    assert EventRow.objects.for_jobs().get(type="accounts.role_revoked").reason == "Bob has left"


@pytest.mark.parametrize("name", ["tess", "bob"])
def test_who_is_no_administrator_gets_403(client: Client, who: Cast, name: str) -> None:
    client.force_login(getattr(who, name))
    asked = {"email": "bob@example.com", "role": "administrator", "where": _only(who)}
    assert client.get(reverse("people")).status_code == 403
    assert client.post(reverse("people"), asked).status_code == 403


def test_charlie_can_neither_take_nor_give_roles_of_northern_light(
    client: Client, who: Cast
) -> None:
    client.force_login(who.charlie)
    role = RoleRow.objects.for_jobs().get(person=who.bob.pk)
    answer = client.post(reverse("revoke-role", args=[role.pk]), {"reason": "Mine"})
    assert answer.status_code == 404
    asked = {"email": "charlie@example.com", "role": "administrator", "where": _only(who)}
    assert client.post(reverse("people"), asked).status_code == 422
    assert actor_of(who.bob).grants
