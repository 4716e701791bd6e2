"""What the wizard shows of what people do at the device: the challenge, the order, its result."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from devices.state import SERVICES
from fleet.eventstore.messages import Command
from resets import words
from resets.applying import papers
from resets.applying.orders import signer
from resets.queries import Standing
from resets.state import (
    AWAITS_BUTTON,
    AWAITS_CHALLENGE,
    AWAITS_HAND,
    Phase,
    RecoveryMethod,
    ResetState,
)
from resets.steps.restore_device import LOST, SetByHand, TickOff
from resets.steps.take_challenge import BringChallenge


@dataclass(frozen=True)
class AtDevice:
    """One reset's part at the device, for one reader."""

    standing: Standing

    @property
    def reset(self) -> ResetState:
        return self.standing.state

    @property
    def somebodys_turn(self) -> bool:
        """Whether it waits for somebody who goes to the device."""
        return self.reset.phase is Phase.APPLYING and self.reset.waiting_for in words.AT_DEVICE

    @property
    def first(self) -> tuple[type[Command[ResetState]], ...]:
        """What is asked before anything else, where it is open."""
        if self.reset.waiting_for in (AWAITS_BUTTON, AWAITS_HAND):
            return (SetByHand,)
        return (BringChallenge,) if self.reset.waiting_for == AWAITS_CHALLENGE else ()

    # --- the factory restore ----------------------------------------------------------------------

    @property
    def restore_ahead(self) -> bool:
        by_restore = self.reset.method is RecoveryMethod.FACTORY_RESTORE
        return by_restore and self.reset.may_stop

    @property
    def restored(self) -> bool:
        restore = self.reset.restore
        return restore.seen is not None or restore.by_hand

    @property
    def restore_is_left(self) -> bool:
        """Whether it has ended so that the button is the way that is left."""
        by_restore = self.reset.method is RecoveryMethod.FACTORY_RESTORE
        return self.reset.phase is Phase.FAILED and (
            self.reset.outcome in words.RESTORE_LEFT and not by_restore
        )

    @property
    def for_button(self) -> bool:
        return self.reset.waiting_for == AWAITS_BUTTON

    @property
    def until(self) -> datetime | None:
        """How long the button is waited for."""
        return self.reset.restore.until if self.for_button else None

    @property
    def lost(self) -> list[tuple[str, str, bool]]:
        """What a restored device forgets, and whether that was put back."""
        ticked = self.reset.restore.ticked
        return [(item.value, words, item.value in ticked) for item, words in LOST.items()]

    @property
    def may_tick(self) -> bool:
        return TickOff in self.standing.offered

    # --- the challenge ----------------------------------------------------------------------------

    @property
    def may_bring_challenge(self) -> bool:
        return BringChallenge in self.standing.offered

    @property
    def address(self) -> str:
        """Where the device speaks the recovery protocol, as the command is given it."""
        device: Any = self.standing.row.device
        ports = {service["driver"]: service["port"] for service in device.services}
        port = ports.get("recovery", device.port)
        return device.host if port == SERVICES["recovery"].port else f"{device.host}:{port}"

    # --- the order --------------------------------------------------------------------------------

    @property
    def order(self) -> OrderPanel | None:
        return OrderPanel(self.reset, self.standing.now) if self.reset.order else None


@dataclass(frozen=True)
class OrderPanel:
    """The newest order of a reset."""

    reset: ResetState
    now: datetime

    @property
    def number(self) -> int:
        return self.reset.orders

    @property
    def file(self) -> str:
        return f"order-{self.number}.json"

    @property
    def key(self) -> str:
        """That it is signed with, to be compared."""
        return signer().public

    @property
    def fingerprint(self) -> str:
        return papers.fingerprint(self.key)

    @property
    def expires_at(self) -> datetime:
        assert self.reset.order
        return self.reset.order.expires_at

    @property
    def is_live(self) -> bool:
        """Whether the device still takes it."""
        return self.now < self.expires_at

    @property
    def answer_until(self) -> datetime:
        assert self.reset.order
        return self.reset.order.answer_until
