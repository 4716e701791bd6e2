"""A proposal that a device's Reset Password Email becomes another one, as its events leave it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from fleet.eventstore.messages import State, state


class Stage(StrEnum):
    """Where a proposal stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    CHANGED = "changed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    VOID = "void"

    @property
    def open(self) -> bool:
        """Whether anything is still to come."""
        return self in (Stage.PROPOSED, Stage.APPROVED)


class Domain(StrEnum):
    """What DNS says of a mailbox's domain."""

    NOT_ASKED = "not_asked"
    TAKES_MAIL = "takes_mail"
    UNKNOWN = "unknown"


@state("mailbox_change")
class MailboxState(State):
    """`old_email` is "" where a mailbox is named for the first time. The ids are those of persons;
    `digest` is over all that will be done.
    """

    device_name: str = ""
    address: str = ""
    old_email: str = ""
    reset_email: str = ""
    domain: Domain = Domain.NOT_ASKED
    reason: str = ""
    proposer: str = ""
    proposer_id: str = ""
    approver: str = ""
    approver_id: str = ""
    digest: str = ""
    expires_at: datetime | None = None
    stage: Stage = Stage.PROPOSED
    answer: str = ""
