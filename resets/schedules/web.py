"""The console's pages of schedules.

Each view makes one call of the domain; what may be done and what is refused is decided there.
"""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_safe

from fleet.accounts.access import require
from fleet.accounts.menu import administers, require_administrator
from fleet.accounts.middleware import by_of
from fleet.accounts.state import Role
from fleet.errors import NotFound
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.web.command_forms import attempt, ordered
from fleet.web.requests import page_of, require_safe_or_POST
from resets.approvals.asking import Step
from resets.schedules.forms import ScheduleFilters, ScheduleForm
from resets.schedules.page import SAYS, SchedulePage, lines
from resets.schedules.steps import ChangeSchedule


@login_required
@require_safe
def schedules(request: HttpRequest) -> HttpResponse:
    """Every schedule that may be seen, newest first."""
    actor = by_of(request).actor
    form = ScheduleFilters(actor, request.GET)
    page = page_of(request, form.found())
    facts = {
        "title": "Schedules",
        "filter_form": form,
        "page": page,
        "lines": lines(actor, list(page)),
        "may_make": administers(request),
    }
    return render(request, "resets/schedules/schedules.html", facts)


@login_required
@require_safe_or_POST
def make_schedule(request: HttpRequest) -> HttpResponse:
    """Ask what is to come again and when, and make the schedule."""
    by = require_administrator(
        request, "Your role does not make schedules. Ask an administrator of the site."
    )
    form, status = ScheduleForm(by.actor), HTTPStatus.OK
    if request.method == "POST":
        form, made = ScheduleForm(by.actor, request.POST), new_id()
        _, status = attempt(form, lambda: handle(form.made(), made, by))
        if status is HTTPStatus.CREATED:
            messages.success(request, "Made. Another administrator has to agree to it now.")
            return redirect("schedule", made)
    facts = {"title": "Make a schedule", "form": form}
    return render(request, "resets/schedules/form.html", facts, status=status)


@login_required
@require_safe
def schedule(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A schedule: what it does, when it runs next, and what became of the runs before."""
    return _page(request, SchedulePage.of(by_of(request).actor, pk))


@login_required
@require_safe_or_POST
def schedule_step(request: HttpRequest, pk: UUID, step: str) -> HttpResponse:
    """Agree, change, pause, go on or end: GET asks once more, POST does it."""
    by, page = by_of(request), SchedulePage.of(by_of(request).actor, pk)
    command = next((one for one in SAYS if one.slug == step), None)
    if command is None:
        raise NotFound("step")
    require(by.actor, Role(command.by), page.state.organisation, page.state.site, "schedule")
    asked, changes = page.step(command), command is ChangeSchedule
    form, status = _form(page, asked), HTTPStatus.OK
    if request.method == "POST":
        form = _form(page, asked, request)
        _, status = attempt(
            form,
            lambda: handle(
                form.changed() if isinstance(form, ScheduleForm) else ordered(command, form), pk, by
            ),
        )
        if status is HTTPStatus.CREATED:
            messages.success(request, asked.says.done)
            return redirect("schedule", pk)
        if not changes:  # nothing to type anew: the page says what is true by now
            return _page(request, SchedulePage.of(by.actor, pk), form, status)
    elif command not in page.standing.offered:
        return redirect("schedule", pk)
    facts = {"title": asked.says.title, "page": page, "step": asked, "form": form}
    name = "form" if changes else "step"
    return render(request, f"resets/schedules/{name}.html", facts, status=status)


def _form(page: SchedulePage, step: Step, request: HttpRequest | None = None) -> forms.Form:
    answers = request.POST if request else None
    if step.command is ChangeSchedule:
        return ScheduleForm(page.actor, answers, page.plan)
    return step.form(answers)


def _page(
    request: HttpRequest,
    page: SchedulePage,
    problem: forms.Form | None = None,
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    facts = {"title": page.plan.name, "page": page, "form": problem}
    return render(request, "resets/schedules/schedule.html", facts, status=status)


urlpatterns = [
    path("schedules/", schedules, name="schedules"),
    path("schedules/make/", make_schedule, name="make-schedule"),
    path("schedules/<uuid:pk>/", schedule, name="schedule"),
    path("schedules/<uuid:pk>/<slug:step>/", schedule_step, name="schedule-step"),
]
