"""The pages of mails without a browser: "I got no code", mail delivery, test mails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from fleet.accounts.models import Person
from fleet.eventstore import projections
from fleet.eventstore.handling import handle
from fleet.eventstore.models import EventRow
from resets.delivery.models import MailTest
from resets.delivery.page import PER_PAGE
from resets.delivery.steps import MOST_TO_ONE
from resets.state import Delivery
from resets.steps.cancel_reset import CancelReset
from resets.steps.deliver_code import RecordDelivery
from resets.steps.send_code import SendCode
from tests.cast import SETUP, Cast, work
from tests.fleet.eventstore.ground import device, reset
from tests.resets.delivery.ground import mailed

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

TO = "owner.one@example.com"


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    """So that no midnight falls among the mails of one day."""
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=True):
        yield


@pytest.fixture
def walk(who: Cast) -> UUID:
    begun = reset(who, device(who, reset_email=TO))
    handle(SendCode(), begun, who.by(who.tess))
    return begun


def browser(person: Person) -> Client:
    client = Client(headers={"Host": "localhost"})
    client.force_login(person)
    return client


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


# --- I got no code --------------------------------------------------------------------------------


def test_the_page_says_all_that_the_vendors_own_note_says(
    who: Cast, walk: UUID, settings: Any
) -> None:
    settings.DEFAULT_FROM_EMAIL = "Rekey <codes@rekey.example.com>"
    settings.REKEY_SUPPORT = "Call 0123 or write to help@rekey.example.com."
    tess = browser(who.tess)
    assert "I got no code" in text(tess.get(reverse("reset", args=[walk])))
    page = tess.get(reverse("no-code", args=[walk]))
    said = text(page)
    for sentence in (
        "Check the junk or spam folder",
        "Add codes@rekey.example.com to the white list",
        "Create a new filter",
        "Check the filter settings of the mail account",
        "Send the code again in",
        "Send a test mail",
        "Call 0123 or write to help@rekey.example.com .",
        "o•••e@e•••e.com",
        "Code number 1 waits for a worker",
    ):
        assert sentence in said, sentence
    assert 'href="mailto:help@rekey.example.com"' in page.content.decode()
    assert TO not in page.content.decode()


@pytest.mark.parametrize(
    ("delivery", "sentence"),
    [
        (Delivery.DEFERRED, "Rekey tries again by itself"),
        (Delivery.HANDED_OVER, "The mail server answered: 4711 so"),
        (Delivery.HELD_UP, "the server there did not take it yet: 4711 so"),
        (Delivery.REFUSED, "was refused for good: 4711 so"),
        (Delivery.DELIVERED, "it lies among junk or spam"),
        (Delivery.BOUNCED, "came back: 4711 so"),
        (Delivery.SPAM, "marked the mail as spam"),
    ],
)
def test_what_is_known_of_the_mail_is_said_in_plain_words(
    who: Cast, walk: UUID, delivery: Delivery, sentence: str
) -> None:
    handle(RecordDelivery(1, delivery, "4711 so"), walk, SETUP)
    for page in ("no-code", "reset"):
        assert sentence in text(browser(who.bob).get(reverse(page, args=[walk])))
    silent = reset(who, device(who, reset_email=TO))
    handle(SendCode(), silent, who.by(who.tess))
    handle(RecordDelivery(1, delivery, ""), silent, SETUP)
    page = browser(who.bob).get(reverse("no-code", args=[silent]))
    assert "<code></code>" not in page.content.decode()


def test_who_only_looks_is_offered_nothing_to_press(who: Cast, walk: UUID) -> None:
    page = browser(who.bob).get(reverse("no-code", args=[walk]))
    assert "Whoever may reset passwords at Harbour can do that." in text(page)
    assert "<form" not in page.content.decode().split('id="main"')[1]


def test_the_page_moves_by_itself_and_leads_back_once_no_code_is_waited_for(
    who: Cast, walk: UUID
) -> None:
    tess, address = browser(who.tess), reverse("no-code-live", args=[walk])
    first = tess.get(address)
    seen = re.search(r"seen=([\d.]+)", first.content.decode())
    assert seen
    with time_machine.travel(timezone.now() + timedelta(seconds=61), tick=False):
        again = tess.get(address, {"seen": seen[1]})
        assert '<button class="button" id="send-code">Send the code again' in re.sub(
            r"\s+", " ", again.content.decode()
        )
    handle(RecordDelivery(1, Delivery.BOUNCED, ""), walk, SETUP)
    told = tess.get(address, {"seen": seen[1]})
    assert "announcer" in told.content.decode()
    handle(CancelReset(), walk, who.by(who.tess))
    over = tess.get(address, {"seen": seen[1]})
    assert "The reset has moved on" in text(over)
    assert "hx-trigger" not in over.content.decode()
    assert tess.get(reverse("no-code", args=[walk])).url == reverse("reset", args=[walk])


def test_without_a_code_there_is_no_such_page(who: Cast) -> None:
    begun = reset(who, device(who))
    page = browser(who.tess).get(reverse("no-code", args=[begun]))
    assert page.url == reverse("reset", args=[begun])


def test_after_the_last_code_the_page_says_so(who: Cast, walk: UUID) -> None:
    now = timezone.now()
    for minutes in (2, 4):
        with time_machine.travel(now + timedelta(minutes=minutes), tick=False):
            handle(SendCode(), walk, who.by(who.tess))
    page = browser(who.tess).get(reverse("no-code", args=[walk]))
    assert "No more codes will be sent for this reset" in text(page)


# --- mail delivery --------------------------------------------------------------------------------


def test_the_numbers_are_shown_to_administrators_with_the_last_answer(who: Cast) -> None:
    now = timezone.now()
    for n in range(3):
        mailed(who, now - timedelta(minutes=9), f"a{n}@x.example", Delivery.HANDED_OVER)
    mailed(who, now, "b@x.example", Delivery.REFUSED, answer="550 unknown")
    page = browser(who.alice).get(reverse("deliveries"))
    assert page.status_code == 200
    said = text(page)
    for words in ("x.example", "1 25% refused", "550 unknown", "Days are those of Europe"):
        assert words in said, words
    assert "REKEY_MAIL_SERVICE" in said
    for somebody in (who.bob, who.tess):
        assert browser(somebody).get(reverse("deliveries")).status_code == 403
    theirs = browser(who.charlie).get(reverse("deliveries"))
    assert "No code was mailed in this period." in text(theirs)
    assert "x.example" not in text(theirs)


def test_the_menu_shows_it_to_administrators_alone(who: Cast) -> None:
    for person, shown in ((who.alice, True), (who.charlie, True), (who.bob, False)):
        menu = browser(person).get(reverse("dashboard")).content.decode()
        assert (f'href="{reverse("deliveries")}"' in menu) is shown


def test_filters_narrow_it_down_and_an_odd_one_is_no_harm(who: Cast) -> None:
    now = timezone.now()
    mailed(who, now, "a@x.example")
    mailed(who, now - timedelta(days=40), "a@old.example")
    alice, address = browser(who.alice), reverse("deliveries")
    assert "old.example" not in text(alice.get(address))
    assert "old.example" in text(alice.get(address, {"days": "90"}))
    assert "No mail fits these filters." in text(alice.get(address, {"q": "nothing"}))
    assert "x.example" in text(alice.get(address, {"site": str(who.site)}))
    for odd in ({"site": "x"}, {"days": "x"}, {"days": "-1"}, {"q": "x" * 900}, {"page": "x"}):
        assert alice.get(address, odd).status_code == 200


def test_many_days_and_domains_have_pages(who: Cast) -> None:
    now = timezone.now()
    for n in range(PER_PAGE + 1):  # so many in an hour would be one person's limit
        mailed(who, now - timedelta(minutes=3 * (PER_PAGE - n)), f"a@d{n:02}.example")
    alice, address = browser(who.alice), reverse("deliveries")
    first, second = text(alice.get(address)), text(alice.get(address, {"page": "2"}))
    assert "d00.example" in first and "d50.example" not in first
    assert "d50.example" in second and "d49.example" not in second
    assert "1–50 of 51 days and domains" in first


def test_the_dashboard_names_what_was_not_delivered(who: Cast) -> None:
    walks = {}
    for delivery in list(Delivery)[2:]:
        walks[delivery] = reset(who, device(who, name=f"Gate {delivery}", reset_email=TO))
        handle(SendCode(), walks[delivery], who.by(who.tess))
        handle(RecordDelivery(1, delivery, ""), walks[delivery], SETUP)
    page = browser(who.bob).get(reverse("dashboard")).content.decode()
    panel = page.split('id="panel-failed-deliveries"')[1].split("</section>")[0]
    shown = {delivery for delivery, walk in walks.items() if str(walk) in panel}
    assert shown == {
        Delivery.DEFERRED,
        Delivery.HELD_UP,
        Delivery.REFUSED,
        Delivery.BOUNCED,
        Delivery.SPAM,
    }


# --- test mails -----------------------------------------------------------------------------------


def test_a_test_mail_is_sent_from_the_devices_page_and_its_answer_shown(
    who: Cast, mail_sink: Any
) -> None:
    camera = device(who, name="Gate north", reset_email=TO)
    work()
    tess = browser(who.tess)
    assert "Send a test mail" in text(tess.get(reverse("device", args=[camera])))
    before = EventRow.everything.filter(stream=camera).count()
    asked = tess.post(reverse("send-test-mail", args=[camera]), follow=True)
    assert "The test mail waits for a worker" in text(asked)
    work()
    [mail] = mail_sink.mails()
    assert (mail.to, mail.subject) == ([TO], "Test mail from Rekey")
    assert "There is no code in it" in mail.text
    assert "Gate north, Harbour" in mail.text
    assert not re.search(r"\d{4} \d{4}", mail.text)
    [test] = MailTest.objects.for_jobs()
    page = tess.get(reverse("test-mail-live", args=[test.pk]))
    assert "Handed to the mail server" in text(page) and "250" in text(page)
    assert "hx-trigger" not in page.content.decode()
    assert "The last test mail" in text(tess.get(reverse("device", args=[camera])))
    assert EventRow.everything.filter(stream=camera).count() == before, "the device hears nothing"
    assert list(projections.differences()) == []


def test_the_mail_servers_refusal_is_shown_without_the_mailbox(who: Cast, mail_sink: Any) -> None:
    mail_sink.refuse()
    tess = browser(who.tess)
    page = tess.post(reverse("send-test-mail", args=[device(who, reset_email=TO)]), follow=True)
    work()
    page = tess.get(page.request["PATH_INFO"])
    assert "It was refused for good: 550" in text(page)
    assert "owner.one" not in page.content.decode()


def test_a_test_mail_is_tried_again_and_given_up_after_a_while(who: Cast, mail_sink: Any) -> None:
    mail_sink.stop()
    tess = browser(who.tess)
    tess.post(reverse("send-test-mail", args=[device(who, reset_email=TO)]))
    work()
    [test] = MailTest.objects.for_jobs()
    assert (test.delivery, "refuses connections" in test.answer) == ("deferred", True)
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        work()
    [test] = MailTest.objects.for_jobs()
    assert test.delivery == "refused"


def test_an_administrator_types_a_mailbox(who: Cast, mail_sink: Any) -> None:
    alice, address = browser(who.alice), reverse("send-test-mail-to")
    form = alice.get(address)
    assert "Harbour" in text(form) and "Island" not in text(form)
    sent = alice.post(address, {"site": str(who.site), "reset_email": TO})
    assert sent.status_code == 302
    work()
    [mail] = mail_sink.mails()
    assert mail.to == [TO]
    assert "o•••e@e•••e.com" in text(alice.get(reverse("deliveries")))
    for somebody in (who.bob, who.tess):
        assert browser(somebody).get(address).status_code == 403
        assert browser(somebody).post(address, {}).status_code == 403
    theirs = browser(who.charlie).post(address, {"site": str(who.site), "reset_email": TO})
    assert theirs.status_code == 422, "that site is not among Charlie's"
    assert MailTest.objects.for_jobs().count() == 1


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "nobody",
        "a@b\r\nBcc: c@d.example",
        "a@b.example\nSubject: x",
        "a@b.example, c@d.example",
    ],
)
def test_what_is_no_mailbox_is_refused_at_its_field(who: Cast, typed: str, mail_sink: Any) -> None:
    answer = browser(who.alice).post(
        reverse("send-test-mail-to"), {"site": str(who.site), "reset_email": typed}
    )
    assert answer.status_code == 422
    assert "id_reset_email" in answer.content.decode().split('role="alert"')[1]
    work()
    assert mail_sink.mails() == []


def test_so_many_test_mails_and_no_more(who: Cast) -> None:
    camera = device(who, reset_email=TO)
    tess, address = browser(who.tess), reverse("send-test-mail", args=[camera])
    for _ in range(MOST_TO_ONE):
        assert tess.post(address).status_code == 302
    refused = tess.post(address)
    assert refused.status_code == 422
    assert "went to this mailbox in the last hour" in text(refused)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=61)):
        assert tess.post(address).status_code == 302


def test_who_only_looks_sees_test_mails_and_sends_none(who: Cast) -> None:
    camera = device(who, reset_email=TO)
    tess, bob, charlie = map(browser, (who.tess, who.bob, who.charlie))
    tess.post(reverse("send-test-mail", args=[camera]))
    [test] = MailTest.objects.for_jobs()
    address = reverse("test-mail", args=[test.pk])
    assert bob.get(address).status_code == 200
    assert TO not in bob.get(address).content.decode()
    assert bob.post(reverse("send-test-mail", args=[camera])).status_code == 403
    assert "Send a test mail" not in text(bob.get(reverse("device", args=[camera])))
    assert charlie.get(address).status_code == 404
    assert charlie.post(reverse("send-test-mail", args=[camera])).status_code == 404
    assert MailTest.objects.for_jobs().count() == 1
