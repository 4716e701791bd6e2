"""The devices' lines in the menu, and what the dashboard shows of them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from devices import mailbox, queries
from devices.places import SitesAndDevices
from fleet.accounts.middleware import by_of
from fleet.accounts.places import set_places
from fleet.audit.entries import look_like
from fleet.audit.veils import veil
from fleet.web.registry import dashboard_panel, menu

SHOWN = 6

_LOOKS = {
    "devices.site_opened": ("quiet", "map-pin"),
    "devices.networks_set": ("quiet", "network"),
    "devices.site_closed": ("warn", "ban"),
    # a device
    "devices.device_added": ("quiet", "plus"),
    "devices.device_activated": ("ok", "lock-keyhole"),
    "devices.device_restored": ("warn", "rotate-ccw"),
    "devices.device_identified": ("quiet", "badge-check"),
    "devices.services_found": ("quiet", "plug"),
    "devices.longest_password_found": ("warn", "ruler"),
    "devices.management_account_made": ("ok", "user-cog"),
    "devices.check_requested": ("quiet", "refresh-cw"),
    "devices.device_certified": ("ok", "shield-check"),
    "devices.device_not_certified": ("warn", "shield-alert"),
    "devices.device_troubled": ("bad", "unplug"),
    "devices.certificate_pinned": ("quiet", "file-lock"),
    "devices.certificate_changed": ("bad", "shield-x"),
    "devices.certificate_accepted": ("warn", "file-check"),
    "devices.device_changed": ("quiet", "pencil"),
    "devices.device_moved": ("quiet", "truck"),
    "devices.device_replaced": ("quiet", "replace"),
    "devices.reset_email_changed": ("warn", "mailbox"),
    "devices.device_removed": ("warn", "trash-2"),
    # an NVR and its channels
    "devices.channels_read": ("quiet", "list-video"),
    "devices.nvr_let_in": ("ok", "hard-drive"),
    "devices.nvr_shut_out": ("warn", "hard-drive"),
    "devices.placed_on_channel": ("quiet", "cable"),
    "devices.taken_off_channel": ("quiet", "unlink"),
    # passwords
    "devices.credential_begun": ("quiet", "lock-keyhole"),
    "devices.credential_moved": ("quiet", "lock-keyhole"),
    "devices.candidate_stored": ("busy", "lock-keyhole"),
    "devices.candidate_promoted": ("ok", "lock-keyhole"),
    "devices.candidate_withdrawn": ("warn", "lock-keyhole"),
    "devices.password_set_aside": ("quiet", "lock-keyhole"),
    "devices.password_revealed": ("warn", "eye"),
    "devices.password_handed_over": ("warn", "file-lock"),
    "devices.password_given": ("quiet", "key-round"),
    "devices.given_password_refused": ("warn", "key-round"),
    "devices.history_requested": ("quiet", "archive-restore"),
    "devices.earlier_password_refused": ("quiet", "lock-keyhole"),
    "devices.password_found_again": ("ok", "archive-restore"),
    "devices.history_tried": ("warn", "archive-x"),
    # discovery
    "devices.scan_requested": ("busy", "radar"),
    "devices.scan_repeated": ("busy", "radar"),
    "devices.scan_finished": ("ok", "radar"),
    "devices.scan_failed": ("bad", "radar"),
    "devices.scan_stopped": ("quiet", "circle-stop"),
    "devices.device_discovered": ("quiet", "sparkles"),
    "devices.discovered_changed": ("quiet", "replace"),
    "devices.discovered_gone": ("quiet", "unplug"),
    "devices.discovered_ignored": ("quiet", "eye-off"),
    "devices.discovered_heeded": ("quiet", "eye"),
    # lists
    "devices.import_checked": ("quiet", "list-checks"),
    "devices.import_requested": ("busy", "file-up"),
    "devices.import_applied": ("ok", "file-up"),
    "devices.import_not_applied": ("bad", "file-up"),
    "devices.import_discarded": ("quiet", "file-x"),
    "devices.import_expired": ("quiet", "file-clock"),
}


def register() -> None:
    menu("Sites", "sites", icon="map-pin", order=100)
    menu("Devices", "devices", icon="cctv", order=110)
    menu("Discovery", "discovery", icon="radar", order=120)
    dashboard_panel("devices/panels/counts.html", counts, order=5)
    dashboard_panel("devices/panels/needing.html", needing, order=15)
    dashboard_panel("devices/panels/sites.html", sites, order=50)
    look_like(_LOOKS)
    for field in (mailbox.FIELD, "old_email"):
        veil(field, mailbox.masked)
    set_places(SitesAndDevices())


def counts(request: HttpRequest) -> dict[str, Any] | None:
    counted = queries.counted(by_of(request).actor)
    return counted if counted["all"] else None


def needing(request: HttpRequest) -> dict[str, Any]:
    rows = list(queries.needing_somebody(by_of(request).actor)[: SHOWN + 1])
    return {"rows": rows[:SHOWN], "more": len(rows) > SHOWN}


def sites(request: HttpRequest) -> dict[str, Any]:
    rows = list(queries.sites(by_of(request).actor)[: SHOWN + 1])
    return {"rows": rows[:SHOWN], "more": len(rows) > SHOWN}
