"""The pages of approvals and broken glass without a browser: what they say, and to whom."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from devices.steps.change_device import ChangeDevice
from fleet.accounts.models import Person
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from resets.state import Phase
from resets.steps.break_glass import BreakGlass
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from tests.api.client import api_of
from tests.cast import Cast
from tests.fleet.eventstore.ground import device, reset
from tests.resets.approvals.asking import WHY, agree, ask_always, asked, dora, now

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def pages(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def text(response: Any) -> str:
    page = re.sub(r"(?s)<(nav|script).*?</\1>", " ", response.content.decode())
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def wizard(person: Person, stream: UUID) -> str:
    return text(pages(person).get(reverse("reset", args=[stream])))


def step(stream: UUID, slug: str) -> str:
    return reverse("reset-step", args=[stream, slug])


# --- in the wizard --------------------------------------------------------------------------------


def test_whoever_asked_sees_for_whom_it_waits_and_until_when(who: Cast) -> None:
    stream = asked(who)
    dora(who)
    seen = wizard(who.tess, stream)
    assert "Waits for a second person" in seen
    assert "because this site asks for a second person each time" in seen
    assert "Alice or Dora can agree until" in seen
    assert "You asked for it yourself" in seen
    assert "Cancel the reset" in seen
    for none in ("Agree to this reset?", "Send Code to", "No more codes", "Decline"):
        assert none not in seen


def test_whoever_may_agree_sees_exactly_what_will_be_done(who: Cast) -> None:
    stream = asked(who, port=8085)
    page = pages(who.alice).get(reverse("reset", args=[stream]))
    seen = text(page)
    for told in (
        "Agree to this reset?",
        "Gate north",
        "Harbour",
        "203.0.113.7:8085",
        "admin",
        "By Rekey's own account on the device".replace("'", "&#x27;"),
        "o•••r@e•••e.com",
        "The installer left",
        "Tess from 127.0.0.1",
        "because this site asks for a second person each time",
        now(stream).digest[:12] + "…",
    ):
        assert told in seen, told
    assert f'name="digest" id="id_digest" value="{now(stream).digest}"' in page.content.decode()
    agreed = pages(who.alice).post(step(stream, "approve-reset"), {"digest": now(stream).digest})
    assert agreed.status_code == 302
    assert now(stream).phase is Phase.REQUESTED
    assert "Agreed to by Alice" in wizard(who.tess, stream)
    assert "Send Code" in wizard(who.tess, stream)


def test_an_administrator_who_asked_is_told_that_somebody_else_has_to(who: Cast) -> None:
    ask_always(who)
    stream = new_id()
    handle(RequestReset(device(who), "The installer left"), stream, who.by(who.alice))
    seen = wizard(who.alice, stream)
    assert "There is nobody who could agree" in seen
    assert "Agree to this reset?" not in seen
    own = pages(who.alice).post(step(stream, "approve-reset"), {"digest": now(stream).digest})
    assert own.status_code == 403
    assert "You asked for this reset yourself" in text(own)
    dora(who)
    assert "Dora can agree until" in wizard(who.alice, stream)


def test_whoever_only_looks_sees_it_and_no_button(who: Cast) -> None:
    stream = asked(who)
    seen = wizard(who.bob, stream)
    assert "Alice can agree until" in seen
    assert "You may look." in seen
    assert now(stream).digest[:12] not in seen


def test_a_device_that_has_changed_cannot_be_agreed_to(who: Cast) -> None:
    stream = asked(who)
    target = now(stream).subject
    assert target
    handle(ChangeDevice(port=9090), target, who.by(who.alice))
    seen = wizard(who.alice, stream)
    assert "This is not what was asked for" in seen
    assert ">Agree<" not in seen
    assert "Nobody can agree to this any more" in wizard(who.tess, stream)
    late = pages(who.alice).post(step(stream, "approve-reset"), {"digest": now(stream).digest})
    assert late.status_code == 409
    assert "The request is void" in text(late)
    assert "The approval is void" in wizard(who.tess, stream)


def test_another_page_than_the_one_that_was_read_is_refused(who: Cast) -> None:
    stream = asked(who)
    other = pages(who.alice).post(step(stream, "approve-reset"), {"digest": "0" * 64})
    assert other.status_code == 409
    assert "This is not what was shown" in text(other)


def test_declining_asks_why_on_a_page_of_its_own(who: Cast) -> None:
    stream, alice = asked(who), pages(who.alice)
    assert "Tess is told why" in text(alice.get(step(stream, "decline-reset")))
    nothing = alice.post(step(stream, "decline-reset"), {"reason": " "})
    assert nothing.status_code == 422
    assert "Say why not" in text(nothing)
    alice.post(step(stream, "decline-reset"), {"reason": "Ring me first"})
    seen = wizard(who.tess, stream)
    assert "Declined" in seen
    assert "Ring me first" in seen
    assert "Begin another reset" in seen


def test_a_page_that_waits_notices_the_answer(who: Cast) -> None:
    stream, tess = asked(who), pages(who.tess)
    page = tess.get(reverse("reset", args=[stream])).content.decode()
    on = re.search(r"live/\?on=([\w-]+)", page)
    assert on
    live = reverse("reset-live", args=[stream])
    handle(agree(stream), stream, who.by(who.alice))
    answer = tess.get(live, {"on": on[1], "seen": "2"})
    assert answer["HX-Retarget"] == "#wizard"
    assert "Send Code" in text(answer)


def test_a_code_of_somebody_else_is_not_asked_for(who: Cast) -> None:
    """Only whoever asked for the code may type it; others are shown how they go on."""
    stream = reset(who, device(who))
    handle(SendCode(), stream, who.by(who.tess))
    assert "Enter the code" in wizard(who.tess, stream)
    seen = wizard(who.alice, stream)
    assert "Somebody else asked for the code that was sent" in seen
    assert "Code from the email" not in seen


# --- broken glass ---------------------------------------------------------------------------------


def test_breaking_the_glass_warns_asks_why_and_goes_on(who: Cast) -> None:
    stream, alice = asked(who), pages(who.alice)
    asks = text(alice.get(step(stream, "break-glass")))
    for told in ("nobody agrees", "o•••r@e•••e.com", "all administrators of Harbour", "Tess"):
        assert told in asks, told
    short = alice.post(step(stream, "break-glass"), {"reason": "now"})
    assert short.status_code == 422
    assert "Say in at least 10 characters" in text(short)
    gone_on = text(alice.post(step(stream, "break-glass"), {"reason": WHY}, follow=True))
    assert "Enter the new password" in gone_on
    assert "The glass was broken" in gone_on
    assert "Another administrator has to look into it." in gone_on
    assert "Break glass" not in wizard(who.tess, stream), "technicians are not offered it"


def test_it_stands_on_the_dashboard_until_somebody_else_has_looked(who: Cast) -> None:
    stream = asked(who)
    handle(BreakGlass(WHY), stream, who.by(who.alice))
    other = dora(who)
    for person in (who.alice, other):
        assert "Broken glass to be reviewed" in text(pages(person).get("/"))
    for person in (who.bob, who.tess, who.charlie):
        assert "Broken glass" not in text(pages(person).get("/"))
    seen = pages(other)
    assert WHY in text(seen.get(step(stream, "review-break-glass")))
    assert pages(who.alice).get(step(stream, "review-break-glass")).status_code == 302
    assert seen.post(step(stream, "review-break-glass"), {"note": ""}).status_code == 422
    seen.post(step(stream, "review-break-glass"), {"note": "There was a fire"})
    assert "Broken glass" not in text(pages(who.alice).get("/"))
    assert "Dora: There was a fire" in wizard(who.tess, stream)


def test_resets_are_found_by_their_broken_glass(who: Cast) -> None:
    whole, broken = reset(who, device(who)), reset(who, device(who, name="Gate south"))
    handle(BreakGlass(WHY), broken, who.by(who.alice))
    bob = pages(who.bob)
    for glass in ("broken", "to_review"):
        page = bob.get(reverse("resets"), {"glass": glass}).content.decode()
        assert str(broken) in page
        assert str(whole) not in page
    api = api_of(who.bob)
    assert [r["id"] for r in api.all("resets/", glass="to_review")] == [str(broken)]
    assert {r["id"]: r["glass_broken"] for r in api.all("resets/")} == {
        str(whole): False,
        str(broken): True,
    }
    assert api.get("resets/", glass="cracked").status_code == 400


# --- what waits -----------------------------------------------------------------------------------


def test_the_list_the_menu_and_the_dashboard_lead_to_what_waits(who: Cast) -> None:
    stream = asked(who)
    alice = pages(who.alice)
    page = alice.get(reverse("approvals"))
    for told in ("Gate north", "A new password for admin", "Harbour", "Tess", "The installer left"):
        assert told in text(page), told
    assert reverse("reset", args=[stream]) in page.content.decode()
    assert '<span class="count">1<span class="unseen"> waiting</span></span>' in (
        page.content.decode()
    )
    assert "Waits for a second person" in text(alice.get("/"))
    assert "Waits for a second person" not in waiting_panel(pages(who.tess).get("/"))
    handle(agree(stream), stream, who.by(who.alice))
    page = alice.get(reverse("approvals"))
    assert "Nothing waits for your answer." in text(page)
    assert 'class="count"' not in page.content.decode()


def waiting_panel(dashboard: Any) -> str:
    """What needs me."""
    page = dashboard.content.decode()
    return page[page.index("panel-what-needs-me") :].split("</section>")[0]


def test_the_list_is_filtered(who: Cast) -> None:
    asked(who)
    alice, tess = pages(who.alice), pages(who.tess)
    address = reverse("approvals")
    for fits in ({"q": "gate"}, {"site": who.site}, {"kind": "reset"}, {"q": "", "site": ""}):
        assert "Gate north" in text(alice.get(address, fits)), fits
    nothing = text(alice.get(address, {"q": "south"}))
    assert "Nothing that waits fits these filters." in nothing
    assert "Gate north" in text(alice.get(address, {"site": "no site"})), "makes no sense"
    assert "Nothing of yours waits" in text(alice.get(address, {"whose": "own"}))
    assert "Gate north" in text(tess.get(address, {"whose": "own"}))
    assert "Show what I have asked for" in text(tess.get(address))
    assert "Approvals</a>" not in tess.get("/").content.decode(), "in the menu of administrators"


# --- by call --------------------------------------------------------------------------------------


def test_an_integrator_agrees_by_call(who: Cast) -> None:
    stream = asked(who)
    alice, bob = api_of(who.alice), api_of(who.bob)
    [line] = alice.all("approvals/")
    assert (line["kind"], line["id"], line["device_name"]) == ("reset", str(stream), "Gate north")
    assert bob.all("approvals/") == []
    assert [one["id"] for one in api_of(who.tess).all("approvals/", own="true")] == [str(stream)]
    assert bob.get(f"resets/{stream}/").json()["digest"] is None
    shown = alice.get(f"resets/{stream}/").json()
    assert (shown["phase"], shown["approval_why"]) == ("awaiting_approval", "always")
    assert {"approve-reset", "decline-reset"} <= {one["name"] for one in shown["steps"]}
    wrong = alice.post(f"resets/{stream}/approve-reset/", {"digest": "0" * 64})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "digest_differs")
    agreed = alice.post(f"resets/{stream}/approve-reset/", {"digest": shown["digest"]})
    assert agreed.json()["phase"] == "requested"
    again = alice.post(f"resets/{stream}/approve-reset/", {"digest": shown["digest"]})
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_approve")


def test_a_digest_in_the_history_is_shown_to_nobody_who_only_looks(who: Cast) -> None:
    """Whoever guesses a mailbox could try the guess against it."""
    stream = asked(who)
    digest = now(stream).digest
    for person, told in ((who.bob, False), (who.tess, True)):
        events = api_of(person).all("events/", stream=str(stream))
        assert (digest in str(events)) is told
