"""The console's pages of limits and alarms.

Each view makes one call of the domain; what may be done and what is refused is decided there.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_safe

from devices import queries as devices
from fleet.accounts.access import may
from fleet.accounts.middleware import by_of
from fleet.accounts.state import Role
from fleet.errors import Conflict, Refused
from fleet.eventstore.handling import handle
from fleet.web.command_forms import attempt, form_of, ordered
from fleet.web.middleware import status_of
from fleet.web.requests import page_of, require_safe_or_POST
from resets.limits import queries
from resets.limits.forms import limits_form, limits_in
from resets.limits.preview import preview
from resets.limits.steps import CloseBreaker
from resets.rules import rules_id
from resets.site_rules.web import tabs_of
from resets.steps.site_rules import SetLimits


@login_required
@require_safe_or_POST
def limits(request: HttpRequest, place: UUID) -> HttpResponse:
    """The limits of a site or an organisation: to look at, to try out, to set."""
    by = by_of(request)
    at = queries.ground(by.actor, place)
    may_set = may(by.actor, Role.ADMINISTRATOR, at.organisation, at.site)
    sees_whole = may(by.actor, Role.VIEWER, at.organisation, None)
    facts: dict[str, Any] = {}
    form, status = limits_form(at.limits, wide=at.site is None), HTTPStatus.OK
    if request.method == "POST":
        queries.require_administrator(by.actor, at)
        form, status = limits_form(at.limits, wide=at.site is None, answers=request.POST), status
        does = request.POST.get("do", "")
        if does != "defaults" and not form.is_valid():
            status = HTTPStatus.UNPROCESSABLE_ENTITY
        else:
            wanted = None if does == "defaults" else limits_in(form)
            try:
                if does == "preview":
                    facts["preview"] = preview(by.actor, at, wanted or ())
                else:
                    handle(SetLimits(at.id, wanted), rules_id(at.id), by)
                    messages.success(request, "The limits are set. They hold from now on.")
                    return redirect("limits", at.id)
            except (Refused, Conflict) as no:
                form.non_form_errors().append(no.message)
                status = status_of(no)
    here = {"organisation": at.organisation, "site": at.site}
    facts |= {
        "title": f"Limits of {at.name}",
        "where": at.name,
        "site": devices.place(by.actor, at.site) if at.site else None,
        "tabs": tabs_of(at.site) if at.site else [],
        "own": at.own is not None,
        "limits": at.limits,
        "form": form,
        "may_set": may_set,
        "whole": at.organisation if at.site and sees_whole else None,
        "refusals": queries.refusals(by.actor).filter(**here)[:10],
        "alarms": queries.breakers(by.actor).filter(**here)[:10],
    }
    return render(request, "resets/limits/limits.html", facts, status=status)


@login_required
@require_safe
def alarms(request: HttpRequest) -> HttpResponse:
    """Every alarm that went off, those that wait for a person first."""
    page = page_of(request, queries.breakers(by_of(request).actor))
    facts = {"title": "Alarms", "page": page}
    return render(request, "resets/limits/alarms.html", facts)


@login_required
@require_safe_or_POST
def alarm(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One alarm: what set it off, and its closing."""
    by = by_of(request)
    row = queries.breaker(by.actor, pk)
    form, status = form_of(CloseBreaker), HTTPStatus.OK
    if request.method == "POST":
        form = form_of(CloseBreaker, request.POST)
        _, status = attempt(form, lambda: handle(ordered(CloseBreaker, form), pk, by))
        if status is HTTPStatus.CREATED:
            messages.success(request, "The alarm is closed. What was before it counts no more.")
            return redirect("alarms")
    facts = {
        "title": f"Alarm at {row.device_name}",
        "alarm": row,
        "form": form,
        "may_close": row.tripped and may(by.actor, Role.ADMINISTRATOR, row.organisation, row.site),
    }
    return render(request, "resets/limits/alarm.html", facts, status=status)


urlpatterns = [
    path("sites/<uuid:place>/limits/", limits, name="limits"),
    path("alarms/", alarms, name="alarms"),
    path("alarms/<uuid:pk>/", alarm, name="alarm"),
]
