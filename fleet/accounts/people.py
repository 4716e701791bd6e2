"""Somebody new, or somebody known, is given a role; the first one with a new organisation."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from fleet.accounts.access import require
from fleet.accounts.models import Organisation, Person
from fleet.accounts.state import Role
from fleet.accounts.steps.found_organisation import FoundOrganisation
from fleet.accounts.steps.grant_role import GrantRole
from fleet.errors import Conflict, Refused
from fleet.eventstore.handling import Order, handle_all
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import By

PASSWORD_BYTES = 15  # 20 characters; they are asked to change it


def give_role(
    email: str, name: str, role: Role, organisation: UUID, site: UUID | None, by: By
) -> tuple[Person, str]:
    """Give a role to whoever has this address; an account is made if there is none.

    Answers with the new account's first password, to be handed over, or "" for a known one.
    Raises Refused, NotFound, Forbidden and Conflict.
    """
    require(by.actor, Role(GrantRole.by), organisation, site, "organisation")
    return _given(email, name, lambda who: [_grant(who, role, organisation, site)], by)


def found(organisation: str, email: str, name: str, by: By) -> tuple[Person, str]:
    """Found an organisation, and make whoever has this address its first administrator.

    Only for jobs: there is nobody yet who could be asked. Answers and raises as `give_role` does.
    """
    if Organisation.objects.for_jobs().filter(name__iexact=organisation.strip()).exists():
        raise Conflict(
            "founded_already",
            "There is an organisation of that name. Its administrators give roles, under People.",
        )
    place = new_id()

    def orders(person: Person) -> list[Order]:
        founded = Order(FoundOrganisation(organisation), place)
        return [founded, _grant(person, Role.ADMINISTRATOR, place, None)]

    return _given(email, name, orders, by)


def _grant(person: Person, role: Role, organisation: UUID, site: UUID | None) -> Order:
    return Order(GrantRole(person.id, person.name, role, organisation, site), new_id())


def _given(
    email: str, name: str, orders: Callable[[Person], Sequence[Order]], by: By
) -> tuple[Person, str]:
    email = email.strip().lower()
    person, password = Person.objects.filter(email__iexact=email).first(), ""
    if person is None:
        person, password = _made(email, name.strip())
    try:
        handle_all(orders(person), by)
    except Exception as error:
        if password and getattr(error, "code", "") == "has_role_already":
            return person, password  # another gave it meanwhile; the account is ours to hand over
        if password:  # an account without a role is nobody's
            person.delete()
        raise
    return person, password


def _made(email: str, name: str) -> tuple[Person, str]:
    try:
        validate_email(email)
    except ValidationError:
        raise Refused(
            "email_wrong", "Use a form such as name@example.com.", field="email"
        ) from None
    if not name:
        raise Refused("name_missing", "Nobody has this address yet. Give a name too.", field="name")
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    try:
        with transaction.atomic():
            return Person.objects.create_user(email, password, name=name), password
    except IntegrityError:
        raise Conflict(
            "account_made_already", "Somebody has just made this account. Try again."
        ) from None
