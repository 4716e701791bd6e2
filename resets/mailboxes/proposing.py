"""A proposal begins: the domain is looked up first, then the command is sent."""

from __future__ import annotations

from uuid import UUID

from devices import queries as devices
from fleet.accounts.access import require
from fleet.accounts.state import Role
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import By
from resets.mailboxes.domains import domain_of
from resets.mailboxes.steps import ProposeMailbox


def propose(device: UUID, reset_email: str, reason: str, by: By) -> UUID:
    """Propose a Reset Password Email for a device; answers with the proposal's id.

    Raises NotFound and Forbidden (before anything is looked up), Refused, Conflict.
    """
    row = devices.device(by.actor, device)
    require(by.actor, Role(ProposeMailbox.by), row.organisation, row.site, "device")
    begun, domain = new_id(), domain_of(reset_email)
    handle(ProposeMailbox(device, reset_email, reason, domain), begun, by)
    return begun
