"""What happens out there when a reset goes on: the mail, the device, the end of its time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings
from django.utils import timezone

from devices.cuts import cut_at, keep_cut
from devices.doors import Talk, login, talking, wrong_password
from devices.drivers.base import Login
from devices.drivers.errors import (
    CertificateChanged,
    Declined,
    DeviceError,
    FactoryFresh,
    ForbiddenAddress,
    LockedOut,
    NotAuthorised,
    NotSupported,
    OpensToAnything,
    TriesSpent,
)
from devices.drivers.proof import Proof, prove
from devices.models import Device
from devices.queries import credential_for_jobs, device_for_jobs
from devices.recorders import read_soon
from devices.state import CredentialState, Purpose, credential_id
from devices.steps.check_device import RecordCheck, RecordTrouble
from devices.steps.credential import PromoteCandidate, StoreCandidate, WithdrawCandidate
from devices.vault import VaultError
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import Later, later, reaction
from fleet.mail import MailDeferred, MailRefused, deliver
from resets.codes import CodeKey, grouped
from resets.letter import code_letter
from resets.state import Delivery, Door, Phase, ResetState, masked
from resets.steps.apply_password import RecordApplied, RecordWait
from resets.steps.approve_reset import ApprovalAsked, ResetApproved
from resets.steps.break_glass import GlassBroken
from resets.steps.choose_password import PasswordGenerated, PasswordTyped
from resets.steps.deliver_code import RecordDelivery
from resets.steps.expire_reset import ExpireReset
from resets.steps.fail_reset import FailReset
from resets.steps.prove_password import RecordProof
from resets.steps.request_reset import ResetRequested
from resets.steps.send_code import CodeIssued

LASTING = (
    "unreachable",
    "certificate_changed",
    "factory_fresh",
    "locked_out",
    "opens_to_anything",
    "forbidden_address",
)
GIVE_UP_AFTER = timedelta(minutes=15)  # of a device that does not answer


@reaction(
    ResetRequested, ApprovalAsked, ResetApproved, GlassBroken, due=lambda event: event.expires_at
)
def expire_reset(recorded: Recorded) -> None:
    handle(ExpireReset(), recorded.stream, recorded.because("end what nobody went on with"))


# --- the mail -------------------------------------------------------------------------------------


@reaction(CodeIssued, urgent=True)
def mail_code(recorded: Recorded) -> None:
    """Mail the code. Run twice, it mails the same code under the same Message-ID."""
    issued = recorded.event
    assert isinstance(issued, CodeIssued)
    reset = state_of(ResetState, recorded.stream)
    if reset.sends != issued.send or not reset.code_is_live:
        return  # a newer code has replaced it, or it is not needed any more
    if reset.delivery in (Delivery.HANDED_OVER, Delivery.REFUSED):
        return  # an earlier run died after it had recorded this
    by = recorded.because("mail the code")

    def record(delivery: Delivery, answer: str) -> None:
        # A mail server may quote what it was sent.
        for secret in (code, grouped(code)):
            answer = answer.replace(secret, "…")
        mailbox = re.compile(re.escape(reset.reset_email), re.IGNORECASE)
        told = mailbox.sub(masked(reset.reset_email), answer)
        handle(RecordDelivery(issued.send, delivery, told), reset.id, by)

    code = CodeKey(settings.REKEY_CODE_KEY).code(reset.id, issued.send, reset.rules.digits)
    if timezone.now() >= issued.expires_at:
        record(Delivery.REFUSED, "no mail server took it before the code expired")
        return
    assert reset.subject
    try:
        reply = deliver(code_letter(reset, issued, code, device_for_jobs(reset.subject)))
    except MailDeferred as error:
        record(Delivery.DEFERRED, str(error))
        raise later(recorded, "the mail server did not take it yet", longest=60) from error
    except MailRefused as error:
        record(Delivery.REFUSED, str(error))
    else:
        record(Delivery.HANDED_OVER, f"{reply.code} {reply.text}".strip())


# --- the device -----------------------------------------------------------------------------------


@reaction(PasswordGenerated, PasswordTyped, urgent=True)
def apply_password(recorded: Recorded) -> None:
    """Put the new password on the device and prove it.

    The candidate is in the vault before the device hears of it, and a run that comes back tries it
    first: whatever moment the run before died at, the device ends with one password that is known.
    """
    reset = state_of(ResetState, recorded.stream)
    if reset.phase not in (Phase.APPLYING, Phase.PROVING):
        return
    assert reset.subject
    device = device_for_jobs(reset.subject)
    with talking(device, recorded, "apply and prove the new password") as talk:
        change = _Change(reset, recorded, talk)
        try:
            if reset.phase is Phase.APPLYING:
                change.apply()
                handle(RecordApplied(), reset.id, talk.by)
            change.settle(change.prove())
        except (
            Declined,
            NotAuthorised,
            NotSupported,
            OpensToAnything,
            FactoryFresh,
            CertificateChanged,
            ForbiddenAddress,
        ) as error:
            change.give_up(error, withdraw=True)
        except (DeviceError, VaultError) as error:
            change.wait(error)


class _Change:
    """One reset's password on its way onto the device."""

    def __init__(self, reset: ResetState, recorded: Recorded, talk: Talk) -> None:
        assert reset.secret
        self.reset, self.recorded, self.talk = reset, recorded, talk
        self.secret = reset.secret
        self.device: Device = talk.device
        self.account = credential_id(self.device.id, reset.username)
        self.credential = state_of(CredentialState, self.account)

    @cached_property
    def new(self) -> Login:
        new = login(self.device.id, self.reset.username, self.secret)
        self.talk.trust(new)
        return new

    def apply(self) -> None:
        """A run that comes back tries the new password first: it may be on the device already.

        Nothing is stored for a device that hears of nothing: reset again and again while it is
        away, it would push out the password that it took before its answer was lost.
        """
        came_back = self.secret in self.credential.known
        if not came_back:
            self.talk.ask(lambda driver: driver.is_there())
        handle(StoreCandidate(self.secret), self.account, self.talk.by)
        if came_back and self.talk.check(self.new):
            return
        self.talk.ask_as(
            self._management(),
            lambda driver, own: driver.set_password(own, self.new.username, self.new.password),
        )

    def prove(self) -> Proof:
        """First a login that should be right: it makes good for the tries that were spent before,
        also by a run that died in the middle of its proof, so that this one has its own.
        """
        self.talk.check(self.new)
        # A check in between may have made the new one current: the old one is then the one before.
        known = (self.credential.current, *self.credential.superseded)
        old = next((secret for secret in known if secret and secret != self.secret), None)
        before = login(self.device.id, self.new.username, old).password if old else None
        if before == self.new.password:
            before = None
        return prove(
            self.talk.doors(), self.new.username, self.new.password, before, wrong_password()
        )

    def settle(self, proof: Proof) -> None:
        """Record what the proof found: in one transaction, so that no half of it is ever true."""
        if proof.error is not None:
            raise proof.error
        doors = tuple(Door(d.door, d.login, d.opened, d.detail) for d in proof.doors)
        opened = {d.login for d in proof.doors if d.opened}
        reason, orders = proof.reason, list[Order]()
        if "new" in opened:
            orders.append(Order(PromoteCandidate(self.secret), self.account))
        else:
            orders.append(Order(WithdrawCandidate(self.secret), self.account))
            # Neither the old nor the new one opens it: what has the device made of it?
            if not opened and (length := cut_at(self.talk, self.new)):
                reason = "cut"
                orders += keep_cut(self.device.id, self.account, self.new, length)
                orders.append(Order(RecordCheck(opened=True), self.device.id))
        orders.append(Order(RecordProof(doors, reason), self.reset.id))
        if proof.proven:
            orders.append(Order(RecordCheck(opened=True), self.device.id))
        handle_all(orders, self.talk.by)
        if self.device.nvr_id:  # what its NVR says of the camera is old news by now
            read_soon(self.device.nvr_id)

    def give_up(self, error: DeviceError | VaultError, *, withdraw: bool) -> None:
        words = f"{error} {error.sentence}" if isinstance(error, DeviceError) else str(error)
        orders: list[Order] = [Order(FailReset(error.code, words), self.reset.id)]
        if withdraw:
            orders.append(Order(WithdrawCandidate(self.secret), self.account))
        if error.code in LASTING:  # it is wrong with the device, and stays so for whoever looks
            orders.append(Order(RecordTrouble(error.code), self.device.id))
        handle_all(orders, self.talk.by)

    def wait(self, error: DeviceError | VaultError) -> None:
        """Come back later; after too long, fail. What the device may have heard stays candidate."""
        until: datetime = self.recorded.at + GIVE_UP_AFTER
        if timezone.now() >= until or (isinstance(error, LockedOut) and error.for_good):
            self.give_up(error, withdraw=False)
            return
        handle(RecordWait(error.code, until), self.reset.id, self.talk.by)
        if isinstance(error, LockedOut | TriesSpent) and error.seconds_left:
            raise Later(error.seconds_left, error.code) from error
        raise later(self.recorded, error.code, longest=60) from error

    def _management(self) -> Login:
        credential = credential_for_jobs(self.device.id, Purpose.MANAGEMENT)
        if credential is None or credential.current is None:
            raise NotAuthorised("Rekey has no management account on the device.")
        own = login(self.device.id, credential.username, credential.current)
        self.talk.trust(own)
        return own
