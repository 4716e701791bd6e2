"""What the menu, the page of a device and the approvals show of proposed mailboxes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devices.page_parts import part
from fleet.accounts.menu import administers
from fleet.audit.entries import look_like
from fleet.eventstore.messages import Actor
from fleet.web.registry import menu
from resets.mailboxes import queries
from resets.mailboxes.page import Proposal

EVENTS = {
    "resets.mailbox_proposed": ("busy", "mail-question-mark"),
    "resets.mailbox_approved": ("ok", "user-check"),
    "resets.mailbox_declined": ("bad", "user-x"),
    "resets.mailbox_withdrawn": ("quiet", "undo-2"),
    "resets.mailbox_proposal_expired": ("quiet", "timer-off"),
    "resets.mailbox_proposal_voided": ("quiet", "ban"),
    "resets.mailbox_changed": ("ok", "mailbox"),
}


def register() -> None:
    menu("Mailboxes", "mailboxes", icon="mailbox", order=135, visible=administers)
    part("resets/mailboxes/of_device.html", of_device, order=5)
    look_like(EVENTS)


def of_device(actor: Actor, device: Any) -> Mapping[str, Any] | None:
    """The device's proposal that is under way."""
    row = queries.open_change_of(actor, device.pk)
    return {"proposal": Proposal(row, actor)} if row else None
