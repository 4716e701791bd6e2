"""The forms of roles and tokens: what the commands ask, with what there is to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms

from fleet.accounts import queries
from fleet.accounts.access import may
from fleet.accounts.places import places
from fleet.accounts.state import Role
from fleet.accounts.steps.issue_token import IssueToken
from fleet.eventstore.messages import Actor
from fleet.web.command_forms import form_of

PEOPLES = [role for role in Role if role is not Role.JOB]


Scope = tuple[UUID, UUID | None]


def token_form(actor: Actor, answers: Mapping[str, Any] | None = None) -> forms.Form:
    """Asks where the token is for only if the actor has roles at several places."""
    form = form_of(
        IssueToken,
        answers,
        initial={"role": Role.VIEWER.value, "days": 90},
        choices={"role": [_described(role) for role in PEOPLES if role.rank <= _most(actor)]},
    )
    where = _places(actor, Role.VIEWER)
    if len(where) > 1:
        form.fields["where"] = forms.ChoiceField(label="Where", choices=where)
    return form


def scope_chosen(actor: Actor, form: forms.Form) -> Scope:
    """Of a valid form of `token_form`: an organisation, and a site if it is for that one alone."""
    [only, *_] = _places(actor, Role.VIEWER)
    return _scope(form.cleaned_data.pop("where", only[0]))


class RoleForm(forms.Form):
    """Who, which role, where. `where` is an organisation's id, or that and a site's."""

    email = forms.CharField(label="Email", max_length=254, widget=forms.EmailInput)
    name = forms.CharField(
        label="Name",
        help_text="Only for somebody who is new here.",
        max_length=100,
        required=False,
    )
    role = forms.TypedChoiceField(label="Role", coerce=Role)
    where = forms.ChoiceField(label="Where")

    def __init__(self, actor: Actor, answers: Mapping[str, Any] | None = None) -> None:
        super().__init__(answers)
        self._choices("role", [_described(role) for role in PEOPLES])
        self._choices("where", _places(actor, Role.ADMINISTRATOR))

    def answers(self) -> tuple[str, str, Role, UUID, UUID | None]:
        """Email, name, role, organisation, and the site if it is for only one."""
        asked = self.cleaned_data
        return (asked["email"], asked["name"], asked["role"], *_scope(asked["where"]))

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices


def _described(role: Role) -> tuple[str, str]:
    return role.value, f"{role.title()}: {role.may}"


def _most(actor: Actor) -> int:
    return max((grant.role.rank for grant in actor.grants), default=0)


def _places(actor: Actor, least: Role) -> list[tuple[str, str]]:
    """Where the actor has at least this role: whole organisations, and single sites."""
    whole = [(str(pk), f"All sites of {name}") for pk, name in queries.organisations(actor, least)]
    sites = [
        (f"{site.organisation}/{site.id}", f"Only {site.name}")
        for site in places().sites(actor)
        if may(actor, least, site.organisation, site.id)
    ]
    return [*whole, *sites]


def _scope(where: str) -> Scope:
    organisation, _, site = where.partition("/")
    return UUID(organisation), UUID(site) if site else None
