"""The wizard's pages without a browser: what they say, to whom, and with which status."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from devices.virtual import Character, ThreadedFleet, default_scenario, fleet_in_thread
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import COMMANDS, Command, Event, asked, command
from resets.models import Reset
from resets.state import ResetState
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from tests.cast import Cast, add_device, work

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

SPECS = default_scenario(seed=7, port_base=0)
HONEST = next(s for s in SPECS if s.kind == "camera" and s.character is Character.HONEST)
REASON = "The guard who knew it has left"


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread([HONEST]) as running:
        yield running


@pytest.fixture
def camera(who: Cast, fleet: ThreadedFleet) -> UUID:
    device = add_device(who, fleet, HONEST)
    work()
    return device


@pytest.fixture
def pages(client: Client, who: Cast) -> Client:
    """Tess's browser."""
    client.force_login(who.tess)
    return client


def begun(who: Cast, camera: UUID, *, sent: bool = False) -> UUID:
    reset = new_id()
    handle(RequestReset(camera, REASON), reset, who.by(who.tess))
    if sent:
        handle(SendCode(), reset, who.by(who.tess))
    return reset


def step(reset: UUID, slug: str) -> str:
    return reverse("reset-step", args=[reset, slug])


def text(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def code_in(mail) -> str:
    return re.search(r"^ {4}(\d{4} \d{4})\r?$", mail.text, re.M)[1]


def test_forget_password_asks_why_and_begins(pages: Client, camera: UUID) -> None:
    address = reverse("request-reset", args=[camera])
    assert "Why is the password being reset?" in text(pages.get(address))

    nothing = pages.post(address, {"reason": "  "})
    assert nothing.status_code == 422
    assert "Say why the password is being reset" in text(nothing)

    begun = pages.post(address, {"reason": REASON}, follow=True)
    assert "Send Code" in text(begun)
    assert REASON in text(begun)
    assert pages.get(address).url == begun.request["PATH_INFO"], "an open reset is led to"
    assert pages.post(address, {"reason": "Again"}).url == begun.request["PATH_INFO"]


def test_the_way_through_the_wizard(pages: Client, who: Cast, camera: UUID, mail_sink) -> None:
    reset = begun(who, camera)
    sent = pages.post(step(reset, "send-code"), follow=True)
    assert "Queued" in text(sent)
    work()
    handed = pages.get(reverse("reset-live", args=[reset]), {"on": "code_sent-verify-code"})
    assert "Handed to the mail server" in text(handed)
    assert "250" in text(handed)

    code = code_in(mail_sink.mails()[0])
    wrong = pages.post(step(reset, "verify-code"), {"code": "0000 0000"})
    assert wrong.status_code == 422
    assert "That is not the code. 4 tries left." in text(wrong)
    assert "0000 0000" not in wrong.content.decode(), "what was typed is not sent back"

    right = pages.post(step(reset, "verify-code"), {"code": code}, follow=True)
    assert "Use a generated password" in text(right)
    taken = pages.post(step(reset, "choose-password"), follow=True)
    assert "Applying" in text(taken)
    work()
    done = pages.get(reverse("reset", args=[reset]))
    assert "Done and proven" in text(done)
    assert "hx-trigger" not in done.content.decode(), "nothing is asked again once it has ended"


def test_a_typed_password_is_held_against_the_rules(
    pages: Client, who: Cast, camera: UUID, mail_sink
) -> None:
    reset = begun(who, camera, sent=True)
    work()
    pages.post(step(reset, "verify-code"), {"code": code_in(mail_sink.mails()[0])})
    weak = pages.post(step(reset, "choose-password"), {"password": "admin-7"})
    assert weak.status_code == 422
    assert "Use 8 to 32 characters; this has 7." in text(weak)
    assert "admin-7" not in weak.content.decode()
    assert '<details class="advice" open>' in weak.content.decode(), "where the error is, it shows"


def test_a_code_that_was_tried_too_often_leads_to_a_new_one(
    pages: Client, who: Cast, camera: UUID
) -> None:
    reset = begun(who, camera, sent=True)
    for _ in range(5):
        last = pages.post(step(reset, "verify-code"), {"code": "0000 0000"})
    assert last.status_code == 422
    assert "tried too often" in text(last)
    assert 'name="code"' not in last.content.decode()
    assert "Send the code again in" in text(last)


def test_a_second_code_has_to_wait(pages: Client, who: Cast, camera: UUID) -> None:
    reset = begun(who, camera, sent=True)
    again = pages.post(step(reset, "send-code"))
    assert again.status_code == 422
    assert "Another may be sent in" in text(again)
    assert 'name="code"' in again.content.decode(), "the question is still the code"


def test_a_live_part_that_has_not_changed_is_an_empty_204(
    pages: Client, who: Cast, camera: UUID
) -> None:
    reset = begun(who, camera)
    address = reverse("reset-live", args=[reset])
    same = pages.get(address, {"on": "requested-send-code", "seen": "1"})
    assert (same.status_code, same.content) == (204, b"")
    handle(SendCode(), reset, who.by(who.tess))
    moved = pages.get(address, {"on": "requested-send-code", "seen": "1"})
    assert moved["HX-Retarget"] == "#wizard"
    assert 'name="code"' in moved.content.decode()


def test_cancelling_asks_first(pages: Client, who: Cast, camera: UUID) -> None:
    reset = begun(who, camera)
    assert "This cannot be undone" in text(pages.get(step(reset, "cancel-reset")))
    assert Reset.objects.for_jobs().get(pk=reset).open
    ended = pages.post(step(reset, "cancel-reset"), follow=True)
    assert "Cancelled" in text(ended)
    assert "Begin another reset" in text(ended)
    late = pages.post(step(reset, "cancel-reset"))
    assert late.status_code == 409
    assert "ended already" in text(late)


def test_a_viewer_sees_where_it_stands_and_no_button(
    client: Client, who: Cast, camera: UUID
) -> None:
    reset = begun(who, camera, sent=True)
    client.force_login(who.bob)
    page = client.get(reverse("reset", args=[reset]))
    assert "You may look." in text(page)
    assert f"/resets/{reset}/verify-code/" not in page.content.decode()
    assert "Send the code again" not in text(page)
    assert client.post(step(reset, "send-code")).status_code == 403
    assert client.get(reverse("request-reset", args=[new_id()])).status_code == 404


def test_an_outsider_is_told_that_there_is_no_such_reset(
    client: Client, who: Cast, camera: UUID
) -> None:
    reset = begun(who, camera, sent=True)
    client.force_login(who.charlie)
    for response in (
        client.get(reverse("reset", args=[reset])),
        client.get(reverse("reset-live", args=[reset])),
        client.get(step(reset, "cancel-reset")),
        client.post(step(reset, "verify-code"), {"code": "1234 5678"}),
        client.get(reverse("request-reset", args=[camera])),
        client.post(reverse("request-reset", args=[camera]), {"reason": "Mine"}),
    ):
        assert response.status_code == 404
    assert HONEST.name not in text(client.get(reverse("resets")))


def test_the_list_is_filtered(pages: Client, who: Cast, camera: UUID) -> None:
    assert "No password was reset yet." in text(pages.get(reverse("resets")))
    begun(who, camera)
    assert HONEST.name in text(pages.get(reverse("resets"), {"phase": "waiting", "q": "guard"}))
    assert HONEST.name in text(pages.get(reverse("resets"), {"device": camera}))
    assert "No reset fits these filters." in text(pages.get(reverse("resets"), {"phase": "done"}))


def test_the_dashboard_shows_what_waits_for_whom(client: Client, who: Cast, camera: UUID) -> None:
    begun(who, camera)
    client.force_login(who.tess)
    assert "Nothing waits for you." not in text(client.get("/"))
    client.force_login(who.bob)
    page = text(client.get("/"))
    assert "Nothing waits for you." in page
    assert HONEST.name in page, "it is under way, and Bob may look"


def test_a_code_that_has_expired_is_not_asked_for_any_more(
    pages: Client, who: Cast, camera: UUID
) -> None:
    reset = begun(who, camera, sent=True)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11)):
        page = pages.get(reverse("reset", args=[reset]))
        assert "The code expired" in text(page)
        assert "Send the code again" in text(page)
        assert 'name="code"' not in page.content.decode()


def test_after_the_last_code_the_way_out_is_shown(pages: Client, who: Cast, camera: UUID) -> None:
    reset, start = begun(who, camera, sent=True), datetime.now(UTC)
    for minutes in (11, 22):
        with time_machine.travel(start + timedelta(minutes=minutes)):
            pages.post(step(reset, "send-code"))
    with time_machine.travel(start + timedelta(minutes=33)):
        page = text(pages.get(reverse("reset", args=[reset])))
        assert "3 codes were sent for this reset, and no more will be." in page
        assert "Cancel the reset" in page
        assert "Send the code again" not in page


def test_a_form_without_its_token_is_turned_down(who: Cast, camera: UUID) -> None:
    reset, elsewhere = begun(who, camera), Client(enforce_csrf_checks=True)
    elsewhere.force_login(who.tess)
    assert elsewhere.post(step(reset, "send-code")).status_code == 403
    assert Reset.objects.for_jobs().get(pk=reset).sends == 0


def test_a_poll_asks_the_database_little(
    pages: Client, who: Cast, camera: UUID, django_assert_max_num_queries
) -> None:
    reset = begun(who, camera, sent=True)
    with django_assert_max_num_queries(5):  # session, person, roles, the row, its events
        pages.get(reverse("reset-live", args=[reset]), {"on": "code_sent-verify-code"})


@pytest.fixture
def new_step() -> Iterator[None]:
    """A step that nobody has written a page for."""

    @command(by=Role.TECHNICIAN)
    class CallTheGate(Command[ResetState]):
        """Tell the guard at the gate that somebody will come by."""

        message: str = asked("What to tell the guard?", long=True)

        @classmethod
        def offered(cls, reset: ResetState, now: datetime) -> bool:
            return True

        def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
            if "please" not in self.message:
                raise Refused("impolite", "Say please.", field="message")
            return ()

    yield
    del COMMANDS["reset.call-the-gate"]


@pytest.mark.usefixtures("new_step")
def test_a_new_step_has_its_page_by_itself(pages: Client, who: Cast, camera: UUID) -> None:
    reset = begun(who, camera)
    wizard = pages.get(reverse("reset", args=[reset]))
    assert "Call the gate" in text(wizard)
    assert "Send Code" in text(wizard)
    page = pages.get(step(reset, "call-the-gate"))
    assert "Tell the guard at the gate that somebody will come by." in text(page)
    refused = pages.post(step(reset, "call-the-gate"), {"message": "Open up"})
    assert refused.status_code == 422
    assert "Say please." in text(refused)
    assert "Open up" in text(refused), "what was typed is still there"
    assert pages.post(step(reset, "call-the-gate"), {"message": "Open, please"}).status_code == 302
    ended = text(pages.post(step(reset, "cancel-reset"), follow=True))
    assert "Begin another reset" in ended
    assert "Call the gate" in ended, "it says that it is always open"
