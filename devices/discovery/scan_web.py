"""The console's pages of scans, and of the networks that they may search.

Each view makes one call of the domain; what may be done and what is refused is decided there.
"""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST, require_safe

from devices import queries
from devices.discovery import discoveries
from devices.discovery.forms import networks_form, scan_form
from devices.discovery.page import Grounds, ScanPage, may_name
from devices.filters import SIZES
from devices.steps.scan_network import RequestScan, StopScan
from devices.steps.site_networks import SetNetworks
from fleet.accounts.access import require
from fleet.accounts.middleware import by_of
from fleet.accounts.state import Role
from fleet.errors import Forbidden
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.web.answers import loaded_anew
from fleet.web.command_forms import attempt, ordered
from fleet.web.live import live_part
from fleet.web.requests import page_of, require_safe_or_POST


@login_required
@require_safe
def scans(request: HttpRequest) -> HttpResponse:
    """Every scan that may be seen, the newest first."""
    actor = by_of(request).actor
    page = page_of(request, discoveries.scans(actor), SIZES[0])
    facts = {
        "title": "Scans",
        "page": page,
        "scans": ScanPage.each(actor, page),
        "may_scan": bool(Grounds(actor).sites),
    }
    return render(request, "devices/scans.html", facts)


@login_required
@require_safe_or_POST
def request_scan(request: HttpRequest) -> HttpResponse:
    """Ask which network is to be searched and how, and begin."""
    by = by_of(request)
    grounds = Grounds(by.actor)
    if not grounds.sites:
        raise Forbidden(
            "role_too_low", "Your role does not search networks. Ask an operator of the site."
        )
    asked = request.POST if request.method == "POST" else request.GET
    at = grounds.at(asked.get("site", ""))
    form, status = scan_form(grounds, at, before=request.GET), HTTPStatus.OK
    if request.method == "POST":
        form, begun = scan_form(grounds, at, request.POST), new_id()
        _, status = attempt(form, lambda: handle(ordered(RequestScan, form), begun, by))
        if status is HTTPStatus.CREATED:
            return redirect("scan", begun)
    facts = {
        "title": "Search a network",
        "form": form,
        "at": at,
        "may_name": may_name(by.actor, at),
    }
    return render(request, "devices/scan_request.html", facts, status=status)


@login_required
@require_safe
def scan(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far a scan is, or what came of it."""
    page = ScanPage.of(by_of(request).actor, pk)
    facts = {"title": f"Search of {page.row.network}", "scan": page}
    return render(request, "devices/scan.html", facts)


@login_required
@require_safe
def scan_live(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far a scan is. Once it is through, its page comes anew, and the row of a list changes."""
    page = ScanPage.of(by_of(request).actor, pk)
    if "row" in request.GET:
        facts = {"scan": page, "anew": True}
        return live_part(request, "devices/scan_row_live.html", page.version, lambda: facts)
    if not page.running:
        return loaded_anew()
    return live_part(request, "devices/scan_live.html", page.version, lambda: {"scan": page})


@login_required
@require_POST
def stop_scan(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Stop a scan, and do not repeat it any more."""
    handle(StopScan(), pk, by_of(request))
    return redirect("scan", pk)


@login_required
@require_safe_or_POST
def site_networks(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show which networks are the site's own, and let an administrator name them."""
    by = by_of(request)
    site = queries.place(by.actor, pk)
    form, status = networks_form(site), HTTPStatus.OK
    if request.method == "POST":
        require(by.actor, Role(SetNetworks.by), site.organisation, site.pk, "site")
        form = networks_form(site, request.POST)
        _, status = attempt(form, lambda: handle(ordered(SetNetworks, form), pk, by))
        if status is HTTPStatus.CREATED:
            messages.success(request, "Kept. Rekey searches these networks and no others.")
            return redirect("site-networks", pk)
    facts = {
        "title": f"Networks of {site.name}",
        "site": site,
        "form": form,
        "may_name": may_name(by.actor, site),
        "may_scan": bool(site.networks) and site in Grounds(by.actor).sites,
    }
    return render(request, "devices/site_networks.html", facts, status=status)


scan_urlpatterns = [
    path("discovery/scans/", scans, name="scans"),
    path("discovery/scans/search/", request_scan, name="request-scan"),
    path("discovery/scans/<uuid:pk>/", scan, name="scan"),
    path("discovery/scans/<uuid:pk>/live/", scan_live, name="scan-live"),
    path("discovery/scans/<uuid:pk>/stop/", stop_scan, name="stop-scan"),
    path("sites/<uuid:pk>/networks/", site_networks, name="site-networks"),
]
