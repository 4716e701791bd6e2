"""Test mails: who they go to, how many, and what becomes of them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from fleet.eventstore.messages import Actor
from fleet.eventstore.testing import NOW, given
from resets.delivery.steps import (
    MOST_IN_ALL,
    MOST_TO_ONE,
    Earlier,
    MailTestAnswered,
    MailTestAsked,
    Recipient,
    RecordTestMail,
    SendTestMail,
    SendTestMailTo,
)
from resets.state import Delivery

ORGANISATION, SITE, DEVICE = (UUID(int=n) for n in range(1, 4))
ALICE = Actor("person", "1", "Alice")
OF_DEVICE = Recipient(ORGANISATION, SITE, "owner@example.com", DEVICE, "Gate north")
TYPED = Recipient(ORGANISATION, SITE, "anybody@example.com")
ASKED = MailTestAsked(ORGANISATION, SITE, DEVICE, "Gate north", "owner@example.com", "Alice", NOW)
NOTHING = given().knowing(OF_DEVICE, Earlier(), ALICE)


def test_a_test_mail_goes_to_the_devices_own_mailbox() -> None:
    test = NOTHING.when(SendTestMail(DEVICE)).then(ASKED)
    assert (test.delivery, test.subject) == (Delivery.QUEUED, DEVICE)


def test_an_administrator_may_type_a_mailbox() -> None:
    typed = MailTestAsked(ORGANISATION, SITE, None, "", "anybody@example.com", "Alice", NOW)
    NOTHING.knowing(TYPED).when(SendTestMailTo(SITE, "anybody@example.com")).then(typed)


def test_a_device_without_a_mailbox_or_one_that_was_removed_gets_none() -> None:
    bare = Recipient(ORGANISATION, SITE, "", DEVICE, "Gate north")
    NOTHING.knowing(bare).when(SendTestMail(DEVICE)).refused("no_reset_email")
    gone = Recipient(ORGANISATION, SITE, "owner@example.com", DEVICE, "Gate", removed=True)
    NOTHING.knowing(gone).when(SendTestMail(DEVICE)).refused("device_removed")


@pytest.mark.parametrize("command", [SendTestMail(DEVICE), SendTestMailTo(SITE, "x@example.com")])
def test_so_many_are_sent_in_an_hour_and_no_more(command: SendTestMail | SendTestMailTo) -> None:
    for most, earlier in (
        (MOST_TO_ONE, lambda times: Earlier(times, times)),
        (MOST_IN_ALL, lambda times: Earlier((), times)),
    ):
        times = tuple(NOW - timedelta(minutes=59 - n) for n in range(most + 1))
        known = NOTHING.knowing(earlier(times[: most - 1]))
        assert len(known.when(command).decided()) == 1
        error = NOTHING.knowing(earlier(times[:most])).when(command).refused("too_many_test_mails")
        assert error.facts["retry_after"] == 60
        assert "in 1 min" in error.message
        # One too many by a race frees later: the newest so many count.
        late = NOTHING.knowing(earlier(times)).when(command).refused("too_many_test_mails")
        assert late.facts["retry_after"] == 120


def test_what_became_of_it_is_told_once_and_only_goes_on() -> None:
    handed = MailTestAnswered(Delivery.HANDED_OVER, "250 ok")
    told = given(ASKED).when(RecordTestMail(Delivery.HANDED_OVER, "250 ok"))
    assert (told.then(handed).delivery, told.state.answer) == (Delivery.HANDED_OVER, "250 ok")
    for delivery in (Delivery.HANDED_OVER, Delivery.DEFERRED, Delivery.QUEUED):
        given(ASKED, handed).when(RecordTestMail(delivery, "late")).then_nothing()
    bounced = MailTestAnswered(Delivery.BOUNCED, "5.1.1")
    given(ASKED, handed).when(RecordTestMail(Delivery.BOUNCED, "5.1.1")).then(bounced)


@pytest.mark.parametrize("delivery", list(Delivery)[2:])
def test_each_sentence_reads_well_and_shows_the_mailbox_in_part(delivery: Delivery) -> None:
    assert ASKED.told("Alice") == "Alice asked for a test mail to o•••r@e•••e.com."
    assert MailTestAnswered(delivery, "so").told("Rekey").endswith(": so")
    assert MailTestAnswered(delivery, "").told("Rekey").endswith(("mail.", "spam.", "back.",
        "good.", "again.", "answered."))  # fmt: skip
