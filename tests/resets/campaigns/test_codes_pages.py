"""The pages of a campaign's codes, and the page of a mailbox's owner, who is not signed in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow
from fleet.eventstore.store import read_stream
from resets.campaigns import codes_owner, codes_page
from resets.campaigns.steps.codes import EnterCampaignCode, RecordCampaignMail
from resets.campaigns.steps.items import BeginItem, TakeOut
from resets.phone import guesses
from resets.state import Delivery
from tests.cast import SETUP, Cast, work
from tests.resets.campaigns import ground
from tests.resets.campaigns.codes_ground import Shared, code_of, row, shared, state

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]
OWNER = "/your-devices/"


@pytest.fixture
def campaign(who: Cast) -> Shared:
    return shared(who)


@pytest.fixture(autouse=True)
def no_guesses_yet() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def signed_in(person: Any) -> Client:
    client = Client(headers={"Host": "localhost"})
    client.force_login(person)
    return client


def text_of(answer: Any) -> str:
    text = re.sub(r"<[^>]+>|\s+", " ", answer.content.decode())
    return re.sub(" +", " ", text)


def at(campaign: Shared, end: str = "") -> str:
    return f"/campaigns/{campaign.campaign}/codes/{end}"


# --- the console ----------------------------------------------------------------------------------


def test_the_list_shows_each_mailbox_and_who_only_looks_sees_them_in_part(
    who: Cast, campaign: Shared
) -> None:
    seen = signed_in(who.tess).get(at(campaign))
    assert seen.status_code == 200
    for words in ("keeper@example.com", "porter@example.net", "0 of 2", "4 devices wait", "Send"):
        assert words in text_of(seen)
    bobs = signed_in(who.bob).get(at(campaign))
    for words in ("k•••r@e•••e.com", "4 devices wait"):
        assert words in text_of(bobs)
    for hidden in ("keeper@", '<form method="post" action="/campaigns'):
        assert hidden not in bobs.content.decode()
    assert signed_in(who.charlie).get(at(campaign)).status_code == 404


def test_a_campaign_says_whose_codes_it_waits_for_as_the_reader_may_know_it(
    who: Cast, campaign: Shared
) -> None:
    live = reverse("campaign", args=[campaign.campaign])
    asks = "The codes of {} and {} were not entered yet"
    whole = asks.format("keeper@example.com", "porter@example.net")
    assert whole in text_of(signed_in(who.tess).get(live))
    assert asks.format("k•••r@e•••e.com", "p•••r@e•••e.net") in text_of(
        signed_in(who.bob).get(live)
    )


def test_a_code_is_sent_and_entered_with_its_spaces(who: Cast, campaign: Shared) -> None:
    client = signed_in(who.tess)
    one = at(campaign, f"{campaign.keeper}/")
    sent = client.post(f"{one}send/", follow=True)
    assert sent.redirect_chain[-1][0] == one
    text = text_of(sent)
    for words in ("Queued", "Enter the code", "5 tries are left", "in 60 s", "No code comes"):
        assert words in text
    wrong = client.post(one, {"code": "0000 0000"})
    assert wrong.status_code == 422
    assert "4 tries left" in text_of(wrong)
    assert "0000 0000" not in wrong.content.decode()
    code = code_of(campaign.keeper)
    entered = client.post(one, {"code": f" {code[:4]} {code[4:]} "}, follow=True)
    assert "The code was entered" in text_of(entered)
    assert row(campaign.keeper).verified
    assert "Enter the code" not in text_of(entered)


def test_a_code_is_not_sent_twice_in_a_minute(who: Cast, campaign: Shared) -> None:
    client, one = signed_in(who.tess), at(campaign, f"{campaign.keeper}/")
    client.post(f"{one}send/")
    again = client.post(f"{one}send/")
    assert again.status_code == 422
    assert "Another may be sent in" in text_of(again)
    assert state(campaign.keeper).sends == 1


def test_somebody_else_is_told_whose_it_is_and_may_send_another(
    who: Cast, campaign: Shared
) -> None:
    campaign.send()
    one = at(campaign, f"{campaign.keeper}/")
    seen = text_of(signed_in(who.alice).get(one))
    assert "only they may type it" in seen
    assert "Enter the code" not in seen
    tried = signed_in(who.alice).post(one, {"code": code_of(campaign.keeper)})
    assert tried.status_code == 403
    assert not row(campaign.keeper).verified
    bobs = signed_in(who.bob)
    assert "button" not in bobs.get(one).content.decode().partition("<main")[2].partition(
        "</main>"
    )[0].replace("button small", "")
    assert bobs.post(f"{one}send/").status_code == 403
    assert bobs.post(one, {"code": "1"}).status_code in (403, 422)


def test_the_live_part_is_silent_until_something_changes(who: Cast, campaign: Shared) -> None:
    client, one = signed_in(who.tess), at(campaign, f"{campaign.keeper}/")
    page = client.get(one).content.decode()
    [asks] = re.findall(r'hx-get="([^"]+)"', page)
    asks = asks.replace("&amp;", "&")
    assert client.get(asks).status_code == 204
    campaign.send()
    assert client.get(asks)["HX-Refresh"] == "true"
    page = client.get(one).content.decode()
    [asks] = [a.replace("&amp;", "&") for a in re.findall(r'hx-get="([^"]+)"', page)]
    work()
    anew = client.get(asks)
    assert anew.status_code == 200
    assert 'hx-swap-oob="true"' in anew.content.decode()
    said = "Handed to the mail server"
    assert anew.content.decode().count(said) == 2, "in the note, and read out"
    [asks] = [
        a.replace("&amp;", "&") for a in re.findall(r'hx-get="([^"]+)"', anew.content.decode())
    ]
    with time_machine.travel(timezone.now() + timedelta(seconds=5)):
        later = client.get(asks)
    assert later.content.decode().count(said) == 1, "time alone is not read out"


def test_codes_of_one_campaign_are_not_found_in_another(who: Cast, campaign: Shared) -> None:
    client = signed_in(who.tess)
    assert (
        client.get(f"/campaigns/{campaign.campaign}/codes/{campaign.campaign}/").status_code == 404
    )
    other = campaign.porter
    assert client.post(f"/campaigns/{other}/codes/{campaign.keeper}/send/").status_code == 404
    assert state(campaign.keeper).sends == 0


def test_the_dashboard_names_what_waits_for_codes_to_those_who_may_send_them(
    who: Cast, campaign: Shared
) -> None:
    tess = text_of(signed_in(who.tess).get("/"))
    assert re.search(r"Campaigns that wait for codes .*Quarterly 2 0", tess)
    for somebody in (who.bob, who.charlie):
        assert "wait for codes" not in text_of(signed_in(somebody).get("/"))
    for codes in (campaign.keeper, campaign.porter):
        campaign.send(codes)
        handle(RecordCampaignMail(1, Delivery.BOUNCED, ""), codes, SETUP)
    assert "Quarterly 2 2" in text_of(signed_in(who.tess).get("/"))
    handle(EnterCampaignCode(code_of(campaign.keeper)), campaign.keeper, who.by(who.tess))
    assert "Quarterly 1 1" in text_of(signed_in(who.tess).get("/"))
    handle(TakeOut(), campaign.item("Yard"), who.by(who.tess))
    assert "wait for codes" not in text_of(signed_in(who.tess).get("/"))


# --- the owner of the mailbox ---------------------------------------------------------------------


def test_the_owner_sees_their_devices_and_no_others(client: Client, campaign: Shared) -> None:
    campaign.send()
    seen = client.post(OWNER, {"token": campaign.token()})
    assert seen.status_code == 200
    for words in ("Gate 1", "Gate 3", "Harbour", "Quarterly", "It is time", "k•••r@e•••e.com"):
        assert words in text_of(seen)
    for hidden in ("Yard", "keeper@example.com", "porter"):
        assert hidden not in seen.content.decode()
    assert seen["Cache-Control"] == "no-store"
    assert "script-src 'self'" in seen["Content-Security-Policy"]


def test_a_long_list_has_pages_and_all_of_it_is_taken_out_at_once(
    client: Client, campaign: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes_page, "OWNERS_PER_PAGE", 2)
    monkeypatch.setattr(codes_owner, "BATCH", 2)
    first = text_of(client.post(OWNER, {"token": campaign.token()}))
    second = text_of(client.post(OWNER, {"token": campaign.token(), "page": "2"}))
    assert ("Gate 2" in first, "Gate 3" in first) == (True, False)
    assert ("Gate 2" in second, "Gate 3" in second) == (False, True)
    body = {"token": campaign.token(), "page": "2", "do": "all"}
    assert "3 devices were taken out" in text_of(client.post(OWNER, body))


def test_to_open_it_does_nothing_however_often(client: Client, campaign: Shared) -> None:
    campaign.send()
    before = EventRow.everything.count()
    client.get(OWNER)
    client.head(OWNER)
    client.post(OWNER, {"token": campaign.token()})
    assert EventRow.everything.count() == before


def test_the_owner_takes_one_out_and_then_all_that_is_theirs(
    client: Client, campaign: Shared
) -> None:
    campaign.send()
    token = campaign.token()
    theirs, not_theirs = campaign.item("Gate 2"), campaign.item("Yard")
    body = {"token": token, "do": "some", "item": [theirs, not_theirs, "nonsense"]}
    taken = client.post(OWNER, body, REMOTE_ADDR="192.0.2.9")
    assert "1 device was taken out" in text_of(taken)
    out = "left_out taken_out_by_owner"
    waiting = {"Gate 1": "waiting", "Gate 3": "waiting", "Yard": "waiting"}
    assert ground.standings(campaign.campaign) == waiting | {"Gate 2": out}
    event = read_stream(theirs)[-1]
    assert (event.actor.kind, event.source) == ("mailbox", "192.0.2.9")

    nothing = client.post(OWNER, {"token": token, "do": "some", "item": [theirs]})
    assert "Nothing was taken out" in text_of(nothing)
    client.post(OWNER, {"token": token, "do": "all"})
    assert ground.standings(campaign.campaign) == {
        "Gate 1": out, "Gate 2": out, "Gate 3": out, "Yard": "waiting",
    }  # fmt: skip


def test_the_owner_of_a_campaign_over_several_sites_takes_theirs_out(
    client: Client, who: Cast
) -> None:
    wide = shared(who, place_id=who.organisation)
    body = {"token": wide.token(), "do": "some", "item": [wide.item("Gate 1")]}
    assert "1 device was taken out" in text_of(client.post(OWNER, body))
    assert client.post(OWNER, {"token": wide.token(), "do": "disown"}).status_code == 200
    assert state(wide.keeper).disowned


def test_not_me_stops_it_all_at_once(client: Client, who: Cast, campaign: Shared) -> None:
    campaign.send()
    said = client.post(OWNER, {"token": campaign.token(), "do": "disown"})
    assert "It was stopped for your devices" in text_of(said)
    assert text_of(said).count("Left out") == 3
    assert state(campaign.keeper).disowned
    typed = signed_in(who.tess).post(
        at(campaign, f"{campaign.keeper}/"), {"code": code_of(campaign.keeper)}
    )
    assert typed.status_code == 409
    ground.turns(campaign.campaign)
    work()
    assert ground.standings(campaign.campaign)["Gate 1"] == "left_out disowned"
    again = client.post(OWNER, {"token": campaign.token(), "do": "disown"})
    assert again.status_code == 200
    events = [r.type for r in read_stream(campaign.keeper)]
    assert events.count("resets.campaign_codes_disowned") == 1


@pytest.mark.parametrize("do", [{}, {"do": "all"}, {"do": "disown"}])
def test_nothing_but_a_token_of_ours_opens_it_and_guesses_are_slowed_down(
    client: Client, campaign: Shared, do: dict[str, str]
) -> None:
    token = campaign.token()
    before = EventRow.everything.count()
    forged = token[:-1] + ("A" if token[-1] != "A" else "B")
    for wrong in (forged, "", "x" * 400, campaign.token(campaign.porter)[:30] + token[30:]):
        answer = client.post(OWNER, {"token": wrong} | do)
        assert answer.status_code == 422
        assert "not an address from a mail" in text_of(answer)
        assert "Gate" not in answer.content.decode()
    for _ in range(guesses.MOST):
        client.post(OWNER, {"token": forged} | do)
    assert client.post(OWNER, {"token": token} | do).status_code in (422, 429)
    assert EventRow.everything.count() == before


def test_the_token_works_until_a_week_after_the_campaign(client: Client, campaign: Shared) -> None:
    ends = ground.state(campaign.campaign).ends_at
    assert ends
    for days, status in ((6.9, 200), (7.1, 422)):
        with time_machine.travel(ends + timedelta(days=days)):
            assert client.post(OWNER, {"token": campaign.token()}).status_code == status
    assert ends > timezone.now()


def test_a_device_that_has_begun_is_not_taken_out(client: Client, campaign: Shared) -> None:
    begun = campaign.item("Gate 1")
    handle(BeginItem(new_id()), begun, SETUP)
    client.post(OWNER, {"token": campaign.token(), "do": "all"})
    standings = ground.standings(campaign.campaign)
    assert standings["Gate 1"] == "running"
    assert standings["Gate 2"] == "left_out taken_out_by_owner"
