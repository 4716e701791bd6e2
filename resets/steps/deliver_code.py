"""What the mail server answered: handed over, to be tried again, or refused for good."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event
from resets.state import Delivery, ResetState


@event("resets.code_handed_over")
class CodeHandedOver(Event[ResetState]):
    """The mail with code number {send} was handed to the mail server, which answered: {answer}"""

    send: int
    answer: str

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(delivery=Delivery.HANDED_OVER, delivery_detail=self.answer)


@event("resets.code_deferred")
class CodeDeferred(Event[ResetState]):
    """The mail server did not take code number {send} yet; Rekey tries again: {answer}"""

    send: int
    answer: str

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(delivery=Delivery.DEFERRED, delivery_detail=self.answer)


@event("resets.code_undeliverable")
class CodeUndeliverable(Event[ResetState]):
    """The mail server refused code number {send} for good: {answer}"""

    send: int
    answer: str

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(delivery=Delivery.REFUSED, delivery_detail=self.answer)


_EVENTS = {
    Delivery.HANDED_OVER: CodeHandedOver,
    Delivery.DEFERRED: CodeDeferred,
    Delivery.REFUSED: CodeUndeliverable,
}


@command(by=Role.JOB)
class RecordDelivery(Command[ResetState]):
    """Record what became of a mail; the same answer twice is recorded once."""

    send: int
    delivery: Delivery
    answer: str

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        superseded = self.send != reset.sends
        settled = reset.delivery in (self.delivery, Delivery.HANDED_OVER)
        if not superseded and not settled and reset.phase.with_people:
            yield _EVENTS[self.delivery](self.send, self.answer)
