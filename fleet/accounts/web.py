"""The console's pages of people, their roles and their API tokens."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone

from fleet.accounts import queries
from fleet.accounts import tokens as minting
from fleet.accounts.forms import RoleForm, scope_chosen, token_form
from fleet.accounts.menu import require_administrator
from fleet.accounts.middleware import by_of
from fleet.accounts.people import give_role
from fleet.accounts.places import places
from fleet.accounts.steps.revoke_role import RevokeRole
from fleet.accounts.steps.revoke_token import RevokeToken
from fleet.errors import Forbidden
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import By
from fleet.web.answers import kept_nowhere
from fleet.web.command_forms import attempt, form_of, ordered
from fleet.web.requests import require_safe_or_POST

# --- tokens ---------------------------------------------------------------------------------------


@login_required
@require_safe_or_POST
def tokens(request: HttpRequest) -> HttpResponse:
    """One's own tokens. POST makes one, which is shown in the answer and never again."""
    by = by_of(request)
    able = bool(by.actor.grants)
    form, made, status = token_form(by.actor) if able else None, None, HTTPStatus.OK
    if request.method == "POST":
        if not able:
            raise Forbidden("no_role", "You have no role anywhere. Ask an administrator for one.")
        form = asked = token_form(by.actor, request.POST)
        made, status = attempt(asked, lambda: _made(by, asked))
        form = token_form(by.actor) if made else asked
    facts = {
        "title": "API tokens",
        "tokens": queries.tokens(by.actor),
        "sites": {site.id: site for site in places().sites(by.actor)},
        "form": form,
        "made": made,
        "now": timezone.now(),
    }
    return kept_nowhere(render(request, "accounts/tokens.html", facts, status=status))


def _made(by: By, form: Form) -> str:
    organisation, site = scope_chosen(by.actor, form)
    return minting.issue(organisation, **form.cleaned_data, site=site, by=by)


@login_required
@require_safe_or_POST
def revoke_token(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask once more, then revoke."""
    by = by_of(request)
    token = queries.token(by.actor, pk)
    if request.method == "POST":
        handle(RevokeToken(), pk, by)
        messages.success(request, f"The token {token.name} opens nothing any more.")
        return redirect("tokens")
    facts = {
        "title": f"Revoke the token {token.name}?",
        "consequences": ["Whatever uses it is refused from now on.", "It stays in this list."],
        "action": "Revoke the token",
        "cancel_url": reverse("tokens"),
    }
    return render(request, "confirm.html", facts)


# --- people ---------------------------------------------------------------------------------------


@login_required
@require_safe_or_POST
def people(request: HttpRequest) -> HttpResponse:
    """Who has which role where. POST gives one; a new person's password is in the answer alone."""
    by = _administrator(request)
    form, given, status = RoleForm(by.actor), None, HTTPStatus.OK
    if request.method == "POST":
        form = RoleForm(by.actor, request.POST)
        given, status = attempt(form, lambda: give_role(*form.answers(), by))
    if given:
        person, password = given
        if not password:
            messages.success(request, f"{person.name} has the role from now on.")
            return redirect("people")
        form = RoleForm(by.actor)
    facts = {
        "title": "People",
        "roles": queries.held_roles(by.actor),
        "sites": {site.id: site for site in places().sites(by.actor)},
        "me": UUID(by.actor.id),
        "form": form,
        "welcomed": given,
    }
    return kept_nowhere(render(request, "accounts/people.html", facts, status=status))


@login_required
@require_safe_or_POST
def revoke_role(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask why, then take the role back."""
    by = _administrator(request)
    held = queries.held_role(by.actor, pk)
    form, status = form_of(RevokeRole), HTTPStatus.OK
    if request.method == "POST":
        form = form_of(RevokeRole, request.POST)
        _, status = attempt(form, lambda: handle(ordered(RevokeRole, form), pk, by))
        if status is HTTPStatus.CREATED:
            messages.success(request, f"{held.name} does not have the role any more.")
            return redirect("people")
    facts = {
        "title": f"Take back the role of {held.name}?",
        "consequences": [
            f"{held.name} may not act as {held.role} there from now on.",
            "Their API tokens lose what came from it.",
        ],
        "action": "Take the role back",
        "cancel_url": reverse("people"),
        "form": form,
        "irreversible": False,
    }
    return render(request, "confirm.html", facts, status=status)


def _administrator(request: HttpRequest) -> By:
    return require_administrator(request, "Only administrators look after people. Ask one of them.")


urlpatterns = [
    path("account/tokens/", tokens, name="tokens"),
    path("account/tokens/<uuid:pk>/revoke/", revoke_token, name="revoke-token"),
    path("people/", people, name="people"),
    path("people/roles/<uuid:pk>/revoke/", revoke_role, name="revoke-role"),
]
