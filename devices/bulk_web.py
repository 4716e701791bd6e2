"""The console's pages for many devices at once: ticked in the list, named again, then done.

Each view makes one call of the domain; what may be done and what is refused is decided there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from devices import columns, deeds, queries
from devices.device_forms import sites_to_move_to
from devices.filters import ids_in
from devices.steps.check_device import CheckDevice
from devices.steps.move_device import MoveDevice
from devices.steps.remove_device import RemoveDevice
from fleet.accounts.access import require
from fleet.accounts.middleware import by_of
from fleet.accounts.state import Role
from fleet.errors import NotFound
from fleet.eventstore.messages import Actor, By, Command
from fleet.web.command_forms import attempt, form_of
from fleet.web.requests import back_in, require_safe_or_POST

NOTHING_TICKED = "Tick the devices first that you mean."
NAMED = 10  # of those that were chosen, so that somebody sees that they are the right ones


@dataclass(frozen=True)
class Chosen:
    """The devices that were ticked, as the actor may see them."""

    ids: list[UUID]
    rows: list[Any]

    @classmethod
    def of(cls, request: HttpRequest) -> Chosen:
        """Raises NotFound when one of them is nothing that whoever asks may see."""
        ids = ids_in(request.POST)
        rows = list(queries.devices(by_of(request).actor).filter(pk__in=ids))
        if len(rows) != len(ids):
            raise NotFound("device")
        return cls(ids, rows)

    @property
    def named(self) -> list[Any]:
        return self.rows[:NAMED]

    @property
    def more(self) -> int:
        return len(self.rows) - len(self.named)

    @property
    def count(self) -> str:
        return f"{len(self.rows):,} device{'' if len(self.rows) == 1 else 's'}"

    @property
    def organisations(self) -> set[UUID]:
        return {row.organisation for row in self.rows}


@dataclass(frozen=True)
class Deed:
    """What can be done with many: its words, its command's questions, and the one domain call.

    `{count}` in the words stands for "12 devices".
    """

    title: str
    button: str
    done: str
    happens: tuple[str, ...]
    command: type[Command[Any]]
    do: Callable[[list[UUID], dict[str, Any], By], int]
    is_danger: bool = False

    def form(self, actor: Actor, chosen: Chosen, answers: Any = None) -> forms.Form:
        choices = {}
        if self.command is MoveDevice:
            here = {row.site for row in chosen.rows}
            choices["site"] = [
                (str(pk), name)
                for organisation in chosen.organisations
                for pk, name in sites_to_move_to(actor, organisation)
                if here != {pk}
            ]
        return form_of(self.command, answers, choices=choices)


DEEDS = {
    "check": Deed(
        "Check {count}?",
        "Check",
        "{count} will be asked. The answers appear here one by one.",
        ("Rekey asks each of them whether its stored password still opens it.",),
        CheckDevice,
        lambda ids, told, by: deeds.check_all(ids, by),
    ),
    "move": Deed(
        "Move {count} to another site",
        "Move",
        "{count} moved.",
        (
            "Their passwords and their history go with them. The new site’s people see them from"
            " then on, and the old site’s do not any more.",
            "A camera leaves its NVR, unless both are moved. An NVR takes its cameras along.",
            "All of them are moved, or none.",
        ),
        MoveDevice,
        lambda ids, told, by: deeds.move_all(ids, told["site"], by),
    ),
    "remove": Deed(
        "Remove {count} from the fleet?",
        "Remove",
        "{count} removed from the fleet. Their history and their passwords are kept.",
        (
            "Rekey does not talk to them any more, and they take part in nothing.",
            "Their history and their passwords are kept: they can still be looked up.",
            "Nothing is changed on the devices: Rekey’s own accounts stay on them.",
            "All of them are removed, or none.",
        ),
        RemoveDevice,
        lambda ids, told, by: deeds.remove_all(ids, told["reason"], by),
        is_danger=True,
    ),
}


@login_required
@require_safe_or_POST
def bulk(request: HttpRequest, deed: str) -> HttpResponse:
    """Name what was ticked and ask whether that is meant; once it is confirmed, do it."""
    if request.method != "POST":
        return redirect("devices")  # somebody who was asked to sign in on the way
    by, act = by_of(request), DEEDS[deed]
    chosen = Chosen.of(request)
    for row in chosen.rows:
        require(by.actor, Role(act.command.by), row.organisation, row.site, "device")
    if not chosen.rows:
        messages.warning(request, NOTHING_TICKED)
        return redirect(back_in(request, reverse("devices")))
    form, status = act.form(by.actor, chosen), HTTPStatus.OK
    if "confirmed" in request.POST:
        form = act.form(by.actor, chosen, request.POST)
        _, status = attempt(form, lambda: act.do(chosen.ids, form.cleaned_data, by))
        if status is HTTPStatus.CREATED:
            messages.success(request, act.done.replace("{count}", chosen.count))
            return redirect(back_in(request, reverse("devices")))
    facts = {
        "title": act.title.replace("{count}", chosen.count),
        "act": act,
        "chosen": chosen,
        "form": form,
        "back": back_in(request, reverse("devices")),
    }
    return render(request, "devices/bulk.html", facts, status=status)


@login_required
@require_safe_or_POST
def bulk_export(request: HttpRequest) -> HttpResponse:
    """Name what was ticked, and offer it as a list."""
    if request.method != "POST":
        return redirect("devices")
    chosen = Chosen.of(request)
    if not chosen.rows:
        messages.warning(request, NOTHING_TICKED)
        return redirect(back_in(request, reverse("devices")))
    asked = urlencode({"device": [str(pk) for pk in chosen.ids]}, doseq=True)
    facts = {
        "title": f"Export {chosen.count}",
        "chosen": chosen,
        "back": back_in(request, reverse("devices")),
        "address": f"{reverse('export-devices')}?{asked}",
    }
    return render(request, "devices/bulk_export.html", facts)


@login_required
@require_POST
def choose_columns(request: HttpRequest) -> HttpResponse:
    """Remember in a cookie which columns the list of devices has; none: the usual ones again."""
    response = redirect(back_in(request, reverse("devices")))
    if "usual" in request.POST:
        response.delete_cookie(columns.COOKIE, samesite="Lax")
    else:
        response.set_cookie(
            columns.COOKIE,
            columns.remembered(request.POST.getlist("column")),
            max_age=columns.A_YEAR,
            samesite="Lax",
            httponly=True,
            secure=request.is_secure(),
        )
    return response


bulk_urlpatterns = [
    *(path(f"devices/bulk/{d}/", bulk, {"deed": d}, name=f"bulk-{d}") for d in DEEDS),
    path("devices/bulk/export/", bulk_export, name="bulk-export"),
    path("devices/columns/", choose_columns, name="device-columns"),
]
