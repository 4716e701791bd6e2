"""The events that the tests of the steps begin with."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from fleet.accounts.state import Human
from fleet.eventstore.messages import Actor
from fleet.eventstore.testing import NOW, STREAM
from resets.codes import CodeKey
from resets.limits.rules import Budget, Counted, Left, Limit, Scope, Use
from resets.phone.tokens import PhoneKey
from resets.rules import CodeRules
from resets.state import Door, RecoveryMethod
from resets.steps.apply_password import PasswordApplied
from resets.steps.approve_reset import Agreement, ApprovalAsked, ResetApproved
from resets.steps.break_glass import GlassBroken
from resets.steps.cancel_reset import ResetCancelled
from resets.steps.choose_password import PasswordGenerated
from resets.steps.expire_reset import ResetExpired
from resets.steps.fail_reset import ResetFailed
from resets.steps.prove_password import ResetProven, ResetUnproven
from resets.steps.request_reset import DeviceFacts, ResetRequested
from resets.steps.send_code import CodeIssued
from resets.steps.show_qr import QrShown
from resets.steps.verify_code import CodeVerified

ORGANISATION, SITE, DEVICE, SECRET = (UUID(int=n) for n in range(1, 5))
RULES = CodeRules()
_LIMIT = Limit(Counted.GUESSES, Scope.PERSON, 30, 3600)
SPENT = Budget(Left(Use(_LIMIT, UUID(int=5)), 30, NOW + timedelta(minutes=9)), at=NOW)
TESS = Actor("person", str(UUID(int=9)), "Tess")
KEY = CodeKey(b"of the tests, for 32 bytes of it")
PHONE = Actor("phone", "", "Whoever scanned the QR")
PHONE_KEY = PhoneKey(KEY.key)
TESS_HERSELF = Human(TESS.id, "Tess")
ALICE_HERSELF = Human(str(UUID(int=8)), "Alice")
WAYS = (RecoveryMethod.MANAGEMENT_ACCOUNT, RecoveryMethod.FACTORY_RESTORE)
FACTS = DeviceFacts(DEVICE, ORGANISATION, SITE, "Gate north", "admin", "owner@example.com", WAYS)

REQUESTED = ResetRequested(
    device=DEVICE,
    device_name="Gate north",
    organisation=ORGANISATION,
    site=SITE,
    username="admin",
    method=RecoveryMethod.MANAGEMENT_ACCOUNT,
    reason="The installer left",
    reset_email="owner@example.com",
    rules=RULES,
    expires_at=NOW + timedelta(hours=1),
    asker="Tess",
    asker_id=TESS_HERSELF.id,
    nvr=None,
    channel=None,
    on_recorder=False,
)


def issued(send: int = 1, after: float = 0, by_phone: bool = False) -> CodeIssued:
    """The n-th code, so many seconds after the reset began."""
    at = NOW + timedelta(seconds=after)
    return CodeIssued(
        send, "o•••r@e•••e.com", 5, at, at + timedelta(minutes=10), "Tess", TESS.id, by_phone
    )


def shown(number: int = 1, after: float = 0) -> QrShown:
    """The n-th QR, so many seconds after the reset began, shown by Tess."""
    until = NOW + timedelta(seconds=after, minutes=10)
    return QrShown(number, until, TESS_HERSELF.id, TESS_HERSELF.name)


def code(send: int = 1) -> str:
    return KEY.code(STREAM, send, RULES.digits)


def wrong(send: int = 1) -> str:
    return f"{(int(code(send)) + 1) % 10**8:08}"


AGREEMENT = Agreement("always", ("the device", "203.0.113.7", "80", "admin", "owner@example.com"))
DIGEST = AGREEMENT.digest("management_account", "The installer left")
WAITS = ApprovalAsked("always", DIGEST, NOW + timedelta(days=1))
DOORS = (Door("onvif", "new", True), Door("onvif", "old", False))
ISSUED = issued()
VERIFIED = CodeVerified()
CHOSEN = PasswordGenerated(SECRET)
APPLIED = PasswordApplied()
ASKED = (REQUESTED,)
AWAITING = (REQUESTED, WAITS)
AGREED = (*AWAITING, ResetApproved("Alice", NOW + timedelta(hours=1)))
SENT = (*ASKED, ISSUED)
BROKEN = (*SENT, GlassBroken("A fire at the gate", ALICE_HERSELF.id, NOW + timedelta(hours=1)))
PROVED_MAILBOX = (*SENT, VERIFIED)
APPLYING = (*PROVED_MAILBOX, CHOSEN)
PROVING = (*APPLYING, APPLIED)
DONE = (*PROVING, ResetProven(DOORS))
UNPROVEN = (*PROVING, ResetUnproven(DOORS, "new_refused", "so"))
FAILED = (*APPLYING, ResetFailed("not_authorised", "The device refused the login."))
EXPIRED = (*SENT, ResetExpired())
CANCELLED = (*PROVED_MAILBOX, ResetCancelled())

WITH_PEOPLE = (ASKED, SENT, PROVED_MAILBOX)
WITH_THE_DEVICE = (APPLYING, PROVING)
ENDED = (DONE, UNPROVEN, FAILED, EXPIRED, CANCELLED)
EVERY_PHASE = WITH_PEOPLE + WITH_THE_DEVICE + ENDED
