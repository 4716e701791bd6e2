"""Every call: who may make it, and what is sent."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import MISSING
from datetime import UTC, datetime, timedelta
from typing import Any

from pyrage import x25519

from fleet.accounts.state import Role
from fleet.eventstore.messages import asked_fields
from resets.campaigns.queries import item_steps
from resets.campaigns.queries import steps as campaign_steps
from resets.queries import steps
from resets.readiness.queries import steps as drill_steps
from resets.schedules.queries import steps as schedule_steps
from tests.security.rules import ANYBODY, HIDDEN, ORGANISATION, OWN, PEOPLE, PROPOSER, Rule
from tests.security.world import A_LIST, A_SCHEDULE, NETWORK, Place, World

# The least role for each call.
LEAST: dict[str, dict[str, Role | Rule]] = {
    "schema": {"GET": ANYBODY},
    "docs": {"GET": ANYBODY},
    "api-me": {"GET": Role.VIEWER},
    "api-tokens": {"GET": Role.VIEWER, "POST": PEOPLE},
    "api-token": {"GET": OWN},
    "api-token-revoke": {"POST": OWN},
    "api-roles": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "api-role": {"GET": HIDDEN},
    "api-role-revoke": {"POST": HIDDEN},
    "api-sites": {"GET": Role.VIEWER, "POST": ORGANISATION},
    "api-site": {"GET": Role.VIEWER},
    "api-site-networks": {"POST": Role.ADMINISTRATOR},
    "api-site-close": {"POST": Role.ADMINISTRATOR},
    "api-scans": {"GET": Role.VIEWER, "POST": Role.OPERATOR},
    "api-scan": {"GET": Role.VIEWER},
    "api-scan-stop-scan": {"POST": Role.OPERATOR},
    "api-discovered-list": {"GET": Role.VIEWER},
    "api-discovered": {"GET": Role.VIEWER},
    "api-discovered-add": {"POST": Role.OPERATOR},
    "api-discovered-activate": {"POST": Role.OPERATOR},
    "api-discovered-follow": {"POST": Role.OPERATOR},
    "api-discovered-ignore-discovered": {"POST": Role.OPERATOR},
    "api-discovered-heed-discovered": {"POST": Role.OPERATOR},
    "api-devices": {"GET": Role.VIEWER, "POST": Role.OPERATOR},
    "api-device": {"GET": Role.VIEWER},
    "api-device-check": {"POST": Role.TECHNICIAN},
    "api-devices-activate": {"POST": Role.OPERATOR},
    "api-devices-check": {"POST": Role.TECHNICIAN},
    "api-devices-move": {"POST": Role.OPERATOR},
    "api-devices-remove": {"POST": Role.OPERATOR},
    "api-device-change-device": {"POST": Role.OPERATOR},
    "api-device-place-on-channel": {"POST": Role.OPERATOR},
    "api-device-move-device": {"POST": Role.OPERATOR},
    "api-device-replace-device": {"POST": Role.OPERATOR},
    "api-device-give-password": {"POST": Role.OPERATOR},
    "api-device-try-history": {"POST": Role.TECHNICIAN},
    "api-device-accept-certificate": {"POST": Role.OPERATOR},
    "api-device-remove-device": {"POST": Role.OPERATOR},
    "api-device-reveal": {"POST": Role.ADMINISTRATOR},
    "api-imports": {"GET": Role.VIEWER, "POST": Role.OPERATOR},
    "api-import": {"GET": OWN},
    "api-import-apply": {"POST": OWN},
    "api-import-discard": {"POST": OWN},
    "api-devices-export": {"GET": Role.VIEWER},
    "api-device-resets": {"POST": Role.TECHNICIAN},
    "api-resets": {"GET": Role.VIEWER},
    "api-approvals": {"GET": Role.VIEWER},
    "api-site-code-rules": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "api-site-approval-rules": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "api-site-password-rules": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "api-reset": {"GET": Role.VIEWER},
    "api-reset-order": {"GET": Role.TECHNICIAN},
    # A new step brings its call with it, and asks for the role that its command names.
    **{f"api-reset-{slug}": {"POST": Role(step.by)} for slug, step in steps().items()},
    "api-deliveries": {"GET": Role.VIEWER},
    "api-test-mails": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "api-test-mail": {"GET": Role.VIEWER},
    "api-device-test-mail": {"POST": Role.TECHNICIAN},
    "api-limits": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "api-limits-preview": {"POST": Role.ADMINISTRATOR},
    "api-refusals": {"GET": Role.VIEWER},
    "api-alarms": {"GET": Role.VIEWER},
    "api-alarm": {"GET": Role.VIEWER},
    "api-alarm-close": {"POST": Role.ADMINISTRATOR},
    "api-device-budget": {"GET": Role.VIEWER},
    "api-campaigns": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "api-campaign": {"GET": Role.VIEWER},
    "api-campaign-items": {"GET": Role.VIEWER},
    "api-campaign-item": {"GET": Role.VIEWER},
    "api-campaign-retry-failed": {"POST": Role.ADMINISTRATOR},
    **{f"api-campaign-{slug}": {"POST": Role(s.by)} for slug, s in campaign_steps().items()},
    **{f"api-campaign-item-{slug}": {"POST": Role(s.by)} for slug, s in item_steps().items()},
    "api-campaign-codes": {"GET": Role.VIEWER},
    "api-campaign-report": {"GET": Role.VIEWER},
    "api-campaign-hand-over": {"POST": Role.ADMINISTRATOR},
    "api-hand-over": {"POST": Role.ADMINISTRATOR},
    "api-campaign-mailbox": {"GET": Role.VIEWER},
    "api-campaign-code-send": {"POST": Role.TECHNICIAN},
    "api-campaign-code-enter": {"POST": Role.TECHNICIAN},
    "api-readiness": {"GET": Role.VIEWER},
    "api-readiness-export": {"GET": Role.VIEWER},
    "api-device-readiness": {"GET": Role.VIEWER},
    "api-drills": {"GET": Role.VIEWER},
    "api-drill": {"GET": Role.VIEWER},
    "api-device-drills": {"POST": Role.TECHNICIAN},
    **{f"api-drill-{slug}": {"POST": Role(step.by)} for slug, step in drill_steps().items()},
    "api-mailboxes": {"GET": Role.VIEWER},
    "api-mailbox": {"GET": Role.VIEWER},
    "api-device-mailboxes": {"POST": Role.TECHNICIAN},
    "api-mailbox-approve-mailbox": {"POST": Role.ADMINISTRATOR},
    "api-mailbox-decline-mailbox": {"POST": Role.ADMINISTRATOR},
    "api-mailbox-withdraw-mailbox": {"POST": PROPOSER},
    "api-schedules": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "api-schedule": {"GET": Role.VIEWER},
    **{f"api-schedule-{slug}": {"POST": Role(step.by)} for slug, step in schedule_steps().items()},
    "api-events": {"GET": Role.VIEWER},
    "api-jobs": {"GET": Role.VIEWER},
    "api-job-retry": {"POST": HIDDEN},
}

A_KEY = str(x25519.Identity.generate().to_public())

BODIES: dict[str, Callable[[World, Place], dict[str, Any]]] = {
    "api-campaigns": lambda w, at: {
        "place": str(at.site),
        "kind": "reset",
        "name": "Another",
        "reason": "A test",
        "ends_at": (datetime.now(UTC) + timedelta(days=2)).isoformat(),
    },
    "api-campaign-approve-campaign": lambda w, at: {"digest": "0" * 64},
    "api-campaign-decline-campaign": lambda w, at: {"reason": "A test"},
    "api-campaign-code-enter": lambda w, at: {"code": "12345678"},
    "api-campaign-hand-over": lambda w, at: {"reason": "A test", "keys": [A_KEY]},
    "api-hand-over": lambda w, at: {
        "devices": [str(at.other)],
        "reason": "A test",
        "keys": [A_KEY],
    },
    "api-tokens": lambda w, at: {"name": "x", "organisation": str(w.who.organisation)},
    "api-roles": lambda w, at: {
        "email": "new@example.com",
        "name": "Nora",
        "role": "viewer",
        "organisation": str(w.who.organisation),
        "site": str(at.site),
    },
    "api-role-revoke": lambda w, at: {"reason": "A test"},
    "api-sites": lambda w, at: {"name": "Quarry", "organisation": str(w.who.organisation)},
    "api-devices": lambda w, at: {
        "site": str(at.site),
        "kind": "camera",
        "name": "Another",
        "host": "203.0.113.77",
        "port": 80,
        "username": "admin",
        "password": "correct-horse-2",
    },
    "api-site-networks": lambda w, at: {"networks": NETWORK},
    "api-site-close": lambda w, at: {"reason": "Sold"},
    "api-scans": lambda w, at: {"site": str(at.site), "network": NETWORK},
    "api-discovered-add": lambda w, at: {
        "discovered": [str(at.found)],
        "password": "correct-horse-2",
    },
    "api-discovered-activate": lambda w, at: {
        "discovered": [str(at.found)],
        "reset_email": "owner@example.com",
    },
    "api-devices-activate": lambda w, at: {
        "site": str(at.site),
        "kind": "camera",
        "name": "Another",
        "host": "203.0.113.78",
        "port": 80,
        "reset_email": "owner@example.com",
    },
    "api-devices-check": lambda w, at: {"devices": [str(at.other)]},
    "api-devices-move": lambda w, at: {"devices": [str(at.other)], "site": str(at.site)},
    "api-devices-remove": lambda w, at: {"devices": [str(at.other)], "reason": "A test"},
    "api-device-change-device": lambda w, at: {"port": 8080},
    "api-device-move-device": lambda w, at: {"site": str(at.site)},
    "api-device-give-password": lambda w, at: {"password": "correct-horse-3"},
    "api-device-replace-device": lambda w, at: {
        "host": "203.0.113.79",
        "port": 80,
        "username": "admin",
        "password": "correct-horse-2",
    },
    "api-device-accept-certificate": lambda w, at: {
        "certificate": "ab" * 32,
        "reason": "A test",
    },
    "api-device-remove-device": lambda w, at: {"reason": "A test"},
    "api-device-reveal": lambda w, at: {"reason": "A test"},
    "api-imports": lambda w, at: {
        "site": str(at.site),
        "file": "list.csv",
        "content": b64encode(A_LIST.encode()).decode(),
    },
    "api-device-resets": lambda w, at: {"reason": "A test"},
    "api-test-mails": lambda w, at: {"site": str(at.site), "reset_email": "a@example.net"},
    "api-device-mailboxes": lambda w, at: {"reset_email": "a@example.net", "reason": "A test"},
    "api-limits": lambda w, at: {"limits": None},
    "api-limits-preview": lambda w, at: {"limits": []},
    "api-alarm-close": lambda w, at: {"reason": "A test"},
    "api-drill-enter-drill-code": lambda w, at: {"code": "1234"},
    "api-schedules": lambda w, at: {"place": str(at.site), **A_SCHEDULE},
    "api-schedule-approve-schedule": lambda w, at: {"digest": "0" * 64},
    "api-schedule-change-schedule": lambda w, at: A_SCHEDULE,
    "api-mailbox-approve-mailbox": lambda w, at: {"digest": "0" * 64},
    "api-mailbox-decline-mailbox": lambda w, at: {"reason": "A test"},
    **{
        f"api-reset-{slug}": lambda w, at, step=step: {
            name: "1234 5678"
            for name, (_, field) in asked_fields(step).items()
            if field.default is MISSING
        }
        for slug, step in steps().items()
    },
    "api-reset-tick-off": lambda w, at: {"item": "time"},
}
