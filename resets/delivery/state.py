"""A test mail, as its events leave it: a mail without a code, for which no device is touched."""

from __future__ import annotations

from datetime import datetime

from fleet.eventstore.messages import State, state
from resets.state import Delivery


@state("test_mail")
class MailTestState(State):
    """`recipient`: the mailbox; `subject`: the device whose Reset Password Email it is, if any."""

    recipient: str = ""
    device_name: str = ""
    asker: str = ""
    asked_at: datetime | None = None
    delivery: Delivery = Delivery.NONE
    answer: str = ""
