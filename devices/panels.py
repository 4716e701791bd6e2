"""The devices' lines in the menu, and what the dashboard shows of them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from devices import queries
from devices.places import SitesAndDevices
from fleet.accounts.places import set_places
from fleet.audit.entries import look_like
from fleet.eventstore.messages import Actor
from fleet.web.registry import dashboard_panel, menu

SHOWN = 6

_LOOKS = {
    "devices.site_opened": ("quiet", "map-pin"),
    "devices.device_added": ("quiet", "plus"),
    "devices.device_identified": ("quiet", "badge-check"),
    "devices.management_account_made": ("ok", "user-cog"),
    "devices.check_requested": ("quiet", "refresh-cw"),
    "devices.device_certified": ("ok", "shield-check"),
    "devices.device_not_certified": ("warn", "shield-alert"),
    "devices.device_troubled": ("bad", "unplug"),
    "devices.credential_begun": ("quiet", "lock-keyhole"),
    "devices.candidate_stored": ("busy", "lock-keyhole"),
    "devices.candidate_promoted": ("ok", "lock-keyhole"),
    "devices.candidate_withdrawn": ("warn", "lock-keyhole"),
    "devices.password_revealed": ("warn", "eye"),
}


def register() -> None:
    menu("Sites", "sites", icon="map-pin", order=100)
    menu("Devices", "devices", icon="cctv", order=110)
    dashboard_panel("devices/panels/counts.html", counts, order=5)
    dashboard_panel("devices/panels/needing.html", needing, order=15)
    dashboard_panel("devices/panels/sites.html", sites, order=50)
    look_like(_LOOKS)
    set_places(SitesAndDevices())


def counts(request: HttpRequest) -> dict[str, Any] | None:
    counted = queries.counted(_actor(request))
    return counted if counted["all"] else None


def needing(request: HttpRequest) -> dict[str, Any]:
    rows = list(queries.needing_somebody(_actor(request))[: SHOWN + 1])
    return {"rows": rows[:SHOWN], "more": len(rows) > SHOWN}


def sites(request: HttpRequest) -> dict[str, Any]:
    rows = list(queries.sites(_actor(request))[: SHOWN + 1])
    return {"rows": rows[:SHOWN], "more": len(rows) > SHOWN}


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor
