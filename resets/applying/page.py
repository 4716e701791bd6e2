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
from resets.state import AWAITS_CHALLENGE, Phase, ResetState
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
        return (BringChallenge,) if self.reset.waiting_for == AWAITS_CHALLENGE else ()

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
