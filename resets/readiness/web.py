"""The console's pages of readiness and drills.

Each view makes one call of the domain; what may be done and what is refused is decided there.
"""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST, require_safe

from devices.lists.exports import answer
from devices.lists.writing import Form
from fleet.accounts.middleware import by_of
from fleet.errors import NotFound
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.web.answers import loaded_anew
from fleet.web.command_forms import attempt, form_of, ordered
from fleet.web.live import live_part
from resets.readiness import queries
from resets.readiness.export import export
from resets.readiness.page import DrillPage, ReadinessFilters, ReadinessPage
from resets.readiness.steps import BeginDrill


@login_required
@require_safe
def readiness(request: HttpRequest) -> HttpResponse:
    """The fleet by score and by reason, the worst first."""
    form = ReadinessFilters(by_of(request).actor, request.GET)
    page = ReadinessPage(form, request.GET.get("page"))
    facts = {"title": "Readiness", "filter_form": form, "readiness": page}
    return render(request, "resets/readiness/readiness.html", facts)


@login_required
@require_safe
def export_readiness(request: HttpRequest) -> StreamingHttpResponse:
    """What the list shows with these filters, all of it, to take along."""
    actor = by_of(request).actor
    form = Form.XLSX if request.GET.get("format") == Form.XLSX else Form.CSV
    return answer(export(actor, ReadinessFilters(actor, request.GET).found, form))


# --- drills ---------------------------------------------------------------------------------------


@login_required
@require_POST
def begin_drill(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Of a device. One that is under way is led to."""
    by, drill = by_of(request), new_id()
    if open_one := queries.open_drill_of(by.actor, pk):
        return redirect("drill", open_one.pk)
    handle(BeginDrill(pk), drill, by)
    return redirect("drill", drill)


@login_required
@require_safe
def drill(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Where a drill stands, and what is asked now."""
    actor = by_of(request).actor
    return _page(request, DrillPage(queries.standing(actor, pk), actor))


@login_required
@require_safe
def drill_live(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What moves by itself. When something else is asked by now, the page comes anew."""
    actor = by_of(request).actor
    page = DrillPage(queries.standing(actor, pk), actor)
    if request.GET.get("on") != page.state.phase:
        return loaded_anew()
    seen = request.GET.get("seen", "").split("-")[0]  # the rest is a countdown
    return live_part(
        request,
        "resets/readiness/drill_live.html",
        page.version,
        lambda: {"page": page, "anew": seen != str(page.row.version)},
    )


@login_required
@require_POST
def drill_step(request: HttpRequest, pk: UUID, step: str) -> HttpResponse:
    """Any step of a drill."""
    by, command = by_of(request), queries.steps().get(step)
    if command is None:
        raise NotFound("step")
    form = form_of(command, request.POST)
    _, status = attempt(form, lambda: handle(ordered(command, form), pk, by))
    if status is HTTPStatus.CREATED:
        return redirect("drill", pk)
    page = DrillPage(queries.standing(by.actor, pk), by.actor, refused=form)
    return _page(request, page, status)


def _page(
    request: HttpRequest, page: DrillPage, status: HTTPStatus = HTTPStatus.OK
) -> HttpResponse:
    title = f"Drill of {page.row.device_name}"
    facts = {"title": title, "page": page, "form": page.refused}
    return render(request, "resets/readiness/drill.html", facts, status=status)


urlpatterns = [
    path("readiness/", readiness, name="readiness"),
    path("readiness/export/", export_readiness, name="export-readiness"),
    path("devices/<uuid:pk>/drill/", begin_drill, name="begin-drill"),
    path("drills/<uuid:pk>/", drill, name="drill"),
    path("drills/<uuid:pk>/live/", drill_live, name="drill-live"),
    path("drills/<uuid:pk>/<slug:step>/", drill_step, name="drill-step"),
]
