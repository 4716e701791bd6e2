"""The console's pages of campaigns before they begin: the list, a plan, its dry run, its approval.

Each view makes one call of the domain; what may be done and what is refused is decided there. How a
campaign gets on is in `live_web`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from devices.bulk_web import Chosen
from fleet.accounts.access import require
from fleet.accounts.menu import administers, require_administrator
from fleet.accounts.middleware import by_of
from fleet.accounts.state import Role
from fleet.errors import NotFound, Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.web.answers import kept_nowhere, loaded_anew
from fleet.web.command_forms import attempt, ordered
from fleet.web.live import live_part
from fleet.web.requests import back_in, page_of, require_safe_or_POST
from resets.campaigns.forms import CampaignFilters, PlanFilters, PlanForm
from resets.campaigns.plan_lines import campaign_lines
from resets.campaigns.plan_page import SAYS, PlanPage


@login_required
@require_safe
def campaigns(request: HttpRequest) -> HttpResponse:
    """Every campaign that may be seen, newest first."""
    actor = by_of(request).actor
    form = CampaignFilters(actor, request.GET)
    page = page_of(request, form.found())
    facts = {
        "title": "Campaigns",
        "filter_form": form,
        "page": page,
        "lines": campaign_lines(actor, page),
        "may_plan": administers(request),
    }
    return render(request, "resets/campaigns/campaigns.html", facts)


@login_required
@require_safe_or_POST
def plan_campaign(request: HttpRequest) -> HttpResponse:
    """Ask what is planned, and plan it; also for the devices that were ticked in their list, and
    for those that a link has narrowed down to, as in `?place=…&status=not_certified`.
    """
    by = require_administrator(
        request, "Your role does not plan campaigns. Ask an administrator of the site."
    )
    chosen = Chosen.of(request)
    form, status = PlanForm(by.actor, None, chosen.rows, request.GET), HTTPStatus.OK
    if chosen.rows and form.fits_nowhere:
        raise Refused(
            "no_common_place",
            "You do not administer a place that all these devices are at. Choose those of one "
            "site.",
        )
    if "planned" in request.POST:
        form, begun = PlanForm(by.actor, request.POST, chosen.rows), new_id()
        _, status = attempt(form, lambda: handle(form.plan(), begun, by))
        if status is HTTPStatus.CREATED:
            return redirect("campaign-plan", begun)
    facts = {
        "title": "Plan a campaign",
        "form": form,
        "chosen": chosen,
        "back": back_in(request, reverse("campaigns")),
    }
    return render(request, "resets/campaigns/plan_form.html", facts, status=status)


@login_required
@require_safe
def campaign_plan(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A plan: what would happen to each device, and why not."""
    return _plan(request, PlanPage.of(by_of(request).actor, pk))


@login_required
@require_safe
def campaign_plan_live(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far it is drawn up. What is agreed to is never changed under somebody's eyes: the whole
    page is loaded anew instead.
    """
    page = PlanPage.of(by_of(request).actor, pk)
    if request.GET.get("on") != page.on:
        return loaded_anew()
    return live_part(
        request, "resets/campaigns/plan_live.html", page.version, lambda: {"page": page}
    )


@login_required
@require_safe_or_POST
def campaign_plan_step(request: HttpRequest, pk: UUID, step: str) -> HttpResponse:
    """Agree, decline or cancel: GET asks once more, POST does it."""
    by, page = by_of(request), PlanPage.of(by_of(request).actor, pk)
    command = next((one for one in SAYS if one.slug == step), None)
    if command is None:
        raise NotFound("step")
    require(by.actor, Role(command.by), page.state.organisation, page.state.site, "campaign")
    asked = page.step(command)
    form, status = asked.form(), HTTPStatus.OK
    if request.method == "POST":
        form = asked.form(request.POST)
        _, status = attempt(form, lambda: handle(ordered(command, form), pk, by))
        if status is HTTPStatus.CREATED:
            messages.success(request, asked.says.done)
            return redirect("campaign", pk)
        if not form.visible_fields():  # nothing to type anew: the page says what is true by now
            return _plan(request, PlanPage.of(by.actor, pk), form, status)
    elif command not in [one.command for one in page.steps]:
        return redirect("campaign-plan", pk)
    facts = {"title": asked.says.title, "page": page, "step": asked, "form": form}
    return render(request, "resets/campaigns/plan_step.html", facts, status=status)


def _plan(
    request: HttpRequest,
    page: PlanPage,
    problem: Any = None,
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    form = PlanFilters(page.actor, page.row.pk, request.GET)
    found = page_of(request, form.found())
    facts = {
        "title": page.state.name,
        "page": page,
        "form": problem,
        "filter_form": form,
        "found": found,
        "lines": page.lines(found),
    }
    shown = render(request, "resets/campaigns/plan.html", facts, status=status)
    return kept_nowhere(shown)  # what is agreed to is read fresh


urlpatterns = [
    path("campaigns/", campaigns, name="campaigns"),
    path("campaigns/plan/", plan_campaign, name="plan-campaign"),
    path("campaigns/<uuid:pk>/plan/", campaign_plan, name="campaign-plan"),
    path("campaigns/<uuid:pk>/plan/live/", campaign_plan_live, name="campaign-plan-live"),
    path("campaigns/<uuid:pk>/plan/<slug:step>/", campaign_plan_step, name="campaign-plan-step"),
]
