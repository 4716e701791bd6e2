"""The console's pages of resets: the list, Forget Password, and the wizard.

Each view makes one call of the domain; what may be done and what is refused is decided there.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_safe

from devices import queries as devices
from fleet.accounts.access import may, require
from fleet.accounts.middleware import by_of
from fleet.accounts.state import Role
from fleet.errors import Conflict, NotFound, Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import By, Command
from fleet.web.answers import kept_nowhere
from fleet.web.command_forms import form_of, ordered
from fleet.web.forms import show_refusal
from fleet.web.live import live_part
from fleet.web.middleware import status_of
from fleet.web.requests import page_of, require_safe_or_POST
from resets import queries
from resets.applying import web as applying
from resets.applying.forms import typed_or_uploaded
from resets.approvals import web as approvals
from resets.campaigns import codes_web as campaign_codes
from resets.campaigns import control_web as campaign_controls
from resets.campaigns import live_web as live_campaigns
from resets.campaigns import web as campaigns
from resets.campaigns.report import web as reports
from resets.delivery import web as deliveries
from resets.filters import ResetFilters
from resets.handover import web as handovers
from resets.limits import web as limits
from resets.limits.budgets import near_the_edge
from resets.limits.rules import Counted
from resets.mailboxes import web as mailboxes
from resets.outlook import Outlook
from resets.phone import web as phone
from resets.readiness import web as readiness
from resets.schedules import web as schedules
from resets.site_rules import web as site_rules
from resets.state import ResetState
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from resets.steps.show_qr import ShowQr
from resets.tracker import ahead
from resets.wizard import Question, Walk


@login_required
@require_safe
def resets(request: HttpRequest) -> HttpResponse:
    """Every reset that may be seen, newest first."""
    actor = by_of(request).actor
    form = ResetFilters(actor, request.GET)
    page = page_of(request, form.found())
    facts = {
        "title": "Resets",
        "filter_form": form,
        "page": page,
        "may_show_qrs": any(may(actor, Role(ShowQr.by), r.organisation, r.site) for r in page),
    }
    return render(request, "resets/resets.html", facts)


@login_required
@require_safe_or_POST
def request_reset(request: HttpRequest, device: UUID) -> HttpResponse:
    """Forget Password: asks why, and begins. A reset that is open already is led to."""
    by = by_of(request)
    row = devices.device(by.actor, device)
    if open_one := queries.open_reset_of(by.actor, device):
        return redirect("reset", open_one.pk)
    require(by.actor, Role(RequestReset.by), row.organisation, row.site, "device")
    outlook = Outlook.of(row, by)
    form, status = outlook.form(wished=request.GET.get("method", "")), None
    if request.method == "POST":
        form, begun = outlook.form(request.POST), new_id()
        status = _refused(RequestReset, form, begun, by, device=row.pk)
        if status is None:
            return redirect("reset", begun)
        if open_one := queries.open_reset_of(by.actor, device):  # somebody was quicker
            return redirect("reset", open_one.pk)
    title = f"Reset the password of {row.name}"
    facts = {
        "title": title,
        "device": row,
        "form": form,
        "steps": ahead(),
        "outlook": outlook,
    }
    return render(request, "resets/request.html", facts, status=status)


@login_required
@require_safe
def reset(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The wizard: where the reset stands, and what is asked now."""
    actor = by_of(request).actor
    return _wizard(request, Walk(queries.standing(actor, pk), actor))


@login_required
@require_safe_or_POST
def reset_step(request: HttpRequest, pk: UUID, step: str) -> HttpResponse:
    """Any step of a reset: POST takes it, GET asks about one that is not the wizard's question."""
    by, command = by_of(request), queries.steps().get(step)
    if command is None:
        raise NotFound("step")
    if request.method != "POST":
        return _step_page(request, Walk(queries.standing(by.actor, pk), by.actor), command)
    form = form_of(command, typed_or_uploaded(command, request))
    status = _refused(command, form, pk, by)
    if status is None:
        return redirect("reset", pk)
    walk = Walk(queries.standing(by.actor, pk), by.actor, refused=Question(command, form))
    if form.fields and walk.asks_aside(command):
        return _step_page(request, walk, command, status)
    return _wizard(request, walk, status)


@login_required
@require_safe
def reset_live(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What moves by itself. When another question is asked by now, all of the wizard comes."""
    actor = by_of(request).actor
    walk = Walk(queries.standing(actor, pk), actor)
    if request.GET.get("on") != walk.key:
        response = render(request, "resets/live_wizard.html", {"walk": walk})
        response["HX-Retarget"], response["HX-Reswap"] = "#wizard", "outerHTML"
        return kept_nowhere(response)
    seen = request.GET.get("seen", "").split(".")
    news = seen[0] != str(walk.events)
    expired = walk.qr is not None and walk.qr.standing == "expired" and "expired" not in seen
    context = {"walk": walk, "news": news, "other_qr": news or expired}
    return live_part(request, "resets/live.html", walk.version, lambda: context)


def _wizard(request: HttpRequest, walk: Walk, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    facts = {"title": f"Reset of {walk.reset.device_name}", "walk": walk, "form": walk.problem}
    if walk.may_send or (walk.question and walk.question.step is SendCode):
        facts["budget"] = near_the_edge(by_of(request), walk.device.pk, Counted.CODES)
    page = render(request, "resets/reset.html", facts, status=status)
    return kept_nowhere(page)  # there may be a QR on it


def _step_page(
    request: HttpRequest,
    walk: Walk,
    step: type[Command[ResetState]],
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    if not walk.asks_aside(step):
        return redirect("reset", walk.reset.id)
    facts = {
        "title": f"Reset of {walk.reset.device_name}",
        "walk": walk,
        "question": walk.ask(step),
        "form": walk.ask(step).form,
    }
    return render(request, "resets/step.html", facts, status=status)


def _refused(
    step: type[Command[Any]], form: Any, stream: UUID, by: By, **given: Any
) -> HTTPStatus | None:
    """Carry out the form's command. When the answer is no, it stands in the form: its status."""
    if not form.is_valid():
        return HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        handle(ordered(step, form, **given), stream, by)
    except (Refused, Conflict) as error:
        show_refusal(form, error)
        return status_of(error)
    return None


urlpatterns = [
    *campaign_codes.urlpatterns,
    *deliveries.urlpatterns,
    *applying.urlpatterns,
    *approvals.urlpatterns,
    *site_rules.urlpatterns,
    path("resets/", resets, name="resets"),
    path("devices/<uuid:device>/reset/", request_reset, name="request-reset"),
    path("resets/<uuid:pk>/", reset, name="reset"),
    path("resets/<uuid:pk>/live/", reset_live, name="reset-live"),
    path("resets/<uuid:pk>/<slug:step>/", reset_step, name="reset-step"),
    *mailboxes.urlpatterns,
    *limits.urlpatterns,
    *schedules.urlpatterns,
    *readiness.urlpatterns,
    *phone.urlpatterns,
    *campaigns.urlpatterns,
    *live_campaigns.urlpatterns,
    *campaign_controls.urlpatterns,
    *reports.urlpatterns,
    *handovers.urlpatterns,
]
