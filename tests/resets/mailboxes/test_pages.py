"""The pages of proposed mailboxes: what they say, to whom, and with which status."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices.steps.change_device import ChangeDevice
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.eventstore.handling import handle
from resets.steps.send_code import SendCode
from tests.cast import Cast, person
from tests.fleet.eventstore.ground import device, reset
from tests.resets.mailboxes.ground import (
    NEW,
    NEW_SHOWN,
    OLD,
    OLD_SHOWN,
    REASON,
    agree,
    page,
    proposed,
    row,
    work,
)

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def gate(who: Cast) -> UUID:
    return device(who)


def signed_in(somebody: Person) -> Client:
    client = Client(headers={"Host": "localhost"})
    client.force_login(somebody)
    return client


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def step(change: UUID, slug: str) -> str:
    return reverse("mailbox-step", args=[change, slug])


def ask(gate: UUID) -> str:
    return reverse("propose-mailbox", args=[gate])


# --- proposing ------------------------------------------------------------------------------------


def test_the_page_of_a_device_leads_to_a_proposal(who: Cast, gate: UUID) -> None:
    address = reverse("device", args=[gate])
    for somebody, leads in ((who.tess, True), (who.alice, True), (who.bob, False)):
        shown = signed_in(somebody).get(address)
        assert (ask(gate) in shown.content.decode()) is leads
    assert "Correct it" in text(signed_in(who.tess).get(address))
    bare = device(who, reset_email="")
    assert "Name one" in text(signed_in(who.tess).get(reverse("device", args=[bare])))


def test_a_mailbox_is_proposed(who: Cast, gate: UUID) -> None:
    tess = signed_in(who.tess)
    asked = tess.get(ask(gate))
    assert OLD in text(asked)
    assert "Two people have to agree" in text(asked)
    done = tess.post(ask(gate), {"reset_email": NEW, "reason": REASON}, follow=True)
    assert "Somebody else has to agree" in text(done)
    assert all(one in text(done) for one in (NEW, OLD, REASON, "Gate north", "203.0.113.7"))
    assert "Take it back" in text(done)
    assert "Agree" not in re.findall(r"<a class=\"button[^>]*>.*?</a>", done.content.decode())
    shown = text(tess.get(reverse("device", args=[gate])))
    assert "Tess proposed" in shown
    assert tess.get(ask(gate)).url == done.request["PATH_INFO"], "an open one is led to"


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("reset_email", "", "Name a mailbox"),
        ("reset_email", "keeper", "Use a form such as name@example.com"),
        ("reset_email", f"{NEW}, {OLD}", "Name one mailbox"),
        ("reset_email", f"{NEW}\r\nBcc: {OLD}", "line break"),
        ("reset_email", OLD, "This is its Reset Password Email already"),
        ("reset_email", "keeper@gone.invalid", "No mail goes to names like this one"),
        ("reason", " ", "Say why"),
    ],
)
def test_what_is_wrong_is_said_beside_its_input(
    who: Cast, gate: UUID, field: str, typed: str, told: str
) -> None:
    given = {"reset_email": NEW, "reason": REASON} | {field: typed}
    answer = signed_in(who.tess).post(ask(gate), given)
    assert answer.status_code == 422
    assert told in text(answer)
    assert f'id="id_{field}_error"' in answer.content.decode() or told in text(answer)
    kept = answer.context["form"]
    assert kept.errors.get(field)


def test_who_only_looks_or_is_a_stranger_does_not_propose(who: Cast, gate: UUID) -> None:
    for somebody, status in ((who.bob, 403), (who.charlie, 404)):
        client = signed_in(somebody)
        assert client.get(ask(gate)).status_code == status
        assert client.post(ask(gate), {"reset_email": NEW, "reason": "x"}).status_code == status


# --- answering ------------------------------------------------------------------------------------


def test_a_second_person_sees_all_that_will_be_done_and_agrees(
    who: Cast, gate: UUID, mail_sink: Any
) -> None:
    reset(who, gate)
    change = proposed(who, gate)
    alice = signed_in(who.alice)
    shown = alice.get(page(change))
    assert "Agree" in text(shown)
    assert "Take it back" not in text(shown)
    asked = alice.get(step(change, "approve-mailbox"))
    for one in (NEW, OLD, "Gate north", "203.0.113.7", REASON, "A reset of this device is under"):
        assert one in text(asked), one
    hidden = re.search(r'name="digest" value="([0-9a-f]{64})"', asked.content.decode())
    assert hidden
    assert hidden[1] == row(change).digest
    done = alice.post(step(change, "approve-mailbox"), {"digest": hidden[1]}, follow=True)
    assert "Agreed" in text(done)
    assert 'hx-get="' in done.content.decode()
    work()
    live = alice.get(reverse("mailbox-live", args=[change]), {"seen": "something else"})
    assert "In force" in text(live)
    after = alice.get(page(change))
    assert "In force" in text(after)
    assert "Told by mail" in text(after)
    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        later = alice.get(page(change))
    assert 'hx-trigger="every' not in later.content.decode(), "nothing moves any more"
    unchanged = alice.get(
        reverse("mailbox-live", args=[change]), {"seen": after.context["page"].version}
    )
    assert unchanged.status_code == 204


def test_an_altered_digest_is_turned_down_where_it_is_asked(who: Cast, gate: UUID) -> None:
    change = proposed(who, gate)
    answer = signed_in(who.alice).post(step(change, "approve-mailbox"), {"digest": "0" * 64})
    assert answer.status_code == 409
    assert "This is not what was shown" in text(answer)
    assert row(change).stage == "proposed"


def test_it_is_declined_with_a_reason(who: Cast, gate: UUID) -> None:
    change, alice = proposed(who, gate), signed_in(who.alice)
    nothing = alice.post(step(change, "decline-mailbox"), {"reason": " "})
    assert nothing.status_code == 422
    assert "Say why not" in text(nothing)
    done = alice.post(step(change, "decline-mailbox"), {"reason": "Who is that?"}, follow=True)
    assert "Declined because Who is that?" in text(done)
    assert "Propose another one" in text(signed_in(who.tess).get(page(change)))


def test_nobody_is_asked_about_their_own(who: Cast, gate: UUID) -> None:
    change, alice = proposed(who, gate, by=who.alice), signed_in(who.alice)
    assert step(change, "approve-mailbox") not in alice.get(page(change)).content.decode()
    assert alice.get(step(change, "approve-mailbox")).url == page(change)
    refused = alice.post(step(change, "approve-mailbox"), {"digest": row(change).digest})
    assert refused.status_code == 403
    done = alice.post(step(change, "withdraw-mailbox"), follow=True)
    assert "Taken back" in text(done)


def test_whoever_comes_second_is_told_so_on_the_page(who: Cast, gate: UUID) -> None:
    change = proposed(who, gate)
    dora = signed_in(person("Dora", who.organisation, Role.ADMINISTRATOR))
    digest = row(change).digest
    agree(who, change)
    late = dora.post(step(change, "approve-mailbox"), {"digest": digest})
    assert late.status_code == 409
    assert "Alice has agreed to it already" in text(late)
    assert dora.get(step(change, "approve-mailbox")).url == page(change)


def test_what_the_device_has_outgrown_is_said_before_and_after(who: Cast, gate: UUID) -> None:
    change, alice = proposed(who, gate), signed_in(who.alice)
    handle(ChangeDevice(name="Gate south"), gate, who.by(who.alice))
    assert "The device has changed since" in text(alice.get(page(change)))
    void = alice.post(step(change, "approve-mailbox"), {"digest": row(change).digest})
    assert void.status_code == 409
    assert "The proposal is void" in text(void)
    assert "Void" in text(alice.get(page(change)))


def test_a_proposal_for_viewers_hides_most_of_both_mailboxes(who: Cast, gate: UUID) -> None:
    change, bob = proposed(who, gate), signed_in(who.bob)
    for address in (page(change), reverse("mailboxes"), reverse("device", args=[gate])):
        shown = bob.get(address).content.decode()
        assert NEW not in shown
        assert OLD not in shown
        assert row(change).digest not in shown
        assert NEW_SHOWN in shown
    assert OLD_SHOWN in bob.get(page(change)).content.decode()
    assert signed_in(who.charlie).get(page(change)).status_code == 404
    assert bob.get(step(change, "approve-mailbox")).status_code == 403
    assert bob.get(step(change, "no-such-step")).status_code == 404


# --- the list -------------------------------------------------------------------------------------


def test_the_list_of_proposals_and_its_filters(who: Cast, gate: UUID) -> None:
    alice, address = signed_in(who.alice), reverse("mailboxes")
    assert "No mailbox was proposed yet" in text(alice.get(address))
    change = proposed(who, gate)
    shown = text(alice.get(address))
    assert all(one in shown for one in ("Gate north", NEW, OLD, "Waits for a second person"))
    for given, there in (
        ({"stage": "open"}, True),
        ({"stage": "proposed"}, True),
        ({"stage": "declined"}, False),
        ({"q": "owner has left"}, True),
        ({"q": "keeper@"}, False),
        ({"site": str(who.site)}, True),
        ({"site": "nonsense"}, True),
    ):
        assert (page(change) in alice.get(address, given).content.decode()) is there, given
    assert "No proposal fits these filters" in text(alice.get(address, {"stage": "void"}))
    assert "No mailbox was proposed yet" in text(signed_in(who.charlie).get(address))


def test_a_long_list_has_pages(who: Cast) -> None:
    for number in range(52):
        proposed(who, device(who, name=f"Gate {number}"))
    first = signed_in(who.alice).get(reverse("mailboxes"))
    assert "1–50 of 52 proposals" in text(first)
    second = signed_in(who.alice).get(reverse("mailboxes"), {"page": "2"})
    assert "51–52 of 52 proposals" in text(second)


def test_what_waits_stands_among_the_approvals(who: Cast, gate: UUID) -> None:
    change = proposed(who, gate)
    shown = signed_in(who.alice).get(reverse("approvals"))
    assert page(change) in shown.content.decode()
    assert f"Codes go to {NEW_SHOWN}" in text(shown)
    own = signed_in(who.tess).get(reverse("approvals"), {"whose": "own"})
    assert page(change) in own.content.decode()
    only = signed_in(who.alice).get(reverse("approvals"), {"kind": "reset"})
    assert page(change) not in only.content.decode()


# --- from a reset ---------------------------------------------------------------------------------


def test_a_reset_without_a_mailbox_leads_to_naming_one(who: Cast) -> None:
    bare = device(who, reset_email="")
    walk = reset(who, bare)
    shown = signed_in(who.tess).get(reverse("reset", args=[walk]))
    assert ask(bare) in shown.content.decode()
    assert "Name a mailbox" in text(shown)
    assert "Send Code</button>" not in shown.content.decode()
    assert ask(bare) not in signed_in(who.bob).get(reverse("reset", args=[walk])).content.decode()


def test_where_no_code_comes_the_way_to_another_mailbox_is_shown(who: Cast, gate: UUID) -> None:
    walk = reset(who, gate)
    handle(SendCode(), walk, who.by(who.tess))
    shown = signed_in(who.tess).get(reverse("no-code", args=[walk]))
    assert ask(gate) in shown.content.decode()
    assert "Correct the mailbox" in text(shown)


def test_after_a_correction_the_reset_asks_to_send_the_code(
    who: Cast, gate: UUID, mail_sink: Any
) -> None:
    walk = reset(who, gate)
    handle(SendCode(), walk, who.by(who.tess))
    agree(who, proposed(who, gate))
    work()
    shown = signed_in(who.tess).get(reverse("reset", args=[walk]))
    assert NEW_SHOWN in text(shown)
    assert "Send Code" in text(shown)
    current = re.search(r'aria-current="step".*?</li>', shown.content.decode(), re.S)
    assert current
    assert "Send Code" in current[0]
