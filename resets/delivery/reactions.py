"""The test mail is sent, and what the mail server says of it is kept."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from devices import queries as devices
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import reaction
from resets.delivery.letter import test_letter
from resets.delivery.sending import is_owed, send
from resets.delivery.state import MailTestState
from resets.delivery.steps import MailTestAsked, RecordTestMail
from resets.state import Delivery

GIVE_UP_AFTER = timedelta(minutes=10)  # as long as a code would count


@reaction(MailTestAsked, urgent=True)
def send_test_mail(recorded: Recorded) -> None:
    """Send it. Run twice, it sends the same mail under the same Message-ID."""
    test = state_of(MailTestState, recorded.stream)
    if not is_owed(test.delivery):
        return
    by = recorded.because("send a test mail")
    assert test.site
    site = devices.place(by.actor, test.site)

    def record(delivery: Delivery, answer: str) -> None:
        handle(RecordTestMail(delivery, answer), test.id, by)

    letter = test_letter(test, site.name, ZoneInfo(site.timezone))
    send(letter, recorded, record, until=recorded.at + GIVE_UP_AFTER)
