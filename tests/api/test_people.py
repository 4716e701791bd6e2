"""Who has which role, through the API."""

from __future__ import annotations

import pytest
from django.test import Client

from fleet.accounts.models import Person
from fleet.eventstore.models import EventRow
from tests.api.client import Api
from tests.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def test_somebody_new_gets_a_role_and_a_first_password(who: Cast, alice: Api) -> None:
    body = {"email": "Nora@Example.com", "name": "Nora", "role": "operator", "site": str(who.site)}
    given = alice.post("roles/", body)
    assert given.status_code == 201, given.content
    password = given.json()["password"]
    shown = alice.get(given["Location"]).json()
    assert shown == {name: v for name, v in given.json().items() if name != "password"}
    assert (shown["email"], shown["role"], shown["site"]) == (
        "nora@example.com",
        "operator",
        str(who.site),
    )
    assert Person.objects.get(pk=shown["person"]).check_password(password)
    assert password not in str(list(EventRow.everything.values_list("data", flat=True)))
    browser = Client(headers={"Host": "localhost"})
    browser.force_login(Person.objects.get(pk=shown["person"]))
    assert len(browser.get("/api/v1/sites/").json()["results"]) == 1

    again = alice.post("roles/", body)
    assert (again.status_code, again.json()["code"]) == (409, "has_role_already")
    gone = alice.post(f"roles/{shown['id']}/revoke/", {"reason": "Left us"})
    assert gone.status_code == 200
    assert browser.get("/api/v1/sites/").json()["results"] == []
    assert alice.get(given["Location"]).status_code == 404


def test_somebody_known_gets_no_password(who: Cast, alice: Api) -> None:
    given = alice.post("roles/", {"email": "bob@example.com", "role": "technician"})
    assert (given.status_code, given.json()["password"]) == (201, None)
    assert given.json()["site"] is None
    assert {role["role"] for role in alice.all("roles/") if role["name"] == "Bob"} == {
        "viewer",
        "technician",
    }


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "nora"}, "email"),
        ({"email": "x" * 64 + "@example.com"}, "email"),
        ({"name": ""}, "name"),
        ({"role": "job"}, "role"),
    ],
)
def test_what_cannot_be_given(who: Cast, alice: Api, changes: dict[str, str], field: str) -> None:
    before = Person.objects.count()
    body = {"email": "nora@example.com", "name": "Nora", "role": "viewer"}
    answer = alice.post("roles/", body | changes)
    assert answer.status_code == 422 or field == "email", answer.content
    if answer.status_code == 422:
        assert [e["field"] for e in answer.json()["errors"]] == [field]
        assert Person.objects.count() == before
