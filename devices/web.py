"""The console's pages of sites and devices.

Each view makes one call of the domain; what may be done and what is refused is decided there.
"""

from __future__ import annotations

import secrets
from http import HTTPStatus
from typing import Any
from uuid import UUID

from allauth.core.exceptions import ReauthenticationRequired
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from devices import columns, deeds, queries, vault
from devices.bulk_web import DEEDS, Deed, bulk_urlpatterns
from devices.device_forms import DeviceStep
from devices.device_page import DevicePage
from devices.discovery.web import discovery_urlpatterns
from devices.filters import SIZES, DeviceFilters
from devices.forms import add_device_form, open_site_form, organisation_chosen
from devices.lists.web import import_urlpatterns
from devices.page_parts import bulks_of
from devices.page_parts import columns as further_columns
from devices.steps.add_device import AddDevice
from devices.steps.check_device import CheckDevice
from devices.steps.close_site import CloseSite
from devices.steps.open_site import OpenSite
from devices.steps.reveal_password import RevealPassword
from fleet.accounts.access import may, require
from fleet.accounts.middleware import by_of
from fleet.accounts.sign_in import signed_in_just_now
from fleet.accounts.state import Role
from fleet.errors import Forbidden
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Actor
from fleet.web.answers import kept_nowhere
from fleet.web.command_forms import attempt, form_of, ordered
from fleet.web.live import live_part
from fleet.web.requests import page_of, require_safe_or_POST

# --- sites ----------------------------------------------------------------------------------------


@login_required
@require_safe
def sites(request: HttpRequest) -> HttpResponse:
    """Every site that may be seen, with how its devices stand."""
    actor = by_of(request).actor
    facts = {
        "title": "Sites",
        "sites": queries.sites(actor),
        "may_open": _opens_sites(actor),
        "may_add": _has(actor, Role(AddDevice.by)),
    }
    return render(request, "devices/sites.html", facts)


@login_required
@require_safe
def site(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One site and its devices."""
    actor = by_of(request).actor
    row = queries.site(actor, pk)
    rows = queries.in_order(
        queries.narrowed(queries.devices(actor), site=pk), request.GET.get("sort", "name")
    )
    page = page_of(request, rows, SIZES[1])
    facts = {
        "title": row.name,
        "site": row,
        "key": str(pk),
        "now": timezone.now(),
        **_table(request, page, but="site"),
        "may_add": may(actor, Role(AddDevice.by), row.organisation, row.pk),
        "may_close": may(actor, Role(CloseSite.by), row.organisation, row.pk),
    }
    return render(request, "devices/site.html", facts)


@login_required
@require_safe_or_POST
def open_site(request: HttpRequest) -> HttpResponse:
    """Ask for a site's name and zone, and open it."""
    by = by_of(request)
    if not _opens_sites(by.actor):
        raise Forbidden(
            "role_too_low", "Only an administrator of an organisation opens sites. Ask one of them."
        )
    form, status = open_site_form(by.actor), HTTPStatus.OK
    if request.method == "POST":
        form, opened = open_site_form(by.actor, request.POST), new_id()
        _, status = attempt(
            form,
            lambda: handle(
                ordered(OpenSite, form, organisation=organisation_chosen(by.actor, form)),
                opened,
                by,
            ),
        )
        if status is HTTPStatus.CREATED:
            messages.success(request, "The site is open. Add its devices next.")
            return redirect("site", opened)
    facts = {"title": "Open a site", "form": form}
    return render(request, "devices/open_site.html", facts, status=status)


@login_required
@require_safe_or_POST
def close_site(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask why a site is closed, and close it."""
    by = by_of(request)
    row = queries.site(by.actor, pk)
    require(by.actor, Role(CloseSite.by), row.organisation, row.pk, "site")
    form, status = form_of(CloseSite), HTTPStatus.OK
    if request.method == "POST":
        form = form_of(CloseSite, request.POST)
        _, status = attempt(form, lambda: handle(ordered(CloseSite, form), pk, by))
        if status is HTTPStatus.CREATED:
            messages.success(request, f"{row.name} is closed. Its history is kept.")
            return redirect("sites")
    facts = {"title": f"Close {row.name}", "site": row, "form": form}
    return render(request, "devices/close_site.html", facts, status=status)


# --- devices --------------------------------------------------------------------------------------


@login_required
@require_safe
def devices(request: HttpRequest) -> HttpResponse:
    """Every device that may be seen, narrowed down and sorted as asked."""
    actor = by_of(request).actor
    form = DeviceFilters(actor, request.GET)
    page = page_of(request, form.found(), form.size)
    facts = {
        "title": "Devices",
        "filter_form": form,
        **_table(request, page),
        "all_columns": columns.COLUMNS,
        "sizes": SIZES,
        "may_add": _has(actor, Role(AddDevice.by)),
        "deeds": _deeds(actor) if form.can_be_ticked else (),
        "bulks": bulks_of(actor),
    }
    return render(request, "devices/devices.html", facts)


@login_required
@require_safe_or_POST
def add_device(request: HttpRequest) -> HttpResponse:
    """Ask where a device is and what opens it, and add it."""
    by = by_of(request)
    if not _has(by.actor, Role(AddDevice.by)):
        raise Forbidden(
            "role_too_low", "Your role does not add devices. Ask an operator of the site."
        )
    form, status = add_device_form(by.actor, asked=request.GET), HTTPStatus.OK
    if request.method == "POST":
        form, added = add_device_form(by.actor, request.POST), new_id()
        _, status = attempt(form, lambda: handle(ordered(AddDevice, form), added, by))
        if status is HTTPStatus.CREATED:
            messages.success(request, "Added. Rekey is trying its password now.")
            return redirect("device", added)
    facts = {"title": "Add a device", "form": form}
    return render(request, "devices/add_device.html", facts, status=status)


@login_required
@require_safe
def device(request: HttpRequest, pk: UUID) -> HttpResponse:
    """All that is known of one device, and what can be done with it."""
    page = DevicePage.of(by_of(request).actor, pk, cursor=request.GET.get("cursor", ""))
    facts = {"title": page.device.name, "page": page, "device": page.device}
    return render(request, "devices/device.html", facts)


@login_required
@require_safe
def device_live(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How the device stands, while a look at it is owed; the badge and the history with it."""
    page = DevicePage.of(by_of(request).actor, pk)
    facts = {"page": page, "device": page.device, "anew": True}
    return live_part(request, "devices/device_live.html", page.version, lambda: facts)


@login_required
@require_POST
def check_device(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask for a look at the device; the answer appears on its page."""
    handle(CheckDevice(), pk, by_of(request))
    return redirect("device", pk)


@login_required
@require_safe_or_POST
def device_step(request: HttpRequest, pk: UUID, step: str) -> HttpResponse:
    """Any step of `deeds.steps`: GET asks about it, POST takes it."""
    by = by_of(request)
    row = queries.device(by.actor, pk)
    asked = DeviceStep(step, row, by.actor)
    require(by.actor, asked.role, row.organisation, row.site, "device")
    form, status = asked.form(asked=request.GET), HTTPStatus.OK
    if request.method == "POST":
        form = asked.form(request.POST)
        _, status = attempt(form, lambda: deeds.do(asked.ordered(form), pk, by))
        if status is HTTPStatus.CREATED:
            messages.success(request, asked.says.done)
            return redirect("device", pk)
    elif not asked.open:
        messages.info(request, f"“{asked.says.name}” is nothing for this device now.")
        return redirect("device", pk)
    facts = {"title": asked.title, "device": row, "step": asked, "form": form}
    facts["page"] = DevicePage.of(by.actor, pk)
    return render(request, "devices/step.html", facts, status=status)


ONCE = "reveal_once"  # in the session: what the form that is shown now may be sent with


@login_required
@require_safe_or_POST
def reveal(request: HttpRequest, pk: UUID, username: str) -> HttpResponse:
    """Show a stored password once: to whoever may, just signed in, with a reason."""
    by = by_of(request)
    row = queries.device(by.actor, pk)
    require(by.actor, Role(RevealPassword.by), row.organisation, row.site, "device")
    account = queries.credential(by.actor, pk, username)
    if not signed_in_just_now(request):
        if request.method == "POST":
            return redirect(request.path)  # signs in first, and is asked again
        raise ReauthenticationRequired
    form, status, password = form_of(RevealPassword), HTTPStatus.OK, None
    if request.method == "POST":
        if request.session.pop(ONCE, "") != request.POST.get("once"):
            return redirect(request.path)  # a page that was reloaded: the reason is asked again
        form = form_of(RevealPassword, request.POST)
        password, refused = attempt(
            form, lambda: vault.reveal(pk, username, form.cleaned_data["reason"], by)
        )
        status = HTTPStatus.OK if password else refused
    facts = {
        "title": f"Password of {username}",
        "device": row,
        "account": account,
        "form": form,
        "password": password,
        "once": request.session.setdefault(ONCE, secrets.token_urlsafe(16)) if not password else "",
    }
    return kept_nowhere(render(request, "devices/reveal.html", facts, status=status))


# --- what the views share -------------------------------------------------------------------------


def _table(request: HttpRequest, page: Any, but: str = "") -> dict[str, Any]:
    """The rows of a list of devices, with the columns that this browser remembers. Each further
    column asks once for all rows; those of other apps are there where they say anything.
    """
    actor, ids = by_of(request).actor, [row.pk for row in page]
    shown = columns.chosen(request.COOKIES.get(columns.COOKIE), but=but)
    filled = [{"label": c.label, "marks": c.provider(actor, ids)} for c in further_columns()]
    return {
        "page": page,
        "columns": shown,
        "heard": queries.telemetry(actor, ids) if any(c.name == "seen" for c in shown) else {},
        "extra": [column for column in filled if column["marks"]],
    }


def _deeds(actor: Actor) -> list[tuple[str, Deed]]:
    """What may be done with many devices somewhere; at which, is asked once they are ticked."""
    return [(name, one) for name, one in DEEDS.items() if _has(actor, Role(one.command.by))]


def _opens_sites(actor: Actor) -> bool:
    return any(g.site is None and g.role.rank >= Role(OpenSite.by).rank for g in actor.grants)


def _has(actor: Actor, role: Role) -> bool:
    """Whether the actor has this role anywhere."""
    return any(g.role.rank >= role.rank for g in actor.grants)


urlpatterns = [
    path("sites/", sites, name="sites"),
    path("sites/open/", open_site, name="open-site"),
    path("sites/<uuid:pk>/", site, name="site"),
    path("sites/<uuid:pk>/close/", close_site, name="close-site"),
    path("devices/", devices, name="devices"),
    path("devices/add/", add_device, name="add-device"),
    path("devices/<uuid:pk>/", device, name="device"),
    path("devices/<uuid:pk>/live/", device_live, name="device-live"),
    path("devices/<uuid:pk>/check/", check_device, name="check-device"),
    path("devices/<uuid:pk>/reveal/<str:username>/", reveal, name="reveal"),
    *(
        path(f"devices/<uuid:pk>/{slug}/", device_step, {"step": slug}, name=slug)
        for slug in deeds.steps()
    ),
    *bulk_urlpatterns,
    *import_urlpatterns,
    *discovery_urlpatterns,
]
