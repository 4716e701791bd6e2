from __future__ import annotations

import re

import pytest
from django.test import Client

from fleet.accounts.models import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    Person.objects.create_user("alice@example.com", "correct-horse-1", name="Alice")
    return Client(headers={"Host": "localhost"})


def test_a_person_signs_in_changes_their_password_and_signs_out(client: Client) -> None:
    sign_in = {"login": "alice@example.com", "password": "correct-horse-1"}
    assert client.post("/account/login/", sign_in).status_code == 302
    change = {
        "oldpassword": "correct-horse-1",
        "password1": "correct-horse-22",
        "password2": "correct-horse-22",
    }
    assert client.post("/account/password/change/", change).status_code == 302
    assert Person.objects.get().check_password("correct-horse-22")
    assert client.post("/account/logout/").status_code == 302
    assert client.get("/").status_code == 302


def test_nobody_adds_a_mailbox_to_an_account(client: Client) -> None:
    client.force_login(Person.objects.get())
    assert client.get("/account/email/").status_code == 404


def test_whoever_forgot_their_own_password_is_mailed_a_code(
    client: Client, mailoutbox: list
) -> None:
    asked = client.post("/account/password/reset/", {"email": "alice@example.com"})
    assert asked.status_code == 302
    [mail] = mailoutbox
    assert mail.to == ["alice@example.com"]
    assert "/key/" not in mail.body  # no token in an address, and so none in a log
    code = re.search(r"^([A-Z0-9-]{6,10})$", mail.body, re.M)[1]
    verified = client.post(asked["Location"], {"code": code})
    new = {"password1": "correct-horse-33", "password2": "correct-horse-33"}
    client.post(verified["Location"], new)
    assert Person.objects.get().check_password("correct-horse-33")


def test_a_stranger_is_answered_the_same_and_mailed_nothing(
    client: Client, mailoutbox: list
) -> None:
    stranger = client.post("/account/password/reset/", {"email": "x@example.com"})
    assert (stranger.status_code, mailoutbox) == (302, [])
    other = Client(headers={"Host": "localhost"})
    known = other.post("/account/password/reset/", {"email": "alice@example.com"})
    assert (known.status_code, known["Location"]) == (302, stranger["Location"])
