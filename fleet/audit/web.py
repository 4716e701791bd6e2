"""The console's pages of everything that happened, and of what is still owed."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from fleet.accounts.menu import require_administrator
from fleet.accounts.middleware import by_of
from fleet.accounts.places import places
from fleet.audit import export, queries
from fleet.audit.entries import entries
from fleet.audit.filters import HistoryFilters
from fleet.eventstore.messages import Actor
from fleet.web.answers import as_file

PER_PAGE = 50


@login_required
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """Everything that the actor may see, newest first."""
    actor = by_of(request).actor
    sites = places().sites(actor)
    form = HistoryFilters(actor, sites, request.GET)
    cursor = _uuid(request.GET.get("cursor", ""))
    found, behind = queries.history(actor, **form.wanted(), cursor=cursor, size=PER_PAGE)
    facts = {
        "title": "History",
        "filter_form": form,
        "entries": entries(actor, found, sites),
        "newest": _address(request, cursor=None) if cursor else "",
        "older": _address(request, cursor=behind) if behind else "",
        "export": reverse("history-export") + _address(request, cursor=None),
    }
    return render(request, "audit/history.html", facts)


@login_required
@require_safe
def history_export(request: HttpRequest) -> StreamingHttpResponse:
    """The same, all of it, as CSV."""
    actor = by_of(request).actor
    sites = places().sites(actor)
    wanted = HistoryFilters(actor, sites, request.GET).wanted()
    response = StreamingHttpResponse(
        export.lines(actor, sites, wanted), content_type="text/csv; charset=utf-8"
    )
    return as_file(response, f"rekey-history-{timezone.now():%Y-%m-%d}.csv")


@login_required
@require_safe
def trace(request: HttpRequest, correlation: UUID) -> HttpResponse:
    """All that came of one request, in its order."""
    actor = by_of(request).actor
    told = entries(actor, queries.trace(actor, correlation), places().sites(actor))
    facts = {
        "title": "Trace",
        "entries": told,
        "first": told[0],
        "lasted": told[-1].at - told[0].at,
        "about": next((entry.about for entry in told if entry.about), None),
        "place": next((entry.place for entry in told if entry.place), None),
        "correlation": correlation,
    }
    return render(request, "audit/trace.html", facts)


@login_required
@require_safe
def system(request: HttpRequest) -> HttpResponse:
    """What is owed, and what was given up."""
    actor = _administrator(request)
    sites = places().sites(actor)
    parked = queries.parked(actor)
    newest = queries.newest(actor)
    named = {site.id: site for site in sites}
    facts = {
        "title": "System",
        "waiting": queries.waiting(actor),
        "at_sites": [(one, named.get(one.site)) for one in queries.waiting_at_sites(actor)],
        "parked": list(zip(parked, entries(actor, [p.event for p in parked], sites), strict=True)),
        "newest": entries(actor, [newest], sites)[0] if newest else None,
    }
    return render(request, "audit/system.html", facts)


@login_required
@require_POST
def retry(request: HttpRequest, parked: UUID) -> HttpResponse:
    """Take up a job that was given up."""
    queries.retry(_administrator(request), parked)
    messages.success(request, "The job is taken up again, from its first attempt.")
    return redirect("system")


def _administrator(request: HttpRequest) -> Actor:
    sentence = "Only administrators look after the system. Ask one of them."
    return require_administrator(request, sentence).actor


def _address(request: HttpRequest, cursor: UUID | None) -> str:
    """This list from another place on, narrowed down as it is."""
    query = request.GET.copy()
    query.pop("cursor", None)
    if cursor is not None:
        query["cursor"] = str(cursor)
    return f"?{query.urlencode()}"


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


urlpatterns = [
    path("history/", history, name="history"),
    path("history/export.csv", history_export, name="history-export"),
    path("history/trace/<uuid:correlation>/", trace, name="trace"),
    path("system/", system, name="system"),
    path("system/retry/<uuid:parked>/", retry, name="retry-job"),
]
