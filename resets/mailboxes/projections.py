"""Proposals as rows."""

from __future__ import annotations

from typing import Any

from fleet.errors import Conflict
from fleet.eventstore.handling import conflict_of
from fleet.eventstore.projections import projects
from resets.mailboxes.models import MailboxChange
from resets.mailboxes.state import MailboxState

_AS_IT_IS = (
    "device_name", "address", "old_email", "reset_email", "reason", "proposer", "proposer_id",
    "approver", "digest", "expires_at", "answer",
)  # fmt: skip


@projects("mailbox_change", MailboxChange)
def mailbox_change(state: MailboxState) -> dict[str, Any]:
    return {
        **{name: getattr(state, name) for name in _AS_IT_IS},
        "place_id": state.site,
        "device_id": state.subject,
        "domain": state.domain.value,
        "stage": state.stage.value,
        "open": state.stage.open,
    }


conflict_of(
    "mailbox_change_one_open_per_device",
    "mailbox_change.device_id",
    lambda: Conflict(
        "mailbox_proposed_already",
        "A Reset Password Email is proposed for this device already. Wait for the answer to that"
        " one, or have it declined or taken back.",
    ),
)
