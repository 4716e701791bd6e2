"""Test mails: to the Reset Password Email of a device, or to any mailbox at a site."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from devices.mailbox import masked
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Actor, Command, Event, asked, command, event, supplied
from resets.delivery.state import MailTestState
from resets.state import Delivery

WINDOW = timedelta(hours=1)
MOST_TO_ONE, MOST_IN_ALL = 3, 20  # in it: for one mailbox, and in an organisation


@dataclass(frozen=True)
class Recipient:
    """Where a test mail goes. `device` None: to a mailbox that was typed, at this site."""

    organisation: UUID
    site: UUID
    mailbox: str
    device: UUID | None = None
    device_name: str = ""
    removed: bool = False


@dataclass(frozen=True)
class Earlier:
    """When the test mails of the last hour were asked for, the oldest first: those to the same
    mailbox, and all of the organisation.
    """

    to_one: tuple[datetime, ...] = ()
    in_all: tuple[datetime, ...] = ()

    def refuse(self, now: datetime) -> None:
        """Raise Refused if another one would be one too many."""
        for times, most, went in (
            (self.to_one, MOST_TO_ONE, "test mails went to this mailbox"),
            (self.in_all, MOST_IN_ALL, "test mails were sent"),
        ):
            if len(times) >= most:
                wait = max(ceil((times[-most] + WINDOW - now).total_seconds()), 1)
                raise Refused(
                    "too_many_test_mails",
                    f"{len(times)} {went} in the last hour, and no more will be for now. Another "
                    f"may be sent in {ceil(wait / 60)} min. See what was answered to the others.",
                    retry_after=wait,
                )


@event("resets.test_mail_asked")
class MailTestAsked(Event[MailTestState]):
    """{actor} asked for a test mail."""

    organisation: UUID
    site: UUID
    device: UUID | None
    device_name: str
    recipient: str
    asker: str
    at: datetime

    def evolve(self, test: MailTestState) -> MailTestState:
        return test.but(
            organisation=self.organisation,
            site=self.site,
            subject=self.device,
            device_name=self.device_name,
            recipient=self.recipient,
            asker=self.asker,
            asked_at=self.at,
            delivery=Delivery.QUEUED,
        )

    def told(self, actor: str) -> str:
        return f"{actor} asked for a test mail to {masked(self.recipient)}."


@event("resets.test_mail_answered")
class MailTestAnswered(Event[MailTestState]):
    """What became of the test mail ({delivery}): {answer}"""

    delivery: Delivery
    answer: str

    def evolve(self, test: MailTestState) -> MailTestState:
        return test.but(delivery=self.delivery, answer=self.answer)

    def told(self, actor: str) -> str:
        told = _TOLD.get(self.delivery, "The test mail is on its way")
        return f"{told}{': ' if self.answer else '.'}{self.answer}"


_TOLD = {
    Delivery.DEFERRED: "The mail server did not take the test mail yet; Rekey tries again",
    Delivery.HANDED_OVER: "The test mail was handed to the mail server, which answered",
    Delivery.HELD_UP: "The server of the mailbox did not take the test mail yet; it is tried again",
    Delivery.REFUSED: "The mail server refused the test mail for good",
    Delivery.DELIVERED: "The server of the mailbox took the test mail",
    Delivery.BOUNCED: "The test mail came back",
    Delivery.SPAM: "Somebody marked the test mail as spam",
}


class _Asking(Command[MailTestState]):
    recipient: Recipient
    earlier: Earlier
    asker: Actor

    def _asked(self, now: datetime) -> MailTestAsked:
        self.earlier.refuse(now)
        to = self.recipient
        return MailTestAsked(
            to.organisation, to.site, to.device, to.device_name, to.mailbox, self.asker.name, now
        )


@command(by=Role.TECHNICIAN, creates=True)
class SendTestMail(_Asking):
    """Send a test mail to the device's Reset Password Email. The device hears nothing of it."""

    device: UUID
    recipient: Recipient = supplied()
    earlier: Earlier = supplied()
    asker: Actor = supplied()

    def decide(self, test: MailTestState, now: datetime) -> Iterable[Event[MailTestState]]:
        if self.recipient.removed:
            raise Refused(
                "device_removed", "This device was removed from the fleet. Add it again to go on."
            )
        if not self.recipient.mailbox:
            raise Refused(
                "no_reset_email",
                "No Reset Password Email is set for this device. Name one on the device's page.",
            )
        yield self._asked(now)


@command(by=Role.ADMINISTRATOR, creates=True)
class SendTestMailTo(_Asking):
    """Send a test mail to any mailbox, to see what the mail server says of it."""

    site: UUID = asked("Site", help="In whose history it stands.")
    reset_email: str = asked("Mailbox", help="Such as name@example.com.", max_length=254)
    recipient: Recipient = supplied()
    earlier: Earlier = supplied()
    asker: Actor = supplied()

    def decide(self, test: MailTestState, now: datetime) -> Iterable[Event[MailTestState]]:
        yield self._asked(now)


@command(by=Role.JOB)
class RecordTestMail(Command[MailTestState]):
    """Record what became of a test mail, as far as it is news."""

    delivery: Delivery
    answer: str

    def decide(self, test: MailTestState, now: datetime) -> Iterable[Event[MailTestState]]:
        if self.delivery.follows(test.delivery):
            yield MailTestAnswered(self.delivery, self.answer)
