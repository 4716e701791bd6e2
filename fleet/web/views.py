"""The pages that belong to no app: dashboard, health, the living style page, the colour scheme."""

from __future__ import annotations

import logging
from http import HTTPStatus

from django.contrib.auth.decorators import login_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST, require_safe

from fleet.web import specimens
from fleet.web.context import THEMES
from fleet.web.registry import dashboard_panels
from fleet.web.requests import back_in

log = logging.getLogger(__name__)

A_YEAR = 365 * 24 * 3600


@login_required
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """What goes on and what needs somebody: the panels that the apps registered, in their order."""
    filled = ((panel.template, panel.provider(request)) for panel in dashboard_panels())
    panels = [{"template": name, "facts": facts} for name, facts in filled if facts is not None]
    return render(request, "dashboard.html", {"title": "Dashboard", "panels": panels})


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """For probes: 200 while the database answers, 503 while it does not. Says nothing else."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError:
        log.exception("The database does not answer")
        return HttpResponse(
            "database does not answer\n",
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            content_type="text/plain",
        )
    return HttpResponse("ok\n", content_type="text/plain")


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Remember light or dark in a cookie; anything else follows the system again."""
    response = HttpResponseRedirect(back_in(request, "/", name="next"))
    chosen = request.POST.get("theme")
    if chosen in THEMES:
        response.set_cookie(
            "theme",
            chosen,
            max_age=A_YEAR,
            samesite="Lax",
            httponly=True,
            secure=request.is_secure(),
        )
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


@login_required
@require_GET
def style(request: HttpRequest) -> HttpResponse:
    """Every component in every state: the page to read before building the next one."""
    return render(request, "style.html", specimens.everything(request))
