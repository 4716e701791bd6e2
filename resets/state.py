"""A reset, as its events leave it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from fleet.errors import Refused
from fleet.eventstore.messages import State, state
from resets.rules import CodeRules


class Phase(StrEnum):
    """Where a reset stands."""

    AWAITING_APPROVAL = "awaiting_approval"
    REQUESTED = "requested"
    CODE_SENT = "code_sent"
    VERIFIED = "verified"
    APPLYING = "applying"
    PROVING = "proving"
    DONE = "done"
    UNPROVEN = "unproven"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def open(self) -> bool:
        """Whether anything is still to come."""
        return self in _OPEN

    @property
    def with_people(self) -> bool:
        """Whether it waits for a person, and not for the device."""
        return self in _WITH_PEOPLE


_WITH_PEOPLE = (Phase.AWAITING_APPROVAL, Phase.REQUESTED, Phase.CODE_SENT, Phase.VERIFIED)
_OPEN = (
    Phase.AWAITING_APPROVAL,
    Phase.REQUESTED,
    Phase.CODE_SENT,
    Phase.VERIFIED,
    Phase.APPLYING,
    Phase.PROVING,
)


class Delivery(StrEnum):
    """What is known of the last mail."""

    NONE = "none"
    QUEUED = "queued"
    HANDED_OVER = "handed_over"
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    REFUSED = "refused"
    BOUNCED = "bounced"
    SPAM = "spam"


class RecoveryMethod(StrEnum):
    """How the new password gets onto the device."""

    MANAGEMENT_ACCOUNT = "management_account"
    DEVICE_RECOVERY = "device_recovery"
    FACTORY_RESTORE = "factory_restore"


@dataclass(frozen=True)
class Door:
    """A login tried at a door of the device. `opened` is None if the door gave no answer."""

    door: str
    login: str
    opened: bool | None
    detail: str = ""


@state("reset")
class ResetState(State):
    """`asker_id` is the person who began it, `owner` the one whose code the newest is: only they
    may type it (OWASP ASVS 5.0, 6.6.2). `digest` is of what a second person was asked to agree to.
    `glass_broken_by` is who acted alone, without approval and without a code.
    """

    device_name: str = ""
    username: str = ""
    method: RecoveryMethod = RecoveryMethod.MANAGEMENT_ACCOUNT
    reason: str = ""
    reset_email: str = ""
    asker: str = ""
    asker_id: str = ""
    nvr: UUID | None = None
    channel: int | None = None
    rules: CodeRules = CodeRules()
    expires_at: datetime | None = None
    phase: Phase = Phase.REQUESTED

    sends: int = 0
    sent_at: datetime | None = None
    code_expires_at: datetime | None = None
    tries_left: int = 0
    owner: str = ""
    delivery: Delivery = Delivery.NONE
    delivery_detail: str = ""

    approval_why: str = ""
    digest: str = ""
    approver: str = ""
    glass_broken_by: str = ""
    glass_reviewed: bool = False

    secret: UUID | None = None
    generated: bool = True
    waiting_for: str = ""
    doors: tuple[Door, ...] = ()
    outcome: str = ""

    @property
    def code_is_live(self) -> bool:
        return self.phase is Phase.CODE_SENT and self.tries_left > 0

    @property
    def may_send_from(self) -> datetime | None:
        """When a code may be sent (again); None: no more for this reset."""
        if self.sends >= self.rules.sends:
            return None
        if self.sent_at is None:
            return datetime.min.replace(tzinfo=self.expires_at.tzinfo) if self.expires_at else None
        return self.sent_at + timedelta(seconds=self.rules.between_sends)


def refuse_if_over(reset: ResetState, now: datetime) -> None:
    """Refuse to go on with a reset whose time is over, also while no worker is there to end it."""
    if reset.phase.with_people and reset.expires_at is not None and now >= reset.expires_at:
        raise Refused("reset_expired", "Nobody went on with this reset in time. Begin another one.")


def masked(email: str) -> str:
    """A mailbox so that its owner knows it and nobody else learns it: `a•••e@e•••e.com`."""
    name, _, domain = email.partition("@")
    host, dot, rest = domain.rpartition(".")
    if not dot:
        host, rest = domain, ""
    return f"{_dotted(name)}@{_dotted(host)}{dot}{rest}"


def _dotted(text: str) -> str:
    return f"{text[:1]}•••{text[-1:]}" if len(text) > 2 else f"{text[:1]}•••"
