"""A reset, as its events leave it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from fleet.errors import Refused
from fleet.eventstore.messages import State, state


class Phase(StrEnum):
    """Where a reset stands."""

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
        return self in (Phase.REQUESTED, Phase.CODE_SENT, Phase.VERIFIED)


_OPEN = (
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
    DEFERRED = "deferred"
    REFUSED = "refused"


class RecoveryMethod(StrEnum):
    """How the new password gets onto the device."""

    MANAGEMENT_ACCOUNT = "management_account"


@dataclass(frozen=True)
class CodeRules:
    """A site's rules for codes. Times in seconds.

    Bounds: RFC 4226 and NIST SP 800-63B-4 (6 to 8 digits), OWASP ASVS 5.0 6.5.5 (10 minutes).
    """

    digits: int = 8
    valid: int = 600
    tries: int = 5
    between_sends: int = 60
    sends: int = 3
    open_for: int = 3600

    def checked(self) -> CodeRules:
        """These rules, when they are to be used from now on. Raises ValueError out of bounds.

        Not in `__post_init__`: rules that were allowed once stand in events, and those have to be
        readable for ever.
        """
        if not (6 <= self.digits <= 8 and 60 <= self.valid <= 600 and 1 <= self.tries <= 10):
            raise ValueError("rules for codes outside of what the standards allow")
        return self


@dataclass(frozen=True)
class Door:
    """A login tried at a door of the device. `opened` is None if the door gave no answer."""

    door: str
    login: str
    opened: bool | None
    detail: str = ""


@state("reset")
class ResetState(State):
    device_name: str = ""
    username: str = ""
    method: RecoveryMethod = RecoveryMethod.MANAGEMENT_ACCOUNT
    reason: str = ""
    reset_email: str = ""
    asker: str = ""
    rules: CodeRules = CodeRules()
    expires_at: datetime | None = None
    phase: Phase = Phase.REQUESTED

    sends: int = 0
    sent_at: datetime | None = None
    code_expires_at: datetime | None = None
    tries_left: int = 0
    delivery: Delivery = Delivery.NONE
    delivery_detail: str = ""

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
