"""What a turn and a plan cost: as many statements for ten thousand devices as for forty."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fleet.accounts.models import Person
from fleet.eventstore import subscriptions
from fleet.eventstore.handling import handle
from resets.campaigns import drawing, process
from resets.campaigns.settings import Settings
from resets.campaigns.state import CampaignPhase, Kind, Selection
from resets.campaigns.steps.control import CancelCampaign
from tests.cast import Cast
from tests.resets.campaigns import ground, quiet

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

FEW, MANY = 40, 200
HOW = Settings(canary=2, at_once=8, pace=600, one_per_nvr=True, stop_share=90)
MOST = 40  # statements in one turn


def statements(turn: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as caught:
        turn()
    return len(caught)


def a_day(who: Cast, ada: Person, count: int, kind: Kind) -> list[int]:
    """What each turn of a campaign's beginning costs: canaries, the first wave, one that waits,
    and those in which one device is parked and comes back.
    """
    quay, cameras = quiet.nvr(who, f"Quay {count}", 3)
    ids = (quay, *cameras, *quiet.many(who, count - 4))
    campaign = quiet.under_way(who, ada, kind, settings=HOW, selection=Selection(devices=ids))
    if kind is Kind.RESET:
        quiet.code_entered(who, campaign)

    def turn() -> None:
        costs.append(statements(lambda: process.advance(campaign)))

    costs: list[int] = []
    turn()  # two canaries
    turn()  # nothing
    finish(quiet.in_work(campaign))
    turn()  # they have ended, and eight begin
    turn()  # nothing
    away, *others = quiet.in_work(campaign)
    quiet.end(away, "unreachable")
    finish(others)
    turn()  # one is parked, and eight begin
    finish(quiet.in_work(campaign))
    quiet.heard(away, online=True)
    turn()  # it comes back, and seven more
    return costs


def finish(devices: list[UUID]) -> None:
    for device in devices:
        quiet.end(device)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_turn_costs_the_same_for_two_hundred_devices_as_for_forty(
    who: Cast, ada: Person, kind: Kind
) -> None:
    few = a_day(who, ada, FEW, kind)
    many = a_day(who, ada, MANY, kind)
    assert many == few
    assert max(few) <= MOST, few


def test_the_turns_in_which_a_campaign_ends_cost_the_same_as_well(who: Cast, ada: Person) -> None:
    costs = []
    for count in (FEW, MANY):
        ids = tuple(quiet.many(who, count))
        campaign = quiet.planned(who, selection=Selection(devices=ids))
        handle(CancelCampaign(), campaign, who.by(who.alice))
        costs.append([statements(lambda: process.advance(campaign)) for _ in range(3)])  # noqa: B023
        assert ground.state(campaign).phase is CampaignPhase.ENDED
    assert costs[0] == costs[1]


def test_a_plan_is_drawn_up_in_batches_of_the_same_cost(
    who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "BATCH", 10)
    costs = []
    for count in (10, 20, 40):
        ids = tuple(quiet.many(who, count))
        ground.plan(who, Kind.RESET, selection=Selection(devices=ids))
        subscriptions.pump()
        costs.append(statements(quiet.draw_up))
    assert costs[2] - costs[1] == 2 * (costs[1] - costs[0])
