from __future__ import annotations

import pytest

from fleet.eventstore.testing import given
from resets.state import Delivery
from resets.steps.deliver_code import (
    CodeDeferred,
    CodeHandedOver,
    CodeUndeliverable,
    RecordDelivery,
)
from tests.resets.steps.story import ASKED, ENDED, PROVED_MAILBOX, SENT, WITH_THE_DEVICE, issued

HANDED = RecordDelivery(1, Delivery.HANDED_OVER, "250 queued as 4711")
DEFERRED = RecordDelivery(1, Delivery.DEFERRED, "451 later")
REFUSED = RecordDelivery(1, Delivery.REFUSED, "550 no such mailbox")


@pytest.mark.parametrize(
    ("record", "event"),
    [
        (HANDED, CodeHandedOver(1, "250 queued as 4711")),
        (DEFERRED, CodeDeferred(1, "451 later")),
        (REFUSED, CodeUndeliverable(1, "550 no such mailbox")),
    ],
)
@pytest.mark.parametrize("events", [SENT, PROVED_MAILBOX])
def test_what_the_mail_server_answered_is_recorded(events: tuple, record, event) -> None:
    state = given(*events).when(record).then(event)
    assert (state.delivery, state.delivery_detail) == (record.delivery, record.answer)


def test_the_same_answer_twice_is_recorded_once() -> None:
    deferred = (*SENT, CodeDeferred(1, "451 later"))
    given(*deferred).when(DEFERRED).then_nothing()
    given(*deferred).when(RecordDelivery(1, Delivery.DEFERRED, "451 other words")).then_nothing()


def test_after_a_wait_it_may_be_handed_over_or_refused() -> None:
    deferred = (*SENT, CodeDeferred(1, "451 later"))
    given(*deferred).when(HANDED).then(CodeHandedOver(1, "250 queued as 4711"))
    given(*deferred).when(REFUSED).then(CodeUndeliverable(1, "550 no such mailbox"))


@pytest.mark.parametrize("record", [HANDED, DEFERRED, REFUSED])
def test_what_was_handed_over_stays_handed_over(record: RecordDelivery) -> None:
    given(*SENT, CodeHandedOver(1, "250 ok")).when(record).then_nothing()


@pytest.mark.parametrize("record", [HANDED, DEFERRED, REFUSED])
def test_the_delivery_of_a_replaced_code_is_no_news(record: RecordDelivery) -> None:
    given(*SENT, issued(2, 60)).when(record).then_nothing()
    given(*ASKED).when(record).then_nothing()


@pytest.mark.parametrize("events", [*WITH_THE_DEVICE, *ENDED])
def test_once_no_code_is_waited_for_its_delivery_is_no_news(events: tuple) -> None:
    given(*events).when(HANDED).then_nothing()
