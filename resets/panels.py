"""What the menu, the dashboard and the pages of devices show of resets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from devices.mailbox import masked
from devices.page_parts import Mark, column, part
from fleet.accounts.menu import administers
from fleet.accounts.middleware import by_of
from fleet.audit.entries import look_like
from fleet.audit.veils import veil
from fleet.eventstore.messages import Actor
from fleet.web.registry import dashboard_panel, menu
from resets import queries, words
from resets.approvals import lines
from resets.approvals.queries import unreviewed
from resets.approvals.queries import waiting as to_approve
from resets.mailboxes import queries as mailboxes
from resets.recorder.queries import owed
from resets.state import Phase

SHOWN = 5


def register() -> None:
    menu("Resets", "resets", icon="key-round", order=120)
    menu("Approvals", "approvals", icon="users", order=130, visible=administers, count=approvals)
    dashboard_panel("resets/panels/broken.html", broken, order=4)
    dashboard_panel("resets/recorder/panel.html", at_recorders, order=6)
    dashboard_panel("resets/panels/waiting.html", waiting, order=10)
    dashboard_panel("resets/panels/under_way.html", under_way, order=20)
    dashboard_panel("resets/panels/undelivered.html", undelivered, order=30)
    dashboard_panel("resets/panels/ended.html", ended, order=40)
    part("resets/panels/of_device.html", of_device, order=10)
    column("Last reset", last_resets)
    look_like(words.EVENTS)
    veil("mailbox", masked)
    for digest in ("digest", "facts"):  # a guessed mailbox could be tried against them
        veil(digest, lambda _: "…")


def approvals(request: HttpRequest) -> int:
    return lines.count(by_of(request).actor)


def broken(request: HttpRequest) -> dict[str, Any] | None:
    few = _few(unreviewed(by_of(request).actor))
    return few if few["rows"] else None


def at_recorders(request: HttpRequest) -> dict[str, Any] | None:
    rows = owed(by_of(request).actor)
    few = _few(rows)
    return {**few, "count": rows.count()} if few["rows"] else None


def waiting(request: HttpRequest) -> dict[str, Any]:
    actor = by_of(request).actor
    proposals = mailboxes.waiting(actor).count()
    return {**_few(queries.waiting_for(actor) | to_approve(actor)), "proposals": proposals}


def under_way(request: HttpRequest) -> dict[str, Any]:
    return _few(queries.under_way(by_of(request).actor))


def undelivered(request: HttpRequest) -> dict[str, Any]:
    numbers = reverse("deliveries") if administers(request) else ""
    return {**_few(queries.undelivered(by_of(request).actor)), "all": numbers}


def ended(request: HttpRequest) -> dict[str, Any]:
    return _few(queries.ended(by_of(request).actor))


def of_device(actor: Actor, device: Any) -> dict[str, Any] | None:
    """The device's own resets, the one under way first."""
    few = _few(queries.resets(actor).filter(device=device.pk))
    under_way = next((row for row in few["rows"] if row.open), None)
    return {**few, "open": under_way, "id": str(device.pk)} if few["rows"] else None


def last_resets(actor: Actor, devices: Iterable[UUID]) -> Mapping[UUID, Mark]:
    """How the newest reset of each device stands."""
    marks = {}
    for row in queries.newest_of(actor, devices):
        look = words.PHASES[Phase(row.phase)]
        address = reverse("reset", args=[row.pk])
        marks[row.device_id] = Mark(look.tone, look.text, row.changed_at, address)
    return marks


def _few(rows: QuerySet[Any]) -> dict[str, Any]:
    """The newest of them, and whether there are more."""
    newest = list(rows[: SHOWN + 1])
    return {"rows": newest[:SHOWN], "more": len(newest) > SHOWN}
