"""The test mail is sent, and what the mail server says of it is kept."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from devices import queries as devices
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import later, reaction
from fleet.mail import MailDeferred, MailRefused, SmtpReply, deliver
from resets.delivery.answers import told
from resets.delivery.letter import test_letter
from resets.delivery.state import MailTestState
from resets.delivery.steps import MailTestAsked, RecordTestMail
from resets.state import Delivery

GIVE_UP_AFTER = timedelta(minutes=10)  # as long as a code would count


@reaction(MailTestAsked, urgent=True)
def send_test_mail(recorded: Recorded) -> None:
    """Send it. Run twice, it sends the same mail under the same Message-ID."""
    test = state_of(MailTestState, recorded.stream)
    if test.delivery not in (Delivery.QUEUED, Delivery.DEFERRED):
        return  # an earlier run died after it had recorded this
    by = recorded.because("send a test mail")
    assert test.site
    site = devices.place(by.actor, test.site)

    def record(delivery: Delivery, said: SmtpReply | MailDeferred | MailRefused) -> None:
        answer = told(said.code, said.text, [test.recipient])
        handle(RecordTestMail(delivery, answer), test.id, by)

    try:
        reply = deliver(test_letter(test, site.name, ZoneInfo(site.timezone)))
    except MailDeferred as error:
        if timezone.now() >= recorded.at + GIVE_UP_AFTER:
            record(Delivery.REFUSED, error)
            return
        record(Delivery.DEFERRED, error)
        raise later(recorded, "the mail server did not take it yet", longest=60) from error
    except MailRefused as error:
        record(Delivery.REFUSED, error)
    else:
        record(Delivery.HANDED_OVER, reply)
