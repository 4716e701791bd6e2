"""A reset, as its events leave it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from devices.drivers.recovery_crypto import DIGITS
from devices.mailbox import masked as masked
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import State, state
from resets.applying.state import Order, Restore, Taken
from resets.recorder.state import AtRecorder, CameraThere
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

    @property
    def agreed(self) -> bool:
        """Whether everybody has agreed to it who has to."""
        return self is not Phase.AWAITING_APPROVAL


_WITH_PEOPLE = (Phase.AWAITING_APPROVAL, Phase.REQUESTED, Phase.CODE_SENT, Phase.VERIFIED)
AWAITS_RESULT, AWAITS_CHALLENGE = "order", "challenge"
AWAITS_BUTTON, AWAITS_HAND = "button", "hand"
AT_DEVICE = (AWAITS_RESULT, AWAITS_CHALLENGE, AWAITS_BUTTON, AWAITS_HAND)
"""What a reset waits for, besides the errors of devices: somebody who goes to the device."""
_OPEN = (
    Phase.AWAITING_APPROVAL,
    Phase.REQUESTED,
    Phase.CODE_SENT,
    Phase.VERIFIED,
    Phase.APPLYING,
    Phase.PROVING,
)


class Delivery(StrEnum):
    """What is known of a mail, in the order in which a mail comes to it.

    DEFERRED: the mail server did not take it yet, and Rekey tries again. HELD_UP: the mailbox's own
    server did not, and the mail service tries again.
    """

    NONE = "none"
    QUEUED = "queued"
    DEFERRED = "deferred"
    HANDED_OVER = "handed_over"
    HELD_UP = "held_up"
    REFUSED = "refused"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    SPAM = "spam"

    def follows(self, known: Delivery) -> bool:
        """Whether this is news. What mail services tell comes late, twice and in any order, so a
        mail only ever goes on: in whichever order they come, the same is known in the end.
        """
        return _COURSE[self] > _COURSE[known]


_COURSE = {delivery: place for place, delivery in enumerate(Delivery)}
FAILED = (Delivery.REFUSED, Delivery.BOUNCED, Delivery.SPAM)  # mails that nobody will read


@dataclass(frozen=True)
class Mail:
    """One mail with a code: to which domain, and what is known of it. `answer`: what a mail server
    or service said, without the code and the mailbox.
    """

    send: int
    at: datetime
    domain: str
    delivery: Delivery = Delivery.QUEUED
    answer: str = ""


@dataclass(frozen=True)
class Mailing(State):
    """What codes are mailed for. `mails`: all that were asked for, the newest last."""

    mails: tuple[Mail, ...] = ()

    @property
    def newest_mail(self) -> Mail | None:
        """The last mail to the mailbox that it has now."""
        return self.mails[-1] if self.mails else None

    @property
    def delivery(self) -> Delivery:
        """What is known of the last mail."""
        return self.newest_mail.delivery if self.newest_mail else Delivery.NONE

    @property
    def answer(self) -> str:
        return self.newest_mail.answer if self.newest_mail else ""

    def is_news(self, send: int, delivery: Delivery) -> bool:
        """Whether there is such a mail, of which less is known than this."""
        return any(delivery.follows(mail.delivery) for mail in self.mails if mail.send == send)

    def with_mail(self, send: int, at: datetime, mailbox: str) -> tuple[Mail, ...]:
        """Its mails and another one, to this mailbox."""
        return (*self.mails, Mail(send, at, mailbox.rpartition("@")[2].lower()))

    def with_news(self, send: int, delivery: Delivery, answer: str) -> tuple[Mail, ...]:
        """Its mails, with what was told of one of them."""
        return tuple(
            replace(mail, delivery=delivery, answer=answer) if mail.send == send else mail
            for mail in self.mails
        )


class RecoveryMethod(StrEnum):
    """How the new password gets onto the device."""

    MANAGEMENT_ACCOUNT = "management_account"
    DEVICE_RECOVERY = "device_recovery"
    FACTORY_RESTORE = "factory_restore"
    KNOWN_PASSWORD = "known_password"  # noqa: S105  # nosec B105 - it changes its own


@dataclass(frozen=True)
class Door:
    """A login tried at a door of the device. `opened` is None if the door gave no answer."""

    door: str
    login: str
    opened: bool | None
    detail: str = ""


@state("reset")
class ResetState(Mailing):
    """`asker_id` is the person who began it, `owner` the one whose code the newest is: only they
    may type it (OWASP ASVS 5.0, 6.6.2). `digest` is of what a second person was asked to agree to,
    with `agreed_mailbox` in it: a mailbox that two people correct later does not undo that.
    `glass_broken_by` is who acted alone, without approval and without a code. `qr` is the number of
    the newest QR, `qr_owner` and `qr_shown_by` the id and the name of the person who showed it.
    `disowned`: the owner of the mailbox has said that it was not them. `sent_elsewhere`: codes up
    to this number went to a mailbox that was corrected since.
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
    campaign: UUID | None = None
    rules: CodeRules = CodeRules()
    expires_at: datetime | None = None
    phase: Phase = Phase.REQUESTED

    sends: int = 0
    sent_at: datetime | None = None
    code_expires_at: datetime | None = None
    tries_left: int = 0
    owner: str = ""
    sent_elsewhere: int = 0

    qr: int = 0
    qr_expires_at: datetime | None = None
    qr_owner: str = ""
    qr_shown_by: str = ""
    qr_used: bool = False
    disowned: bool = False

    approval_why: str = ""
    digest: str = ""
    agreed_mailbox: str = ""
    approver: str = ""
    glass_broken_by: str = ""
    glass_reviewed: bool = False

    taken: Taken | None = None
    order: Order | None = None
    restore: Restore = Restore()

    secret: UUID | None = None
    generated: bool = True
    waiting_for: str = ""
    doors: tuple[Door, ...] = ()
    outcome: str = ""

    recorder: AtRecorder = AtRecorder.NONE
    recorder_detail: str = ""
    camera_there: CameraThere | None = None

    @property
    def at_recorder(self) -> AtRecorder:
        """Where the camera stands with its NVR. However a reset ends, what was taken off is to be
        put back.
        """
        if not self.phase.open and self.recorder in (AtRecorder.REMOVING, AtRecorder.REMOVED):
            return AtRecorder.TO_PUT_BACK
        return self.recorder

    @property
    def still_on_recorder(self) -> bool:
        """Whether the camera has to be off its NVR before the reset goes on."""
        return self.recorder in (AtRecorder.TO_REMOVE, AtRecorder.REMOVING)

    @property
    def newest_mail(self) -> Mail | None:
        """The last mail to the mailbox that it has now."""
        newest = super().newest_mail
        return newest if newest and newest.send > self.sent_elsewhere else None

    @property
    def digits(self) -> int:
        """Of its codes: where the device checks them, how long they are is the protocol's."""
        by_device = self.method is RecoveryMethod.DEVICE_RECOVERY
        return DIGITS if by_device else self.rules.digits

    @property
    def awaits_challenge(self) -> bool:
        """Whether a code is asked for that cannot be made before the device has given a challenge:
        no mail goes out, and nothing that is typed can be right.
        """
        by_device = self.method is RecoveryMethod.DEVICE_RECOVERY
        taken = self.taken is not None and self.taken.send == self.sends
        return by_device and self.phase is Phase.CODE_SENT and not taken

    @property
    def is_offline(self) -> bool:
        """Whether the device was out of reach, so that people carry what is said to and fro."""
        return self.taken is not None and self.taken.brought

    @property
    def may_stop(self) -> bool:
        """Whether it can be called off: the device has heard nothing of a new password, and nobody
        has set one there.
        """
        if self.phase is Phase.APPLYING and self.waiting_for in (AWAITS_BUTTON, AWAITS_HAND):
            return self.restore.seen is None and not self.restore.by_hand
        return self.phase.with_people

    @property
    def orders(self) -> int:
        return self.order.number if self.order else 0

    @property
    def code_is_live(self) -> bool:
        return self.phase is Phase.CODE_SENT and self.tries_left > 0

    @property
    def may_send_from(self) -> datetime | None:
        """When a code may be sent (again); None: no more for this reset."""
        if self.sends >= self.rules.sends:
            return None
        if self.sent_at is None or self.sends == self.sent_elsewhere:
            return datetime.min.replace(tzinfo=self.expires_at.tzinfo) if self.expires_at else None
        return self.sent_at + timedelta(seconds=self.rules.between_sends)

    def qr_is_live(self, now: datetime) -> bool:
        """Whether a phone that scans the newest QR may ask for the code."""
        wanted = self.phase in (Phase.REQUESTED, Phase.CODE_SENT) and not self.qr_used
        return wanted and self.qr_expires_at is not None and now < self.qr_expires_at


def refuse_unless_agreed(reset: ResetState) -> None:
    """Refuse to go on with a reset that a second person has to agree to first."""
    if reset.phase is Phase.AWAITING_APPROVAL:
        raise Conflict("not_approved", "A second person has to agree to this reset first.")


def refuse_on_recorder(reset: ResetState) -> None:
    """Refuse to go on while the camera's NVR still tries its password there."""
    if reset.still_on_recorder:
        raise Refused(
            "still_on_recorder",
            "The camera is still on its NVR, which does not open it and goes on trying: that can "
            "lock the camera. Remove it from the NVR first, here or on the NVR itself. It is put "
            "back on the same channel at the end.",
        )


def refuse_if_over(reset: ResetState, now: datetime) -> None:
    """Refuse to go on with a reset whose time is over, also while no worker is there to end it."""
    if reset.phase.with_people and reset.expires_at is not None and now >= reset.expires_at:
        raise Refused("reset_expired", "Nobody went on with this reset in time. Begin another one.")
