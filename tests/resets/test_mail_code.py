"""What is kept of a mail server's answer, and when no mail is sent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone

from fleet.eventstore import subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Recorded
from fleet.eventstore.models import EventRow, Job
from fleet.eventstore.store import read_stream
from fleet.eventstore.subscriptions import Later
from fleet.mail import MailDeferred, MailRefused, SmtpReply
from resets import reactions
from resets.codes import CodeKey, grouped
from resets.delivery import sending
from resets.models import Reset
from resets.state import Delivery
from resets.steps.cancel_reset import CancelReset
from resets.steps.deliver_code import RecordDelivery
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode
from tests.cast import SETUP, Cast
from tests.fleet.eventstore.ground import device, reset

pytestmark = pytest.mark.django_db


@pytest.fixture
def walk(who: Cast) -> UUID:
    begun = reset(who, device(who, reset_email="Owner.One@Example.com"))
    handle(SendCode(), begun, who.by(who.tess))
    return begun


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was handed over; `answers` below plays the server."""
    sent: list[Any] = []

    def deliver(letter: Any) -> SmtpReply:
        sent.append(letter)
        return SmtpReply(250, "queued")

    monkeypatch.setattr(sending, "deliver", deliver)
    return sent


def answers(monkeypatch: pytest.MonkeyPatch, reply: Callable[[], SmtpReply]) -> None:
    monkeypatch.setattr(sending, "deliver", lambda letter: reply())


def refuses(error: Exception) -> Callable[[], SmtpReply]:
    def reply() -> SmtpReply:
        raise error

    return reply


def issued(walk: UUID) -> Recorded:
    return [r for r in read_stream(walk) if r.type == "resets.code_issued"][-1]


def code_of(walk: UUID, send: int = 1) -> str:
    return CodeKey(settings.REKEY_CODE_KEY).code(walk, send, 8)


def row(walk: UUID) -> Reset:
    found: Reset = Reset.objects.for_jobs().get(pk=walk)
    return found


class Died(BaseException):
    """The worker is gone."""


def test_a_job_that_died_after_its_mail_mails_the_same_code_under_the_same_id(
    walk: UUID, mails: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*args: object) -> None:
        raise Died

    with monkeypatch.context() as dying:
        dying.setattr(reactions, "handle", die)
        with pytest.raises(Died):
            reactions.mail_code(issued(walk))
    reactions.mail_code(issued(walk))
    one, other = mails
    assert one.body == other.body
    assert one.extra_headers["Message-ID"] == other.extra_headers["Message-ID"]
    assert grouped(code_of(walk)) in one.body
    assert one.to == ["Owner.One@example.com"]
    assert row(walk).delivery == "handed_over"


def test_what_is_known_to_be_handed_over_is_not_mailed_again(walk: UUID, mails: list[Any]) -> None:
    for _ in range(2):
        reactions.mail_code(issued(walk))
    assert len(mails) == 1


@pytest.mark.parametrize("told", list(Delivery)[3:])
def test_what_the_mail_service_has_told_of_already_is_not_mailed_again(
    walk: UUID, mails: list[Any], told: Delivery
) -> None:
    """The worker died after the mail, before it had recorded it; the service was there first."""
    handle(RecordDelivery(1, told, ""), walk, SETUP)
    reactions.mail_code(issued(walk))
    assert mails == []
    assert row(walk).delivery == told


def test_a_worker_inside_the_site_is_left_no_mail(who: Cast, walk: UUID) -> None:
    """It is there for the devices, and may reach no mail server."""
    subscriptions.pump()
    mail = Job.objects.filter(reaction="resets.mail_code")
    assert mail.exists()
    assert not mail.filter(subscriptions.for_workers_of([who.site])).exists()


def test_the_code_stands_in_the_body_alone(walk: UUID, mails: list[Any]) -> None:
    reactions.mail_code(issued(walk))
    [mail] = mails
    headers = mail.message().as_string().split("\n\n")[0] + mail.subject
    for form in (code_of(walk), grouped(code_of(walk))):
        assert form not in headers


@pytest.mark.parametrize("kind", [MailRefused, MailDeferred, SmtpReply])
def test_a_server_that_quotes_what_it_was_sent_is_not_quoted_in_turn(
    walk: UUID, monkeypatch: pytest.MonkeyPatch, kind: type
) -> None:
    code = code_of(walk)
    text = (
        f"spam? «Your code is {grouped(code)}» ({code}) to <owner.one@EXAMPLE.com>, "
        "alias Owner.One@Example.com"
    )
    if kind is SmtpReply:
        answers(monkeypatch, lambda: SmtpReply(250, text))
    else:
        answers(monkeypatch, refuses(kind(550, text)))
    with suppress(Later):
        reactions.mail_code(issued(walk))
    kept = row(walk).delivery_detail + read_stream(walk)[-1].data
    assert "spam? «Your code is …» (…)" in kept
    for secret in (code, grouped(code), "wner.one@", "wner.One@"):
        assert secret not in kept
    log = "\n".join(EventRow.everything.values_list("data", flat=True))
    assert code not in log


def test_no_mail_is_sent_for_a_code_that_was_replaced(
    who: Cast, walk: UUID, mails: list[Any]
) -> None:
    first = issued(walk)
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        handle(SendCode(), walk, who.by(who.tess))
        reactions.mail_code(first)
        assert mails == []
        reactions.mail_code(issued(walk))
    [mail] = mails
    assert grouped(code_of(walk, 2)) in mail.body


@pytest.mark.parametrize("step", ["cancelled", "verified"])
def test_no_mail_is_sent_when_no_code_is_waited_for(
    who: Cast, walk: UUID, mails: list[Any], step: str
) -> None:
    command = CancelReset() if step == "cancelled" else VerifyCode(code_of(walk))
    handle(command, walk, who.by(who.tess))
    reactions.mail_code(issued(walk))
    assert mails == []


def test_no_mail_is_sent_with_a_code_that_has_expired(walk: UUID, mails: list[Any]) -> None:
    with time_machine.travel(timezone.now() + timedelta(minutes=10, seconds=1)):
        reactions.mail_code(issued(walk))
    assert mails == []
    assert row(walk).delivery == "refused"
    assert "expired" in row(walk).delivery_detail
