"""One reset's password on its way onto the device: what all ways of putting it there share.

The candidate is in the vault before the device hears of it, and a run that comes back tries it
first: whatever moment the run before died at, the device ends with one password that is known.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.functional import cached_property

from devices.cuts import cut_at, keep_cut
from devices.doors import Talk, login_soon, wrong_password
from devices.drivers.base import Login
from devices.drivers.errors import DeviceError, LockedOut, TriesSpent
from devices.drivers.proof import Proof, prove
from devices.models import Device
from devices.recorders import read_soon
from devices.state import CredentialState, credential_id
from devices.steps.check_device import RecordCheck, RecordTrouble
from devices.steps.credential import PromoteCandidate, StoreCandidate, WithdrawCandidate
from devices.vault import VaultError
from fleet.eventstore.handling import Order, handle_together
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import Later, later
from resets.recorder.proof import NVR_LAGS, at_the_nvr
from resets.state import Door, ResetState
from resets.steps.apply_password import RecordWait
from resets.steps.fail_reset import FailReset
from resets.steps.prove_password import RecordProof

LASTING = (
    "unreachable",
    "certificate_changed",
    "factory_fresh",
    "locked_out",
    "opens_to_anything",
    "forbidden_address",
)
GIVE_UP_AFTER = timedelta(minutes=15)  # of a device that does not answer


class Change:
    """One reset's password on its way onto the device; each way puts it there by itself."""

    def __init__(self, reset: ResetState, recorded: Recorded, talk: Talk) -> None:
        assert reset.secret
        self.reset, self.recorded, self.talk = reset, recorded, talk
        self.secret = reset.secret
        self.device: Device = talk.device
        self.account = credential_id(self.device.id, reset.username)
        self.credential = state_of(CredentialState, self.account)
        self._new = login_soon(self.device.id, self.reset.username, self.secret)

    @cached_property
    def new(self) -> Login:
        new = self._new()
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
        handle_together([Order(StoreCandidate(self.secret), self.account)], self.talk.by)
        if came_back and self.talk.check(self.new):
            return
        self.put()

    @property
    def began(self) -> datetime:
        """Since when the device is waited for, should it not answer."""
        return self.recorded.at

    def put(self) -> None:
        """Put the new password on the device. Raises DeviceError, vault.VaultError."""
        raise NotImplementedError

    def prove(self) -> Proof:
        """First a login that should be right: it makes good for the tries that were spent before,
        also by a run that died in the middle of its proof, so that this one has its own.
        """
        # A check in between may have made the new one current: the old one is then the one before.
        known = (self.credential.current, *self.credential.superseded)
        old = next((secret for secret in known if secret and secret != self.secret), None)
        asked = login_soon(self.device.id, self.new.username, old) if old else None
        self.talk.check(self.new)
        before = asked().password if asked else None
        if before == self.new.password:
            before = None
        proof = prove(
            self.talk.doors(), self.new.username, self.new.password, before, wrong_password()
        )
        return at_the_nvr(proof, self.reset, self.device, self.new, self.recorded)

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
        if proof.proven or proof.reason == NVR_LAGS:
            orders.append(Order(RecordCheck(opened=True), self.device.id))
        handle_together(orders, self.talk.by)
        if self.device.nvr_id:  # what its NVR says of the camera is old news by now
            read_soon(self.device.nvr_id)

    def give_up(self, error: DeviceError | VaultError, *, withdraw: bool) -> None:
        words = f"{error} {error.sentence}" if isinstance(error, DeviceError) else str(error)
        orders: list[Order] = [Order(FailReset(error.code, words), self.reset.id)]
        if withdraw:
            orders.append(Order(WithdrawCandidate(self.secret), self.account))
        if error.code in LASTING:  # it is wrong with the device, and stays so for whoever looks
            orders.append(Order(RecordTrouble(error.code), self.device.id))
        handle_together(orders, self.talk.by)

    def wait(self, error: DeviceError | VaultError) -> None:
        """Come back later; after too long, fail. What the device may have heard stays candidate.

        In a campaign nobody stands by and waits: it parks the device, and takes it up again.
        """
        until = self.began + (GIVE_UP_AFTER if self.reset.campaign is None else timedelta())
        if timezone.now() >= until or (isinstance(error, LockedOut) and error.for_good):
            self.give_up(error, withdraw=False)
            return
        handle_together([Order(RecordWait(error.code, until), self.reset.id)], self.talk.by)
        if isinstance(error, LockedOut | TriesSpent) and error.seconds_left:
            raise Later(error.seconds_left, error.code) from error
        raise later(self.recorded, error.code, longest=60) from error
