"""A token's life: made by a signed-in person, shown once, used, revoked."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from fleet.accounts.access import digest_of
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.accounts.steps.grant_role import GrantRole
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow
from tests.api.client import ROOT, Api
from tests.cast import SETUP, Cast

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def signed_in(person: Person) -> Client:
    client = Client(headers={"Host": "localhost"})
    client.force_login(person)
    return client


def make(person: Person, **body: Any) -> Any:
    sent = {"name": "ticketing", **body}
    return signed_in(person).post(ROOT + "tokens/", sent, content_type="application/json")


def test_a_token_is_shown_once_used_and_revoked(who: Cast) -> None:
    made = make(who.alice, role="operator", days=7)
    assert made.status_code == 201, made.content
    assert made["Cache-Control"] == "no-store"
    text, token = made.json()["token"], made.json()["id"]
    browser = signed_in(who.alice)
    shown = browser.get(made["Location"])
    assert shown.json() == {k: v for k, v in made.json().items() if k != "token"}
    secret = text.rpartition("_")[2]
    assert secret not in shown.content.decode() + browser.get(ROOT + "tokens/").content.decode()
    log = "\n".join(EventRow.everything.values_list("data", flat=True))
    assert secret not in log
    assert digest_of(secret) in log

    api = Api(text)
    me = api.get("me/").json()
    assert (me["kind"], me["id"], me["name"]) == ("token", token, "Alice (ticketing)")
    assert me["roles"] == [
        {
            "organisation": str(who.organisation),
            "organisation_name": "Northern Light",
            "site": None,
            "role": "operator",
        }
    ]
    assert [row["id"] for row in api.all("tokens/")] == [token]
    revoked = browser.post(f"{ROOT}tokens/{token}/revoke/", content_type="application/json")
    assert (revoked.status_code, revoked.json()["revoked"]) == (200, True)
    assert api.get("me/").status_code == 401
    again = browser.post(f"{ROOT}tokens/{token}/revoke/", content_type="application/json")
    assert (again.status_code, again.json()["code"]) == (409, "revoked_already")


def test_a_token_can_put_an_end_to_itself_and_make_no_other(who: Cast) -> None:
    api, other = Api(make(who.alice).json()["token"]), make(who.alice).json()["id"]
    assert api.post("tokens/", {"name": "more"}).json()["code"] == "people_only"
    assert api.get(f"tokens/{other}/").status_code == 404
    assert api.post(f"tokens/{other}/revoke/").json()["code"] == "not_yours"
    assert api.post(f"tokens/{api.token.split('_')[1]}/revoke/").status_code in (200, 404)


def test_somebody_with_a_role_at_one_site_has_a_token_for_it(who: Cast) -> None:
    made = make(who.tess, role="administrator")
    assert made.status_code == 201, made.content
    assert made.json()["site"] == str(who.site)
    [role] = Api(made.json()["token"]).get("me/").json()["roles"]
    assert (role["site"], role["role"]) == (str(who.site), "technician")


def test_where_somebody_has_several_roles_a_token_says_for_which(who: Cast) -> None:
    theirs = who.by(who.charlie).actor.grants[0].organisation
    grant = GrantRole(who.charlie.id, "Charlie", Role.VIEWER, who.organisation, who.site)
    handle(grant, new_id(), SETUP)
    assert make(who.charlie).json()["errors"][0]["field"] == "organisation"
    ours = make(who.charlie, organisation=str(who.organisation), role="administrator")
    assert ours.json()["site"] == str(who.site)
    [role] = Api(ours.json()["token"]).get("me/").json()["roles"]
    assert (role["organisation"], role["role"]) == (str(who.organisation), "viewer")
    assert make(who.charlie, organisation=str(theirs)).json()["site"] is None


def test_nobody_has_a_token_where_they_have_no_role(who: Cast) -> None:
    for place in ({"organisation": who.organisation}, {"site": who.site}):
        answer = make(who.charlie, **{name: str(value) for name, value in place.items()})
        if answer.status_code == 201:  # for a site of their own organisation that is none
            assert Api(answer.json()["token"]).all("devices/") == []
            assert Api(answer.json()["token"]).get(f"sites/{who.site}/").status_code == 404
        else:
            assert answer.status_code == 404


def test_a_role_that_is_taken_back_takes_its_tokens_along(who: Cast) -> None:
    from fleet.accounts.models import RoleRow
    from fleet.accounts.steps.revoke_role import RevokeRole

    api = Api(make(who.tess).json()["token"])
    assert len(api.all("sites/")) == 1
    role = RoleRow.objects.for_jobs().get(person=who.tess.id)
    handle(RevokeRole("Left us"), role.pk, who.by(who.alice))
    assert api.all("sites/") == []
    who.tess.is_active = False
    who.tess.save()
    assert api.get("me/").status_code == 401
