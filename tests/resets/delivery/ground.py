"""Resets whose codes were mailed, and what became of the mails."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import time_machine

from fleet.eventstore.handling import handle
from resets.state import Delivery
from resets.steps.cancel_reset import CancelReset
from resets.steps.deliver_code import RecordDelivery
from resets.steps.send_code import SendCode
from tests.cast import SETUP, Cast
from tests.fleet.eventstore.ground import device, reset


def mailed(who: Cast, at: datetime, mailbox: str, *news: Delivery, answer: str = "") -> UUID:
    """A reset whose first code was asked for then, and whose mail came to these in turn."""
    with time_machine.travel(at, tick=False):
        walk = reset(who, device(who, reset_email=mailbox))
        handle(SendCode(), walk, who.by(who.tess))
        for delivery in news:
            handle(RecordDelivery(1, delivery, answer or f"250 {delivery}"), walk, SETUP)
        handle(CancelReset(), walk, who.by(who.tess))
    return walk
