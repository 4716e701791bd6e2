"""What became of a mail: what the mail server answered, and what the mail service told later."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event
from resets.state import Delivery, ResetState


@dataclass(frozen=True)
class MailNews(Event[ResetState]):
    """Base of all that is told of the mail with code number `send`."""

    known: ClassVar[Delivery]

    send: int
    answer: str

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(mails=reset.with_news(self.send, self.known, self.answer))

    def told(self, actor: str) -> str:
        told = super().told(actor).rstrip()
        return told if self.answer else f"{told.rstrip('.:')}."


@event("resets.code_handed_over")
class CodeHandedOver(MailNews):
    """The mail with code number {send} was handed to the mail server, which answered: {answer}"""

    known = Delivery.HANDED_OVER


@event("resets.code_deferred")
class CodeDeferred(MailNews):
    """The mail server did not take code number {send} yet; Rekey tries again: {answer}"""

    known = Delivery.DEFERRED


@event("resets.code_undeliverable")
class CodeUndeliverable(MailNews):
    """The mail server refused code number {send} for good: {answer}"""

    known = Delivery.REFUSED


@event("resets.code_held_up")
class CodeHeldUp(MailNews):
    """The server of the mailbox did not take code number {send} yet; it is tried again: {answer}"""

    known = Delivery.HELD_UP


@event("resets.code_delivered")
class CodeDelivered(MailNews):
    """The server of the mailbox took code number {send}: {answer}"""

    known = Delivery.DELIVERED


@event("resets.code_bounced")
class CodeBounced(MailNews):
    """The mail with code number {send} came back: {answer}"""

    known = Delivery.BOUNCED


@event("resets.code_marked_as_spam")
class CodeMarkedAsSpam(MailNews):
    """Somebody marked the mail with code number {send} as spam. {answer}"""

    known = Delivery.SPAM


NEWS: tuple[type[MailNews], ...] = (
    CodeHandedOver,
    CodeDeferred,
    CodeUndeliverable,
    CodeHeldUp,
    CodeDelivered,
    CodeBounced,
    CodeMarkedAsSpam,
)
_EVENTS = {news.known: news for news in NEWS}


@command(by=Role.JOB)
class RecordDelivery(Command[ResetState]):
    """Record what became of a mail, as far as it is news.

    Also of a code that was replaced, and when the reset has ended: a mailbox that is dead is worth
    knowing. It changes nothing but what is known of that one mail.
    """

    send: int
    delivery: Delivery
    answer: str

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if reset.is_news(self.send, self.delivery):
            yield _EVENTS[self.delivery](self.send, self.answer)
