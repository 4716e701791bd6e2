"""The console's pages of a site's rules, a tab for each kind. Another kind is a line in TABS.

Each view makes one call of the domain; what may be set and within which bounds is decided there.
"""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse

from fleet.accounts.access import require
from fleet.accounts.middleware import by_of
from fleet.accounts.state import Role
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import By, Command
from fleet.web.command_forms import attempt, form_of, ordered
from fleet.web.requests import require_safe_or_POST
from resets.rules import RulesState, rules_id
from resets.site_rules.queries import SiteRules, site_rules
from resets.steps.site_rules import SetApprovalRules, SetCodeRules, SetPasswordSharing

TABS = {
    "Codes": "code-rules",
    "Approval": "approval-rules",
    "Passwords": "password-rules",
    "Limits": "limits",
}


@login_required
@require_safe_or_POST
def code_rules(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How codes are at this site: to look at, and for an administrator to set."""
    by = by_of(request)
    found = site_rules(by.actor, pk)
    return _page(request, by, found, SetCodeRules, asdict(found.rules.codes))


@login_required
@require_safe_or_POST
def approval_rules(request: HttpRequest, pk: UUID) -> HttpResponse:
    """When a second person has to agree to a reset at this site."""
    by = by_of(request)
    found = site_rules(by.actor, pk)
    return _page(request, by, found, SetApprovalRules, asdict(found.rules.approval))


@login_required
@require_safe_or_POST
def password_rules(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Whether campaigns may give all devices of this site one password."""
    by = by_of(request)
    found = site_rules(by.actor, pk)
    return _page(request, by, found, SetPasswordSharing, asdict(found.rules.sharing))


def _page(
    request: HttpRequest,
    by: By,
    found: SiteRules,
    command: type[Command[RulesState]],
    values: dict[str, Any],
) -> HttpResponse:
    site, status = found.site, HTTPStatus.OK
    form = form_of(command, initial=values)
    if request.method == "POST":
        require(by.actor, Role(command.by), site.organisation, site.pk, "site")
        form = form_of(command, request.POST)
        stream = rules_id(site.pk)
        _, status = attempt(
            form, lambda: handle(ordered(command, form, place_id=site.pk), stream, by)
        )
        if status is HTTPStatus.CREATED:
            messages.success(request, "Kept. These rules hold for resets that begin from now on.")
            return redirect(request.path)
    facts = {
        "title": f"Rules of {site.name}",
        "site": site,
        "about": command.about,
        "form": form,
        "found": found,
        "tabs": tabs_of(site.pk),
        "shown": [(form.fields[name].label, _told(value)) for name, value in values.items()],
        "asks_for_approval": command is SetApprovalRules,
        "sharing": found.sharing if command is SetPasswordSharing else 0,
        "may_share": command is SetPasswordSharing and found.rules.sharing.allowed,
    }
    return render(request, "resets/site_rules/rules.html", facts, status=status)


def _told(value: Any) -> str:
    return {True: "Yes", False: "No"}[value] if isinstance(value, bool) else f"{value:,}"


def tabs_of(site: UUID) -> list[dict[str, str]]:
    """Links between the pages of a site's rules."""
    return [{"label": label, "url": reverse(name, args=[site])} for label, name in TABS.items()]


urlpatterns = [
    path("sites/<uuid:pk>/rules/", code_rules, name="code-rules"),
    path("sites/<uuid:pk>/rules/approval/", approval_rules, name="approval-rules"),
    path("sites/<uuid:pk>/rules/passwords/", password_rules, name="password-rules"),
]
