"""By the factory restore: once the device has no password any more, Rekey gives it its first one.

Until then it is told nothing; whoever is at the device presses its button. Where Rekey cannot set
the first password, it is set by hand, and verified.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import ClassVar

from django.utils import timezone

from devices.doors import services_of
from devices.drivers.base import Ability, Service
from devices.drivers.errors import (
    DeviceError,
    FactoryFresh,
    NotFresh,
    NotSupported,
    OpensToAnything,
)
from devices.drivers.proof import Proof
from devices.drivers.registry import abilities_of
from devices.own_account import activate, make_management_account
from devices.steps.activate_device import RecordActivated
from devices.steps.credential import StoreCandidate, WithdrawCandidate
from devices.steps.restore_device import RecordRestored
from devices.vault import VaultError
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import Later
from resets.applying.change import Change
from resets.state import Phase, ResetState
from resets.steps.restore_device import BUTTON_WITHIN, AskForHand, AwaitRestore, RecordSeen

LOOK_AGAIN = 5.0  # seconds


class NotRestored(DeviceError):
    """It has its password still, or does not answer: so it is while it restarts, too."""

    code: ClassVar[str] = "not_restored"
    happened: ClassVar[str] = "Nobody restored the device within an hour."
    sentence = "It was told nothing, and is as it was. Begin another reset to try again."


class ByHand(DeviceError):
    """Rekey cannot set the first password, or the one that somebody typed does not open it."""

    code: ClassVar[str] = "not_set_by_hand"
    happened: ClassVar[str] = "Nobody set the password at the device within an hour."
    sentence = "Set one there, and type it under Device Security; or begin another reset."

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


class ByRestore(Change):
    """The device's first password, after somebody has restored it to its factory settings."""

    def apply(self) -> None:
        if self.secret in self.credential.known and self._opens():
            activate(self.talk, self.new)  # by an earlier run: only to be recorded
            return
        if not self._is_fresh():
            raise ByHand(NotFresh.code) if self.reset.restore.seen else NotRestored
        orders = [
            Order(RecordSeen(), self.reset.id),
            Order(RecordRestored(), self.device.id),
            Order(StoreCandidate(self.secret), self.account),
        ]
        handle_all(orders, self.talk.by)
        self.reset = state_of(ResetState, self.reset.id)
        if self.reset.phase is not Phase.APPLYING:
            raise Later(1.0, "reset_over")  # called off in between; the next run sees it
        try:
            activate(self.talk, self.new)
        except (NotSupported, NotFresh) as error:
            raise ByHand(error.code) from error

    def prove(self) -> Proof:
        self.device.refresh_from_db(fields=["managed"])
        if not self.device.managed:
            with suppress(DeviceError, VaultError):  # the next check of the device makes it
                make_management_account(self.talk, self.new)
        return super().prove()

    def wait(self, error: DeviceError | VaultError) -> None:
        if not isinstance(error, NotRestored | ByHand):
            super().wait(error)
        elif timezone.now() >= self.began + BUTTON_WITHIN:
            self.give_up(error, withdraw=True)
        else:
            self._ask(error)
            raise Later(LOOK_AGAIN, error.code) from error

    def _ask(self, error: NotRestored | ByHand) -> None:
        ask: AskForHand | AwaitRestore = AwaitRestore(self.recorded.at)
        if isinstance(error, ByHand):
            ask = AskForHand(error.why)
        handle(ask, self.reset.id, self.talk.by)

    @property
    def began(self) -> datetime:
        return self.reset.restore.seen or self.recorded.at

    def _opens(self) -> bool:
        try:
            return self.talk.check(self.new)
        except (FactoryFresh, OpensToAnything):
            return False

    def _is_fresh(self) -> bool:
        """Whether one of its services says that it has no password. Raises NotRestored."""
        ways: list[Service | None] = [*services_of(self.device), None]
        try:
            return any(
                self.talk.ask(lambda driver: driver.is_fresh(), way)
                for way in ways
                if Ability.IS_FRESH in abilities_of(way.driver if way else self.device.driver)
            )
        except DeviceError as error:
            raise NotRestored from error


class SetAtDevice(ByRestore):
    """Somebody has set the password at the device, and typed it."""

    def apply(self) -> None:
        handle(StoreCandidate(self.secret), self.account, self.talk.by)
        if not self._opens():
            handle(WithdrawCandidate(self.secret), self.account, self.talk.by)
            raise ByHand("hand_refused")
        orders = [Order(RecordRestored(), self.device.id), Order(RecordActivated(), self.device.id)]
        handle_all(orders, self.talk.by)

    def wait(self, error: DeviceError | VaultError) -> None:
        if isinstance(error, ByHand):  # they may type it again; the button is waited for besides
            self._ask(error)
        else:
            super().wait(error)
