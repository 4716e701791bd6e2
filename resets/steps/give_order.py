"""An order: what somebody carries to a device that Rekey does not reach, and brings a result of.

The event holds what the order is made from again, the same each time (see `applying.orders`); never
the password, nor the code.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from fleet.accounts.state import Role
from fleet.errors import Conflict
from fleet.eventstore.messages import Command, Event, command, event
from resets.applying.state import Order
from resets.state import AWAITS_RESULT, Phase, ResetState
from resets.steps.fail_reset import ResetFailed

ANSWER_WITHIN = timedelta(hours=24)  # the device takes it for minutes; its result may come later


@event("resets.order_made")
class OrderMade(Event[ResetState]):
    """Order number {number} can be carried to the device, which takes it until {expires_at:%H:%M}
    UTC.
    """

    number: int
    nonce: str
    challenge: str
    value: str
    serial: str
    expires_at: datetime
    answer_until: datetime

    def evolve(self, reset: ResetState) -> ResetState:
        order = Order(
            self.number,
            self.nonce,
            self.challenge,
            self.value,
            self.serial,
            self.expires_at,
            self.answer_until,
        )
        return reset.but(order=order, waiting_for=AWAITS_RESULT)


@command(by=Role.JOB)
class MakeOrder(Command[ResetState]):
    """Make the order that answers the challenge which was brought; for each there is one."""

    nonce: str

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        taken, made = reset.taken, reset.order
        if reset.phase is not Phase.APPLYING or taken is None or not taken.brought:
            return
        if made is None or made.challenge != taken.challenge:
            yield OrderMade(
                number=reset.orders + 1,
                nonce=self.nonce,
                challenge=taken.challenge,
                value=taken.value,
                serial=taken.serial,
                expires_at=taken.expires_at,
                answer_until=now + ANSWER_WITHIN,
            )


@command(by=Role.JOB)
class ExpireOrder(Command[ResetState]):
    """Fail the reset when nobody has brought the newest order's result in time."""

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if reset.phase is Phase.APPLYING and reset.order and now >= reset.order.answer_until:
            yield ResetFailed("order_unanswered", f"Nobody brought the order's result. {_KEPT}")


@command(by=Role.TECHNICIAN)
class StopWaiting(Command[ResetState]):
    """Wait no longer for the order's result. The device may have the new password all the same."""

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        return reset.phase is Phase.APPLYING and reset.order is not None

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if not self.offered(reset, now):
            raise Conflict("no_order", "No order's result is waited for in this reset.")
        yield ResetFailed("order_given_up", f"Its result is not waited for any more. {_KEPT}")


_KEPT = (
    "Whether the device has the new password is not known, so the vault keeps it: check the device "
    "when it can be reached."
)
