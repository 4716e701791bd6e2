"""`manage.py found_organisation`: how the first administrator comes to be."""

from __future__ import annotations

import logging
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from fleet.accounts.access import actor_of
from fleet.accounts.models import Organisation, Person
from fleet.accounts.state import Role
from fleet.eventstore.models import EventRow
from tests.cast import cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_database]


@pytest.fixture(autouse=True)
def level_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    """The command keeps the log quiet, in a process of its own; here, others come after it."""
    caplog.set_level(logging.ERROR, "django_structlog")


def founded(*told: str) -> str:
    said = StringIO()
    call_command("found_organisation", *told, stdout=said)
    return said.getvalue()


def names() -> list[str]:
    return sorted(Organisation.objects.for_jobs().values_list("name", flat=True))


def test_the_first_administrator_signs_in_and_opens_a_site(client: Client) -> None:
    said = founded("Northern Light", "Alice@Example.com", "Alice")
    found = re.search(r"with the password (\S+)", said)
    assert found
    asked = {"login": "alice@example.com", "password": found[1]}
    assert client.post(reverse("account_login"), asked).status_code == 302
    assert client.get(reverse("dashboard")).status_code == 200
    site = {"name": "Harbour", "timezone": "Europe/Stockholm"}
    assert client.post(reverse("open-site"), site).status_code == 302
    assert client.get(reverse("people")).status_code == 200
    assert not EventRow.everything.filter(data__contains=found[1]).exists()


def test_somebody_who_is_known_keeps_their_password() -> None:
    who = cast()
    assert "password" not in founded("Third", who.charlie.email)
    held = {(grant.site, grant.role) for grant in actor_of(who.charlie).grants}
    assert held == {(None, Role.ADMINISTRATOR)}
    assert len(actor_of(who.charlie).grants) == 2


def test_what_was_founded_is_not_founded_twice() -> None:
    founded("Northern Light", "alice@example.com", "Alice")
    with pytest.raises(CommandError, match="under People"):
        founded("northern light ", "nora@example.com", "Nora")
    assert names() == ["Northern Light"]
    assert not Person.objects.filter(name="Nora").exists()


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (("Third", "nobody", "Nora"), "Use a form such as name@example.com."),
        (("Third", "nora@example.com"), "Give a name too."),
        ((" ", "nora@example.com", "Nora"), "Give the organisation a name"),
    ],
)
def test_what_is_wrong_founds_nothing(told: tuple[str, ...], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        founded(*told)
    assert not names()
    assert not Person.objects.exists()
