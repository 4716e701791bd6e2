from __future__ import annotations

from dataclasses import fields

import pytest

from fleet.eventstore.testing import NOW, given
from resets.campaigns.state import ItemState, Standing
from resets.campaigns.steps.items import (
    BeginItem,
    CampaignNow,
    EndItem,
    ItemBegun,
    ItemEnded,
    ItemLeftOut,
    ItemParked,
    ItemPlanned,
    ItemRetried,
    LeaveOut,
    ParkItem,
    PlanItem,
    RetryItem,
    TakeOut,
    TakeOutByOwner,
)
from tests.resets.campaigns.steps.story import (
    FAILED,
    IN_WORK,
    ITEM,
    PARKED,
    PROVEN,
    RESET,
    UNPROVEN,
    WAITING,
)

GOES_ON = CampaignNow(goes_on=True)
LEFT_OUT = (ITEM, ItemLeftOut("taken_out", NOW))
ENDED = (PROVEN, FAILED, UNPROVEN, LEFT_OUT)
PLAN = PlanItem(**{f.name: getattr(ITEM, f.name) for f in fields(ItemPlanned)})


def test_a_device_is_planned_once() -> None:
    state = given().when(PLAN).then(ITEM)
    assert (state.standing, state.subject) == (Standing.WAITING, ITEM.device)
    given(ITEM).when(PLAN).then_nothing()


def test_one_that_nothing_can_be_done_for_is_left_out_from_the_start() -> None:
    left_out = ItemPlanned(**{**PLAN.__dict__, "forecast": "no_mailbox", "impossible": True})
    state = left_out.evolve(ItemState(RESET))
    assert (state.standing, state.why) == (Standing.LEFT_OUT, "no_mailbox")


def test_each_begin_is_another_attempt() -> None:
    given(*WAITING).when(BeginItem(RESET)).then(ItemBegun(RESET, 1, NOW))
    state = given(*PARKED).when(BeginItem(RESET)).then(ItemBegun(RESET, 2, NOW))
    assert (state.standing, state.attempt) == (Standing.RUNNING, 2)
    for events in (IN_WORK, *ENDED):
        given(*events).when(BeginItem(RESET)).refused("item_begun")


def test_one_that_slips_away_is_parked_and_one_that_has_ended_stays_so() -> None:
    for events in (WAITING, IN_WORK):
        given(*events).when(ParkItem("offline")).then(ItemParked("offline"))
    given(*PARKED).when(ParkItem("locked")).then(ItemParked("locked"))
    given(*PARKED).when(ParkItem("unreachable")).then_nothing()
    for events in ENDED:
        given(*events).when(ParkItem("offline")).then_nothing()


def test_it_ends_as_its_reset_did() -> None:
    ended = ItemEnded(Standing.UNPROVEN, "new_refused", NOW)
    given(*IN_WORK).when(EndItem(Standing.UNPROVEN, "new_refused")).then(ended)
    for events in (WAITING, PARKED, *ENDED):
        given(*events).when(EndItem(Standing.PROVEN, "proven")).then_nothing()


@pytest.mark.parametrize("events", [WAITING, PARKED])
def test_what_has_not_begun_is_left_out_or_taken_out(events: tuple) -> None:
    given(*events).when(LeaveOut("not_begun")).then(ItemLeftOut("not_begun", NOW))
    given(*events).when(TakeOut()).then(ItemLeftOut("taken_out", NOW))
    assert TakeOut.offered(given(*events).state(), NOW)


@pytest.mark.parametrize("events", [IN_WORK, *ENDED])
def test_what_has_begun_is_not_taken_out_any_more(events: tuple) -> None:
    given(*events).when(TakeOut()).refused("item_begun")
    given(*events).when(LeaveOut("not_begun")).then_nothing()
    assert not TakeOut.offered(given(*events).state(), NOW)


@pytest.mark.parametrize("events", [FAILED, UNPROVEN])
def test_what_failed_is_tried_once_more_while_its_campaign_goes_on(events: tuple) -> None:
    state = given(*events).knowing(GOES_ON).when(RetryItem()).then(ItemRetried())
    assert (state.standing, state.why, state.ended_at) == (Standing.WAITING, "", None)
    assert state.attempt == 1
    given(*events).knowing(CampaignNow()).when(RetryItem()).refused("campaign_over")
    assert RetryItem.offered(given(*events).state(), NOW)


@pytest.mark.parametrize("events", [WAITING, IN_WORK, PARKED, PROVEN, LEFT_OUT])
def test_what_has_not_failed_is_not_tried_again(events: tuple) -> None:
    given(*events).knowing(GOES_ON).when(RetryItem()).refused("item_not_failed")
    assert not RetryItem.offered(given(*events).state(), NOW)


def test_the_owner_of_a_mailbox_takes_out_what_has_not_begun() -> None:
    taken_out = ItemLeftOut("taken_out_by_owner", NOW)
    for events in (WAITING, PARKED):
        given(*events).when(TakeOutByOwner()).then(taken_out)
    for events in (IN_WORK, *ENDED):
        given(*events).when(TakeOutByOwner()).then_nothing()
