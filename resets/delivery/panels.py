"""What the menu and the pages of devices show of mails."""

from __future__ import annotations

from typing import Any

from devices.mailbox import masked
from devices.page_parts import part
from fleet.accounts.access import may
from fleet.accounts.menu import administers
from fleet.accounts.state import Role
from fleet.audit.entries import look_like
from fleet.audit.veils import veil
from fleet.eventstore.messages import Actor
from fleet.web.registry import menu
from resets.delivery import queries
from resets.delivery.steps import SendTestMail

EVENTS = {
    "resets.test_mail_asked": ("busy", "send"),
    "resets.test_mail_answered": ("quiet", "mail"),
}


def register() -> None:
    menu("Mail delivery", "deliveries", icon="mail-check", order=140, visible=administers)
    part("resets/panels/test_mail.html", of_device, order=20)
    look_like(EVENTS)
    veil("recipient", masked)


def of_device(actor: Actor, device: Any) -> dict[str, Any] | None:
    """The newest test mail to the device's mailbox, and the button for another."""
    may_send = (
        bool(device.reset_email)
        and not device.removed
        and may(actor, Role(SendTestMail.by), device.organisation, device.site)
    )
    newest = queries.mail_tests(actor).filter(device=device.pk).first()
    return {"device": device, "newest": newest, "may": may_send} if may_send or newest else None
