"""The mail of a drill: what it says, that it is sent once, and what is known of it later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from anymail.signals import AnymailTrackingEvent
from django.conf import settings as configured

from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.store import read_stream
from fleet.eventstore.subscriptions import Later
from fleet.mail import MailDeferred, MailRefused, SmtpReply
from resets.codes import CodeKey, grouped
from resets.delivery import marks, sending
from resets.delivery.webhooks import record_news
from resets.readiness import reactions
from resets.readiness.models import Drill
from resets.readiness.steps import BeginDrill, CancelDrill
from tests.cast import Cast
from tests.fleet.eventstore.ground import device

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]
TO = "owner.one@example.com"


@pytest.fixture
def drill(who: Cast, monkeypatch: pytest.MonkeyPatch) -> UUID:
    # Names in the log are older than the rule that keeps them in one line.
    monkeypatch.setattr("devices.steps.add_device.named", lambda name, what: name)
    begun = new_id()
    handle(BeginDrill(device(who, name="Gate\nnorth", reset_email=TO)), begun, who.by(who.tess))
    return begun


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    sent: list[Any] = []

    def deliver(letter: Any) -> SmtpReply:
        sent.append(letter)
        return SmtpReply(250, f"OK {TO}")

    monkeypatch.setattr(sending, "deliver", deliver)
    return sent


def issued(drill: UUID) -> Any:
    return [r for r in read_stream(drill) if r.type == "resets.drill_code_issued"][-1]


def row(drill: UUID) -> Drill:
    found: Drill = Drill.objects.for_jobs().get(pk=drill)
    return found


def code_of(drill: UUID) -> str:
    return grouped(CodeKey(configured.REKEY_CODE_KEY).code(drill, 1, 8))


def test_the_letter_says_first_of_all_that_it_is_a_drill(drill: UUID, mails: list[Any]) -> None:
    reactions.mail_drill_code(issued(drill))
    [mail] = mails
    assert mail.to == [TO]
    assert mail.body.startswith("This is a drill. No password is changed by it.")
    assert "This is a drill. No password is changed by it." in mail.alternatives[0][0]
    assert code_of(drill) in mail.body and code_of(drill) in mail.alternatives[0][0]
    told = mail.subject + str(mail.extra_headers)
    assert code_of(drill)[:4] not in told.replace(str(drill), ""), "headers are logged on the way"
    assert "127.0.0.1" in mail.body and "Tess" in mail.body


def test_a_mail_is_sent_once_and_what_is_said_of_it_hides_the_mailbox(
    drill: UUID, mails: list[Any]
) -> None:
    for _ in range(2):
        reactions.mail_drill_code(issued(drill))
    assert len(mails) == 1
    assert (row(drill).delivery, "owner.one" in row(drill).answer) == ("handed_over", False)


@pytest.mark.parametrize(
    ("error", "delivery"), [(MailDeferred, "deferred"), (MailRefused, "refused")]
)
def test_what_the_mail_server_does_not_take(
    drill: UUID, monkeypatch: pytest.MonkeyPatch, error: Any, delivery: str
) -> None:
    def deliver(letter: Any) -> Any:
        raise error(450, "not now")

    monkeypatch.setattr(sending, "deliver", deliver)
    if error is MailDeferred:
        with pytest.raises(Later):
            reactions.mail_drill_code(issued(drill))
    else:
        reactions.mail_drill_code(issued(drill))
    assert row(drill).delivery == delivery


def test_a_code_that_nobody_needs_any_more_is_not_mailed(
    who: Cast, drill: UUID, mails: list[Any]
) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11), tick=False):
        reactions.mail_drill_code(issued(drill))
    assert (mails, row(drill).delivery) == ([], "refused")
    other = new_id()
    handle(BeginDrill(device(who, reset_email=TO)), other, who.by(who.tess))
    handle(CancelDrill(), other, who.by(who.tess))
    reactions.mail_drill_code(issued(other))
    assert mails == []


def test_the_mail_service_s_news_find_the_mail(drill: UUID, mails: list[Any]) -> None:
    reactions.mail_drill_code(issued(drill))
    [mail] = mails
    mark = marks.read(mail.extra_headers["Message-ID"])
    assert mark == marks.Mark(drill, 1, of_drill=True)
    told = AnymailTrackingEvent(
        event_type="bounced",
        message_id=mail.extra_headers["Message-ID"],
        recipient=TO,
        mta_response=f"550 {TO} is gone, {code_of(drill)}",
    )
    record_news(event=told)
    assert row(drill).delivery == "bounced"
    assert "owner.one" not in row(drill).answer and code_of(drill)[:4] not in row(drill).answer
