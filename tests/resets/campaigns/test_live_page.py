"""The page of a campaign under way, without a browser: what it says, to whom, and what it costs."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from devices.steps.open_site import OpenSite
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.store import read_stream
from resets.campaigns.drawing import draw_up_plan
from resets.campaigns.models import CampaignItem
from resets.campaigns.settings import Settings, Window
from resets.campaigns.state import CampaignPhase, Kind, Standing
from resets.campaigns.steps.control import PauseCampaign, StopItself
from resets.campaigns.steps.items import ParkItem
from tests.cast import SETUP, Cast, person
from tests.resets.campaigns import ground, quiet
from tests.resets.campaigns.live_ground import (
    asks,
    of_four,
    page_of,
    pages,
    shown,
    stand,
    step,
    text,
)
from tests.security.world import a_device

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def campaign(who: Cast, ada: Person) -> UUID:
    return of_four(who, ada)


def at_all_sites(who: Cast, ada: Person) -> tuple[UUID, UUID]:
    """A campaign over two sites of the organisation, and the other site."""
    museum = new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), museum, SETUP)
    a_device(who, who.site, 1)
    a_device(who, museum, 2, "Vault")
    campaign = ground.plan(who, place_id=who.organisation)
    draw_up_plan(read_stream(campaign)[0])  # no worker has come to the devices: none is there
    ground.agree(who, campaign, ada)
    return campaign, museum


# --- what is seen ---------------------------------------------------------------------------------


def test_every_device_is_counted_where_it_stands_with_its_reason(who: Cast, campaign: UUID) -> None:
    page = shown(who.bob, campaign)
    assert "2 of 4 devices came to an end" in page
    for told in ("1 Proven", "1 Failed", "1 Parked", "1 Waiting", "0 Left out", "0 In work"):
        assert told in page, told
    assert "Failed The device refused the login 1" in page
    assert "Parked It does not answer 1" in page
    assert "Ada agreed to the campaign." in page


def test_the_bar_says_in_words_what_it_draws(who: Cast, campaign: UUID) -> None:
    page = pages(who.bob).get(page_of(campaign)).content.decode()
    assert 'aria-label="1 of 4 proven, 1 failed, 1 parked, 1 waiting"' in page
    assert page.count("<rect id=") == 3, "what waits leaves the bar empty"
    assert "style=" not in page


def test_each_line_leads_to_its_device_and_to_its_reset(who: Cast, campaign: UUID) -> None:
    page = pages(who.bob).get(page_of(campaign)).content.decode()
    for row in CampaignItem.objects.for_jobs().filter(campaign=campaign):
        assert reverse("device", args=[row.device_id]) in page
        assert row.reset is None or reverse("reset", args=[row.reset]) in page


def test_before_it_is_agreed_to_its_plan_is_shown(who: Cast) -> None:
    a_device(who, who.site, 1)
    planned = ground.planned(who)
    answer = pages(who.bob).get(page_of(planned))
    assert answer.url == reverse("campaign-plan", args=[planned])


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({}, [1, 2, 3, 4]),
        ({"standing": "failed"}, [2]),
        ({"standing": "to_come"}, [3, 4]),
        ({"standing": "not_proven"}, [2]),
        ({"why": "offline"}, [3]),
        ({"q": "gate 4"}, [4]),
        ({"sort": "-number"}, [4, 3, 2, 1]),
        ({"sort": "standing"}, [2, 3, 1, 4]),
        ({"site": "nonsense", "standing": "nonsense", "sort": "nonsense"}, [1, 2, 3, 4]),
        ({"model": "another"}, []),
    ],
)
def test_the_devices_are_narrowed_down_and_put_in_order(
    who: Cast, campaign: UUID, asked: dict[str, str], numbers: list[int]
) -> None:
    for view in ("campaign", "campaign-items"):
        answer = pages(who.bob).get(reverse(view, args=[campaign]), asked)
        found = re.findall(r">No. (\d+)<", answer.content.decode())
        assert [int(one) for one in found] == numbers, view


def test_sites_and_models_are_told_apart_where_there_are_several(who: Cast, ada: Person) -> None:
    campaign, museum = at_all_sites(who, ada)
    page = shown(who.alice, campaign)
    assert "By site" in page
    narrowed = shown(who.alice, campaign, site=str(museum))
    assert "Vault 2" in narrowed
    assert "Gate 1" not in narrowed


def test_one_of_another_page_is_on_the_next(
    who: Cast, campaign: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resets.campaigns.live_web.PER_PAGE", 3)
    assert "Gate 4" not in shown(who.bob, campaign)
    second = pages(who.bob).get(page_of(campaign), {"page": "2"}).content.decode()
    assert "Gate 4" in second
    assert "4–4 of 4 devices" in second


# --- what it waits for ----------------------------------------------------------------------------


def test_a_closed_window_is_what_it_waits_for(who: Cast, ada: Person) -> None:
    a_device(who, who.site, 1)
    yesterday = (timezone.now() - timedelta(days=1)).weekday()
    window = Window((yesterday,), "02:00", "03:00")
    settings = Settings(canary=0, window=window)
    ends_at = timezone.now() + timedelta(days=20)
    campaign = ground.under_way(who, ada, settings=settings, ends_at=ends_at)
    page = shown(who.bob, campaign)
    assert "The window at Harbour opens" in page
    assert "02:00 C" in page


def test_a_code_that_is_missing_is_what_it_waits_for(who: Cast, ada: Person) -> None:
    for number in (1, 2):
        a_device(who, who.site, number)
    campaign = ground.under_way(who, ada, Kind.RESET)
    page = shown(who.bob, campaign)
    assert "The code of o•••r@e•••e.com was not entered yet: 2 devices wait for it." in page
    assert "owner@example.com" not in page
    assert "See to the codes" in page
    assert (
        pages(who.bob)
        .get(page_of(campaign))
        .content.decode()
        .count(reverse("campaign-codes", args=[campaign]))
        == 2
    ), "from where it says what it waits for, and from the top"
    quiet.code_entered(who, campaign)
    assert "See to the codes" not in shown(who.bob, campaign)


def test_one_that_stopped_itself_says_why_and_asks_before_it_goes_on(
    who: Cast, campaign: UUID
) -> None:
    handle(StopItself("failures"), campaign, SETUP)
    page = shown(who.alice, campaign)
    assert "Too many devices failed: 1 of 2 that came to an end, which is 50 %." in page
    asked = text(pages(who.alice).get(step(campaign, "resume-campaign")))
    assert "Stop itself again when so many percent have failed" in asked
    wrong = pages(who.alice).post(step(campaign, "resume-campaign"), {"stop_share": "101"})
    assert wrong.status_code == 422
    assert "Between 0 and 100" in text(wrong)
    pages(who.alice).post(step(campaign, "resume-campaign"), {"stop_share": "80"})
    assert ground.state(campaign).phase is CampaignPhase.RUNNING
    assert ground.state(campaign).settings.stop_share == 80


def test_where_whoever_agreed_may_not_any_more_only_cancelling_is_left(
    who: Cast, campaign: UUID
) -> None:
    handle(StopItself("approver_gone"), campaign, SETUP)
    page = pages(who.alice).get(page_of(campaign)).content.decode()
    assert step(campaign, "resume-campaign") not in page
    assert step(campaign, "cancel-campaign") in page


# --- live -----------------------------------------------------------------------------------------


def test_a_poll_is_answered_with_nothing_until_a_device_has_moved(
    who: Cast, campaign: UUID
) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        bob = pages(who.bob)
        page = bob.get(page_of(campaign)).content.decode()
        where, rows = asks(page, "where"), asks(page, "rows")
        assert bob.get(where).status_code == 204
        assert bob.get(rows).status_code == 204
        fourth = CampaignItem.objects.for_jobs().get(campaign=campaign, number=4)
        handle(ParkItem("locked"), fourth.pk, SETUP)
        moved = bob.get(where)
        assert "2 Parked" in text(moved)
        assert "It is locked against logins" in text(bob.get(rows))
        assert bob.get(asks(moved.content.decode(), "where")).status_code == 204


def test_buttons_and_story_are_left_alone_while_only_devices_move(
    who: Cast, ada: Person, campaign: UUID
) -> None:
    alice = pages(who.alice)
    where = asks(alice.get(page_of(campaign)).content.decode(), "where")
    fourth = CampaignItem.objects.for_jobs().get(campaign=campaign, number=4)
    handle(ParkItem("locked"), fourth.pk, SETUP)
    moved = alice.get(where).content.decode()
    assert 'id="controls"' not in moved
    assert 'id="story"' not in moved
    handle(PauseCampaign(), campaign, who.by(ada))
    paused = alice.get(asks(moved, "where"))
    assert "Paused by Ada" in text(paused)
    assert "Ada paused the campaign." in text(paused)
    for part in ("badge", "controls", "facts", "story"):
        assert f'id="{part}"' in paused.content.decode(), part
    assert "Resume" in text(paused)


def test_the_links_of_lines_that_came_later_are_those_of_the_page(
    who: Cast, campaign: UUID
) -> None:
    answer = pages(who.bob).get(
        reverse("campaign-items", args=[campaign]), {"seen": "before", "standing": "failed"}
    )
    assert "standing=failed&amp;sort=number" in answer.content.decode()
    assert "seen=before" not in answer.content.decode()


def test_one_that_has_ended_asks_nothing_any_more(who: Cast, ada: Person) -> None:
    a_device(who, who.site, 1)
    campaign = ground.under_way(who, ada)
    stand(campaign, Standing.PROVEN)
    ground.turns(campaign)
    page = pages(who.bob).get(page_of(campaign))
    assert "Every device has come to an end." in text(page)
    assert 'hx-trigger="every' not in page.content.decode()


def test_ten_times_the_devices_are_asked_with_as_many_queries(
    who: Cast, ada: Person, campaign: UUID, django_assert_num_queries: Any
) -> None:
    bob = pages(who.bob)
    few = bob.get(page_of(campaign)).content.decode()
    with CaptureQueriesContext(connection) as asked:
        bob.get(page_of(campaign))
        bob.get(asks(few, "where").replace("seen=", "seen=x"))
        bob.get(asks(few, "rows").replace("seen=", "seen=x"))
    queries = len(asked)
    for number in range(10, 46):
        a_device(who, who.site, number)
    many = ground.under_way(who, ada)
    stand(many, *[Standing.PROVEN, Standing.FAILED, Standing.RUNNING, Standing.PARKED] * 8)
    page = bob.get(page_of(many)).content.decode()
    with django_assert_num_queries(queries):
        bob.get(page_of(many))
        bob.get(asks(page, "where").replace("seen=", "seen=x"))
        bob.get(asks(page, "rows").replace("seen=", "seen=x"))


# --- who sees what --------------------------------------------------------------------------------


def test_an_outsider_and_who_sees_but_one_of_its_sites_meet_nothing(who: Cast, ada: Person) -> None:
    campaign, _ = at_all_sites(who, ada)
    stand(campaign, Standing.FAILED)
    sam = person("Sam", who.organisation, Role.ADMINISTRATOR, who.site)
    item = CampaignItem.objects.for_jobs().get(campaign=campaign, number=1)
    for outsider in (who.charlie, sam, who.bob):
        client = pages(outsider)
        for name in ("campaign", "campaign-live", "campaign-items"):
            assert client.get(reverse(name, args=[campaign])).status_code == 404
        assert client.post(step(campaign, "pause-campaign")).status_code == 404
        assert client.post(reverse("campaign-retry-failed", args=[campaign])).status_code == 404
        retry = reverse("campaign-item-step", args=[campaign, item.pk, "retry-item"])
        assert client.post(retry).status_code == 404
    assert ground.state(campaign).phase is CampaignPhase.RUNNING


def test_a_device_of_another_campaign_is_not_reached_through_this_one(
    who: Cast, ada: Person, campaign: UUID
) -> None:
    a_device(who, who.site, 9)
    other = ground.under_way(who, ada, name="Another")
    item = CampaignItem.objects.for_jobs().filter(campaign=campaign, number=2).get()
    through = reverse("campaign-item-step", args=[other, item.pk, "retry-item"])
    assert pages(who.alice).post(through).status_code == 404


def test_a_reset_names_its_campaign_to_those_who_may_see_it(who: Cast, ada: Person) -> None:
    campaign, _ = at_all_sites(who, ada)
    ground.turns(campaign)  # the resets begin
    resets = CampaignItem.objects.for_jobs().filter(campaign=campaign)
    here = reverse("reset", args=[resets.get(site=who.site).reset])
    assert "Part of the campaign Quarterly" in text(pages(who.alice).get(here))
    to_tess = pages(who.tess).get(here).content.decode()
    assert "Quarterly" not in to_tess
    assert page_of(campaign) not in to_tess
    assert "Museum" not in to_tess
    [history] = set(re.findall(r'href="(/history/[^"]+)"', to_tess))
    of_device = pages(who.tess).get(history).content.decode()
    assert "Its turn has come: try 1." in of_device
    assert "Museum" not in of_device
    there = reverse("reset", args=[resets.exclude(site=who.site).get().reset])
    assert pages(who.tess).get(there).status_code == 404
