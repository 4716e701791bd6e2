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
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_safe

from devices import queries as devices
from devices.bulk_web import Chosen
from devices.filters import ids_in
from fleet.accounts.access import require
from fleet.accounts.menu import administers
from fleet.accounts.state import Role
from fleet.errors import Forbidden, NotFound, Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Actor, By
from fleet.web.command_forms import attempt, ordered
from fleet.web.live import live_part
from resets.campaigns.forms import CampaignFilters, PlanFilters, PlanForm
from resets.campaigns.plan_lines import campaign_lines
from resets.campaigns.plan_page import SAYS, PlanPage, PlanStep

PER_PAGE = 50
READ_AND_POST = ["GET", "HEAD", "POST"]


@login_required
@require_safe
def campaigns(request: HttpRequest) -> HttpResponse:
    """Every campaign that may be seen, newest first."""
    actor = _by(request).actor
    form = CampaignFilters(actor, request.GET)
    page = Paginator(form.found(), PER_PAGE).get_page(request.GET.get("page"))
    facts = {
        "title": "Campaigns",
        "filter_form": form,
        "page": page,
        "lines": campaign_lines(actor, page),
        "may_plan": administers(request),
    }
    return render(request, "resets/campaigns/campaigns.html", facts)


@login_required
@require_http_methods(READ_AND_POST)
def plan_campaign(request: HttpRequest) -> HttpResponse:
    """Ask what is planned, and plan it; also for the devices that were ticked in their list, and
    for those that a link has narrowed down to, as in `?place=…&status=not_certified`.
    """
    by = _by(request)
    if not administers(request):
        raise Forbidden(
            "role_too_low",
            "Your role does not plan campaigns. Ask an administrator of the site.",
            needed=Role.ADMINISTRATOR,
        )
    chosen = _chosen(request, by.actor)
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
        "back": _back(request),
    }
    return render(request, "resets/campaigns/plan_form.html", facts, status=status)


@login_required
@require_safe
def campaign_plan(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A plan: what would happen to each device, and why not."""
    return _plan(request, PlanPage.of(_by(request).actor, pk))


@login_required
@require_safe
def campaign_plan_live(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far it is drawn up. What is agreed to is never changed under somebody's eyes: the whole
    page is loaded anew instead.
    """
    page = PlanPage.of(_by(request).actor, pk)
    if request.GET.get("on") != page.on:
        return HttpResponse(headers={"HX-Refresh": "true", "Cache-Control": "no-store"})
    return live_part(
        request, "resets/campaigns/plan_live.html", page.version, lambda: {"page": page}
    )


@login_required
@require_http_methods(READ_AND_POST)
def campaign_plan_step(request: HttpRequest, pk: UUID, step: str) -> HttpResponse:
    """Agree, decline or cancel: GET asks once more, POST does it."""
    by, page = _by(request), PlanPage.of(_by(request).actor, pk)
    command = next((one for one in SAYS if one.slug == step), None)
    if command is None:
        raise NotFound("step")
    require(by.actor, Role(command.by), page.state.organisation, page.state.site, "campaign")
    asked = PlanStep(command, page)
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
    found = Paginator(form.found(), PER_PAGE).get_page(request.GET.get("page"))
    facts: dict[str, Any] = {
        "title": page.state.name,
        "page": page,
        "filter_form": form,
        "found": found,
        "lines": page.lines(found),
    }
    if problem is not None:
        facts["form"] = problem
    response = render(request, "resets/campaigns/plan.html", facts, status=status)
    response["Cache-Control"] = "no-store"  # what is agreed to is read fresh
    return response


def _chosen(request: HttpRequest, actor: Actor) -> Chosen:
    """Raises NotFound when one of them is nothing that the actor may see."""
    ids = ids_in(request.POST)
    rows = list(devices.devices(actor).filter(pk__in=ids))
    if len(rows) != len(ids):
        raise NotFound("device")
    return Chosen(ids, rows)


def _back(request: HttpRequest) -> str:
    """The list that somebody came from."""
    back = request.POST.get("back", "")
    ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    return back if ours else reverse("campaigns")


def _by(request: HttpRequest) -> By:
    by: By = request.by  # type: ignore[attr-defined]
    return by


urlpatterns = [
    path("campaigns/", campaigns, name="campaigns"),
    path("campaigns/plan/", plan_campaign, name="plan-campaign"),
    path("campaigns/<uuid:pk>/plan/", campaign_plan, name="campaign-plan"),
    path("campaigns/<uuid:pk>/plan/live/", campaign_plan_live, name="campaign-plan-live"),
    path("campaigns/<uuid:pk>/plan/<slug:step>/", campaign_plan_step, name="campaign-plan-step"),
]
