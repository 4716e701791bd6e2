"""The console's pages of what scans discovered: Add, Set Password, Forget Password, Ignore.

Each view makes one call of the domain; what may be done and what is refused is decided there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.urls import path, reverse
from django.views.decorators.http import require_POST, require_safe

from devices.discovery import additions, discoveries
from devices.discovery.forms import (
    ACTIVATE,
    ADD,
    TYPED,
    WHERE,
    DiscoveredFilters,
    activate_form,
    activate_many_form,
    add_form,
    add_many_form,
    chosen_ids,
)
from devices.discovery.page import FoundPage, Grounds, latest_scans
from devices.discovery.scan_web import scan_urlpatterns
from devices.filters import SIZES
from devices.steps.activate_device import ActivateDevice
from devices.steps.add_device import AddDevice
from devices.steps.discover import IgnoreDiscovered
from fleet.accounts.access import require
from fleet.accounts.middleware import by_of
from fleet.accounts.state import Role
from fleet.errors import NotFound
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Actor, By, Command
from fleet.web.command_forms import attempt, ordered
from fleet.web.requests import page_of, require_safe_or_POST


@login_required
@require_safe
def discovery(request: HttpRequest) -> HttpResponse:
    """The last scans, and every discovered device that may be seen."""
    actor = by_of(request).actor
    form = DiscoveredFilters(actor, request.GET)
    page = page_of(request, form.found(), form.size)
    scans = latest_scans(actor)
    facts = {
        "title": "Discovery",
        "scans": scans,
        "searching": any(scan.running for scan in scans),
        "grounds": Grounds(actor),
        "filter_form": form,
        "page": page,
        "found": FoundPage.each(actor, page),
        "sizes": SIZES,
    }
    return render(request, "devices/discovery.html", facts)


# --- one of them ----------------------------------------------------------------------------------


@login_required
@require_safe
def discovered(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What is known of one discovered device, and what can be done with it."""
    page = FoundPage.of(by_of(request).actor, pk)
    facts = {"title": page.name, "found": page}
    return render(request, "devices/discovery_found.html", facts)


@login_required
@require_safe_or_POST
def add_discovered(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask for the account and password of one that has a password, and add it."""
    by, page = _to_decide(request, pk)
    form = add_form(by.actor, page.row, _answers(request))
    added, status = _taken_in(request, AddDevice, form, page, by)
    if added is not None:
        messages.success(request, "Added. Rekey is trying its password now.")
        return redirect("device", added)
    facts = {"title": f"Add {page.name}", "found": page, **_questions(form, ADD)}
    return render(request, "devices/discovery_add.html", facts, status=status)


@login_required
@require_safe_or_POST
def activate_discovered(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Set Password: ask for the mailbox of one that is factory-fresh, and add it."""
    by, page = _to_decide(request, pk)
    form = activate_form(by.actor, page.row, _answers(request))
    added, status = _taken_in(request, ActivateDevice, form, page, by)
    if added is not None:
        messages.success(request, "Added. Rekey is setting its first password now.")
        return redirect("device", added)
    facts = {
        "title": f"Set the password of {page.name}",
        "found": page,
        **_questions(form, ACTIVATE),
        "typed": [form[name] for name in TYPED],
    }
    return render(request, "devices/discovery_activate.html", facts, status=status)


@login_required
@require_safe
def forget_discovered(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Forget Password: which ways there are back into one that is not in the fleet."""
    page = FoundPage.of(by_of(request).actor, pk)
    facts = {"title": f"Forget Password: {page.name}", "found": page}
    return render(request, "devices/discovery_forget.html", facts)


@login_required
@require_POST
def follow_discovered(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let a device of the fleet be found at the address that was discovered."""
    by, _ = _to_decide(request, pk)
    followed = additions.follow_found(pk, by)
    messages.success(request, "Its address is changed. Rekey is asking it there now.")
    return redirect("device", followed)


def step_of(command: type[Command[Any]], done: str) -> Callable[..., HttpResponse]:
    """The view for a step that asks nothing, and what it says when it is done."""

    @login_required
    @require_POST
    def view(request: HttpRequest, pk: UUID) -> HttpResponse:
        handle(command(), pk, by_of(request))
        messages.success(request, done)
        return _to_list(request) if "list" in request.POST else redirect("discovered", pk)

    return view


# --- many of them ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Deed:
    """What is done with all that were chosen, once `form` is answered. Those that it does not suit
    are left out before anything is done; `others` says what they have.
    """

    title: str
    lede: str
    action: str
    done: str
    form: Callable[[Any], forms.Form]
    act: Callable[[Sequence[UUID], dict[str, Any], By], object]
    suits: Callable[[FoundPage], bool] = lambda page: True
    others: str = ""


ADD_THEM = Deed(
    title="Add discovered devices",
    lede="All of them with one account, password and mailbox. All are added, or none.",
    action="Add",
    done="Added {}. Rekey is trying their passwords now.",
    form=add_many_form,
    act=lambda ids, said, by: additions.add_found(
        ids, said["username"], said["password"], said["reset_email"], by
    ),
    suits=lambda page: page.row.fresh is not True,
    others="no password yet: choose Set Password for them",
)
ACTIVATE_THEM = Deed(
    title="Set first passwords",
    lede="Rekey generates another password for each of them, keeps it in the vault, and adds them.",
    action="Set Password",
    done="Added {}. Rekey is setting their first passwords now.",
    form=activate_many_form,
    act=lambda ids, said, by: additions.activate_found(ids, said["reset_email"], by),
    suits=lambda page: page.row.fresh is not False,
    others="a password already: choose Add for them",
)
IGNORE_THEM = Deed(
    title="Ignore discovered devices",
    lede="They stay in the list as ignored, and can be heeded again.",
    action="Ignore",
    done="Ignored {}.",
    form=forms.Form,
    act=lambda ids, said, by: handle_all([Order(IgnoreDiscovered(), pk) for pk in ids], by),
)


def deed_of(deed: Deed) -> Callable[..., HttpResponse]:
    """The view that names what was chosen and asks; once it is confirmed, all of it is done."""

    @login_required
    @require_safe_or_POST
    def view(request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return redirect("discovery")  # somebody who was asked to sign in on the way
        by = by_of(request)
        chosen = _chosen(request, by.actor)
        if not chosen:
            messages.warning(request, "Nothing was chosen. Tick some devices first.")
            return _to_list(request)
        fit, sure = [page for page in chosen if deed.suits(page)], "confirmed" in request.POST
        form, status = deed.form(request.POST if sure else None), HTTPStatus.OK
        if sure and fit:
            ids = [page.row.pk for page in fit]
            _, status = attempt(form, lambda: deed.act(ids, form.cleaned_data, by))
            if status is HTTPStatus.CREATED:
                counted = f"{len(fit)} device{pluralize(len(fit))}"
                messages.success(request, deed.done.format(counted))
                return _to_list(request)
        facts = {
            "title": deed.title,
            "deed": deed,
            "form": form,
            "chosen": fit,
            "left_out": len(chosen) - len(fit),
            "list": request.POST.get("list", ""),
        }
        return render(request, "devices/discovery_chosen.html", facts, status=status)

    return view


def _chosen(request: HttpRequest, actor: Actor) -> list[FoundPage]:
    """Raises NotFound for what may not be seen, Forbidden where the role is too low."""
    try:
        ids = set(chosen_ids(request.POST))
    except ValueError:
        raise NotFound("discovered device") from None
    rows = discoveries.in_order(discoveries.discovered(actor).filter(pk__in=ids), "address")
    found = FoundPage.each(actor, rows)
    if len(found) != len(ids):
        raise NotFound("discovered device")
    for page in found:
        _require(actor, page)
    return found


def _to_list(request: HttpRequest) -> HttpResponse:
    """Back to the list as it was filtered and sorted."""
    query = QueryDict(request.POST.get("list", "")).urlencode()
    return redirect(f"{reverse('discovery')}?{query}" if query else "discovery")


# --- what the views share -------------------------------------------------------------------------


def _to_decide(request: HttpRequest, pk: UUID) -> tuple[By, FoundPage]:
    """Raises NotFound and Forbidden before anything is asked."""
    by = by_of(request)
    page = FoundPage.of(by.actor, pk)
    _require(by.actor, page)
    return by, page


def _require(actor: Actor, page: FoundPage) -> None:
    require(actor, Role(AddDevice.by), page.row.organisation, page.row.site, "discovered device")


def _answers(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _taken_in(
    request: HttpRequest, command: type[Command[Any]], form: forms.Form, page: FoundPage, by: By
) -> tuple[UUID | None, HTTPStatus]:
    """The new device's id if the answers will do; what is refused stands in the form."""
    if request.method != "POST":
        return None, HTTPStatus.OK
    added = new_id()
    _, status = attempt(form, lambda: handle(ordered(command, form, site=page.row.site), added, by))
    return (added if status is HTTPStatus.CREATED else None), status


def _questions(form: forms.Form, asked: Sequence[str]) -> dict[str, Any]:
    where = [form[name] for name in WHERE]
    return {
        "form": form,
        "asked": [form[name] for name in asked],
        "where": where,
        "where_wrong": any(bound.errors for bound in where),
    }


DONE = {
    "ignore-discovered": "Ignored. It stands under “Ignored”, should you want it back.",
    "heed-discovered": "It stands among the new ones again.",
}

discovery_urlpatterns = [
    path("discovery/", discovery, name="discovery"),
    path("discovery/add/", deed_of(ADD_THEM), name="add-chosen"),
    path("discovery/set-password/", deed_of(ACTIVATE_THEM), name="activate-chosen"),
    path("discovery/ignore/", deed_of(IGNORE_THEM), name="ignore-chosen"),
    path("discovery/<uuid:pk>/", discovered, name="discovered"),
    path("discovery/<uuid:pk>/add/", add_discovered, name="add-discovered"),
    path("discovery/<uuid:pk>/set-password/", activate_discovered, name="activate-discovered"),
    path("discovery/<uuid:pk>/forget-password/", forget_discovered, name="forget-discovered"),
    path("discovery/<uuid:pk>/follow/", follow_discovered, name="follow-discovered"),
    *(
        path(f"discovery/<uuid:pk>/{slug}/", step_of(command, DONE[slug]), name=slug)
        for slug, command in discoveries.discovered_steps().items()
    ),
    *scan_urlpatterns,
]
