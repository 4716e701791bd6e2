from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from fleet.eventstore.testing import given
from resets.state import Delivery, Mail
from resets.steps.deliver_code import (
    CodeBounced,
    CodeDeferred,
    CodeDelivered,
    CodeHandedOver,
    CodeHeldUp,
    CodeMarkedAsSpam,
    CodeUndeliverable,
    RecordDelivery,
)
from tests.resets.steps.story import ASKED, ENDED, EVERY_PHASE, SENT, issued

HANDED = RecordDelivery(1, Delivery.HANDED_OVER, "250 queued as 4711")
DEFERRED = RecordDelivery(1, Delivery.DEFERRED, "451 later")
REFUSED = RecordDelivery(1, Delivery.REFUSED, "550 no such mailbox")
NEWS = {
    Delivery.HANDED_OVER: CodeHandedOver,
    Delivery.DEFERRED: CodeDeferred,
    Delivery.REFUSED: CodeUndeliverable,
    Delivery.HELD_UP: CodeHeldUp,
    Delivery.DELIVERED: CodeDelivered,
    Delivery.BOUNCED: CodeBounced,
    Delivery.SPAM: CodeMarkedAsSpam,
}


@pytest.mark.parametrize(("delivery", "event"), NEWS.items())
@pytest.mark.parametrize("events", [e for e in EVERY_PHASE if e != ASKED])
def test_what_is_told_of_a_mail_is_recorded_also_when_the_reset_has_ended(
    events: tuple, delivery: Delivery, event: type
) -> None:
    before = given(*events).state()
    state = given(*events).when(RecordDelivery(1, delivery, "so")).then(event(1, "so"))
    assert (state.delivery, state.answer) == (delivery, "so")
    assert state.but(mails=before.mails) == before, "nothing else is changed by it"


def test_the_same_answer_twice_is_recorded_once() -> None:
    deferred = (*SENT, CodeDeferred(1, "451 later"))
    given(*deferred).when(DEFERRED).then_nothing()
    given(*deferred).when(RecordDelivery(1, Delivery.DEFERRED, "451 other words")).then_nothing()


def test_after_a_wait_it_may_be_handed_over_or_refused() -> None:
    deferred = (*SENT, CodeDeferred(1, "451 later"))
    given(*deferred).when(HANDED).then(CodeHandedOver(1, "250 queued as 4711"))
    given(*deferred).when(REFUSED).then(CodeUndeliverable(1, "550 no such mailbox"))


@pytest.mark.parametrize("record", [HANDED, DEFERRED])
def test_what_was_handed_over_stays_handed_over(record: RecordDelivery) -> None:
    given(*SENT, CodeHandedOver(1, "250 ok")).when(record).then_nothing()


def test_a_worker_that_is_slower_than_the_mail_service_tells_no_news() -> None:
    given(*SENT, CodeDelivered(1, "250 ok")).when(HANDED).then_nothing()
    given(*SENT, CodeHeldUp(1, "451 greylisted")).when(HANDED).then_nothing()


def test_a_mail_that_was_delivered_may_still_come_back_or_be_marked_as_spam() -> None:
    delivered = (*SENT, CodeHandedOver(1, "250 ok"), CodeDelivered(1, ""))
    given(*delivered).when(RecordDelivery(1, Delivery.BOUNCED, "5.2.1")).then(
        CodeBounced(1, "5.2.1")
    )
    given(*delivered).when(RecordDelivery(1, Delivery.SPAM, "")).then(CodeMarkedAsSpam(1, ""))


def test_late_news_of_a_replaced_code_is_told_of_its_own_mail_alone() -> None:
    state = given(*SENT, issued(2, 60)).when(HANDED).then(CodeHandedOver(1, HANDED.answer))
    assert [mail.delivery for mail in state.mails] == [Delivery.HANDED_OVER, Delivery.QUEUED]
    assert (state.delivery, state.answer) == (Delivery.QUEUED, "")


@pytest.mark.parametrize("send", [0, 2, 7])
def test_news_of_a_mail_that_was_never_sent_is_dropped(send: int) -> None:
    for events in (ASKED, SENT, *(e for e in ENDED)):
        given(*events).when(RecordDelivery(send, Delivery.DELIVERED, "")).then_nothing()


@for_all(st.lists(st.sampled_from(list(NEWS)), max_size=5), st.data())
def test_in_whichever_order_and_how_often_news_comes_the_same_is_known_in_the_end(
    news: list[Delivery], data: st.DataObject
) -> None:
    twice = data.draw(st.permutations(news * 2))
    known = {Delivery.QUEUED, *news}
    ends = []
    for order in (news, twice, sorted(news), [*news, *reversed(news)]):
        events: list = list(SENT)
        for delivery in order:
            told = given(*events).when(RecordDelivery(1, delivery, delivery)).decided()
            events += told
        assert len(events) - len(SENT) <= len(known)
        ends.append(given(*events).state().mails)
    assert ends == [ends[0]] * len(ends)


def test_a_course_is_a_total_order() -> None:
    for one, other in permutations(Delivery, 2):
        assert one.follows(other) is not other.follows(one)
    assert not any(one.follows(one) for one in Delivery)


@pytest.mark.parametrize("event", NEWS.values())
def test_each_sentence_reads_well_with_an_answer_and_without(event: type) -> None:
    assert event(1, "250 ok").told("Rekey").endswith("250 ok")
    silent = event(1, "").told("Rekey")
    assert silent.endswith(".") and ":" not in silent and not silent.endswith("..")


def test_a_mail_knows_its_domain_alone() -> None:
    [mail] = given(*SENT).state().mails
    assert mail == Mail(1, SENT[1].at, "example.com")
