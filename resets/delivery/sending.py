"""A mail is handed to the mail server, and once more as long as that takes none.

A job that comes back mails the same letter under the same Message-ID, and no letter that is known
to be out: so a mail is there twice only where the worker died before it could record the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.core.mail import EmailMessage
from django.utils import timezone

from fleet.eventstore.messages import Recorded
from fleet.eventstore.subscriptions import later
from fleet.mail import MailDeferred, MailRefused, SmtpReply, deliver
from resets.delivery.answers import told
from resets.state import Delivery

Record = Callable[[Delivery, str], object]  # what became of the mail, and what was answered
TOO_LATE = "no mail server took it before the code expired"


def is_owed(known: Delivery) -> bool:
    """Whether a mail is still to be handed over. It is not where an earlier run died after it had
    recorded that it was, or where the mail service told of it before that.
    """
    return known in (Delivery.QUEUED, Delivery.DEFERRED)


def send(
    letter: EmailMessage,
    recorded: Recorded,
    record: Record,
    *,
    code: str = "",
    until: datetime | None = None,
) -> None:
    """Hand over the letter that an event asks for, and record what came of it; the answer without
    the mailbox and the `code`. From `until` on, a mail that is put off is refused.

    Raises Later while the mail server does not take it yet.
    """

    def came_to(delivery: Delivery, said: SmtpReply | MailDeferred | MailRefused) -> None:
        record(delivery, told(said.code, said.text, letter.to, code))

    try:
        reply = deliver(letter)
    except MailDeferred as error:
        if until is not None and timezone.now() >= until:
            came_to(Delivery.REFUSED, error)
            return
        came_to(Delivery.DEFERRED, error)
        raise later(recorded, "the mail server did not take it yet", longest=60) from error
    except MailRefused as error:
        came_to(Delivery.REFUSED, error)
    else:
        came_to(Delivery.HANDED_OVER, reply)
