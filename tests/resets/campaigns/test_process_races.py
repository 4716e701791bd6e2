"""Several at once, and turns that die: nothing is begun twice, nothing is left half done."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from devices.models import Secret
from fleet.accounts.models import Person
from fleet.eventstore import subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow, Job
from fleet.eventstore.store import read_stream
from resets.campaigns import drawing, process
from resets.campaigns.models import CampaignItem
from resets.campaigns.settings import Settings
from resets.campaigns.state import CampaignPhase, item_id
from resets.campaigns.steps.control import PauseCampaign
from resets.campaigns.steps.items import TakeOut
from resets.models import Reset
from resets.steps.request_reset import RequestReset
from tests.cast import Cast, cast
from tests.fleet.eventstore.ground import at_once
from tests.resets.campaigns import ground, quiet

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def who() -> Cast:
    return cast()


def begun() -> Counter[UUID]:
    """How often each item was begun, by the log."""
    rows = (
        EventRow.objects.for_jobs()
        .filter(type="resets.item_begun")
        .values_list("stream", flat=True)
    )
    return Counter(rows)


def nothing_is_open_twice() -> bool:
    items = CampaignItem.objects.for_jobs()
    running = set(items.filter(standing="running").values_list("reset", flat=True))
    return running == set(Reset.objects.for_jobs().filter(open=True).values_list("pk", flat=True))


def test_turns_at_one_time_begin_nothing_twice_and_no_more_than_they_may(
    who: Cast, ada: Person
) -> None:
    quiet.many(who, 12)
    campaign = quiet.under_way(who, ada, settings=Settings(canary=0, at_once=5, stop_share=0))
    answers = at_once(*[partial(process.advance, campaign)] * 6)
    assert all(one is None or isinstance(one, int) for one in answers), answers
    assert sum(filter(None, answers)) == 2 * 5  # an item and its reset, each once
    assert set(begun().values()) == {1}
    assert len(quiet.in_work(campaign)) == 5
    assert nothing_is_open_twice()


def test_turns_beside_people_who_take_devices_out_or_reset_them_by_themselves(
    who: Cast, ada: Person
) -> None:
    ids = quiet.many(who, 8)
    campaign = quiet.under_way(who, ada)
    by = who.by(who.tess)
    people = [
        *[partial(handle, TakeOut(), item_id(campaign, device), by) for device in ids[:2]],
        *[partial(handle, RequestReset(device, "Lost"), new_id(), by) for device in ids[2:4]],
    ]
    answers = at_once(*people, *[partial(process.advance, campaign)] * 3)
    assert all(one is None or isinstance(one, int) for one in answers[-3:]), answers
    ground.turns(campaign)
    for device, text in zip(ids, ground.standings(campaign).values(), strict=True):
        resets = Reset.objects.for_jobs().filter(device=device)
        mine = resets.filter(campaign=campaign).count()
        assert (text, mine) in (("running", 1), ("left_out taken_out", 0), ("waiting", 0))
        assert resets.count() == (0 if text == "left_out taken_out" else 1)


def test_nothing_begins_after_a_pause_was_answered(who: Cast, ada: Person) -> None:
    quiet.many(who, 20)
    campaign = quiet.under_way(who, ada, settings=Settings(canary=0, at_once=500, pace=6_000))
    pause = partial(handle, PauseCampaign(), campaign, who.by(who.alice))
    at_once(*[partial(process.advance, campaign)] * 2, pause, partial(process.advance, campaign))
    assert ground.state(campaign).phase is CampaignPhase.PAUSED
    [paused] = [r.position for r in read_stream(campaign) if r.type == "resets.campaign_paused"]
    later = EventRow.objects.for_jobs().filter(type="resets.item_begun", position__gt=paused)
    assert not later.exists()
    assert process.advance(campaign) == 0


def everything() -> tuple[Any, ...]:
    items = CampaignItem.objects.for_jobs().order_by("number")
    return (
        EventRow.objects.for_jobs().count(),
        Secret.objects.count(),
        Reset.objects.for_jobs().count(),
        list(items.values_list("standing", "why", "attempt", "reset")),
    )


@pytest.mark.one_database
@pytest.mark.parametrize(
    "point",
    [
        "resets.campaigns.in_line.Line.next",
        "devices.vault.put_many",
        "resets.campaigns.process.Turn._reset",
        "resets.steps.begin_in_campaign.BeginInCampaign.decide",
        "fleet.eventstore.projections.project",
        "fleet.eventstore.store.write",
    ],
)
def test_a_turn_that_dies_leaves_nothing_and_the_next_one_goes_on(
    who: Cast, ada: Person, point: str
) -> None:
    quiet.many(who, 3)
    campaign = quiet.under_way(who, ada)
    before = everything()
    with pytest.MonkeyPatch.context() as dying:
        dying.setattr(point, killed)
        with pytest.raises(Killed):
            process.advance(campaign)
    assert everything() == before
    quiet.to_the_end(campaign)
    assert set(ground.standings(campaign).values()) == {"proven proven"}
    assert set(begun().values()) == {1}


class Killed(Exception):
    pass


def killed(*args: object, **kwargs: object) -> None:
    raise Killed


# --- plans ----------------------------------------------------------------------------------------


def test_two_campaigns_drawn_up_at_once_share_the_devices_and_both_come_to_an_end(
    who: Cast, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet.many(who, 9)
    monkeypatch.setattr(drawing, "BATCH", 2)
    campaigns = [ground.plan(who), ground.plan(who)]
    subscriptions.pump()
    jobs = Job.objects.filter(reaction="resets.draw_up_plan").values_list("id", flat=True)
    at_once(*[partial(subscriptions.run, job) for job in jobs])
    assert not Job.objects.filter(reaction="resets.draw_up_plan").exists()
    told = [ground.standings(campaign) for campaign in campaigns]
    for name in told[0]:
        both = sorted(one[name] for one in told)
        assert both == ["left_out in_campaign", "waiting"], (name, both)
    for campaign, standings in zip(campaigns, told, strict=True):
        phase = ground.state(campaign).phase
        assert phase is (
            CampaignPhase.AWAITING_APPROVAL
            if "waiting" in standings.values()
            else CampaignPhase.ENDED
        )


@pytest.mark.one_database
def test_a_plan_whose_drawing_dies_goes_on_where_it_was(
    who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet.many(who, 7)
    monkeypatch.setattr(drawing, "BATCH", 3)
    campaign = ground.plan(who)
    written = drawing.orders
    with pytest.MonkeyPatch.context() as dying:
        dying.setattr(drawing, "orders", lambda c, some: written(c, some) if some[0][1] < 6 else 0)
        quiet.draw_up()
    assert ground.state(campaign).phase is CampaignPhase.DRAWING_UP
    assert CampaignItem.objects.for_jobs().count() == 6  # how far it is, can be seen
    Job.objects.update(due_at="2000-01-01T00:00:00Z")
    quiet.draw_up()
    state = ground.state(campaign)
    assert (state.phase, state.chosen) == (CampaignPhase.AWAITING_APPROVAL, 7)
    assert list(ground.standings(campaign)) == [f"Camera {n:03}" for n in range(1, 8)]
