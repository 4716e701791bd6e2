"""What comes of each device: proven, failed, parked and taken up again, left out, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices import lock_outs
from fleet.accounts.models import Person
from fleet.eventstore.handling import handle
from resets.campaigns import deeds, process
from resets.campaigns.in_line import AGAIN_AFTER
from resets.campaigns.settings import Settings
from resets.campaigns.state import CampaignPhase, Kind
from resets.campaigns.steps.approve_campaign import DeclineCampaign
from resets.campaigns.steps.control import CancelCampaign
from resets.models import Reset
from tests.cast import Cast
from tests.resets.campaigns import ground, quiet

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def how(**more: object) -> Settings:
    return replace(ground.SETTINGS, **more)  # type: ignore[arg-type]


def resets() -> int:
    return Reset.objects.for_jobs().count()


# --- out of reach ---------------------------------------------------------------------------------


def test_a_device_that_is_offline_is_parked_and_taken_up_when_it_is_seen_again(
    who: Cast, ada: Person, clock: Any
) -> None:
    [device] = quiet.many(who, 1)
    campaign = quiet.under_way(who, ada)
    quiet.heard(device, online=False)
    ground.turns(campaign)
    assert ground.standings(campaign) == {"Camera 001": "parked offline"}
    assert not resets()
    clock.shift(AGAIN_AFTER * 3)
    assert ground.turns(campaign) == 0  # time alone does not bring it back
    quiet.heard(device, online=True)
    ground.turns(campaign)
    assert quiet.in_work(campaign) == [device]


def test_one_that_slips_away_during_its_reset_is_parked_until_it_is_heard_after_that(
    who: Cast, ada: Person, clock: Any
) -> None:
    [device] = quiet.many(who, 1)
    campaign = quiet.under_way(who, ada)
    quiet.heard(device, online=True)
    clock.shift(1)
    ground.turns(campaign)
    quiet.end(device, "unreachable")
    clock.shift(1)
    ground.turns(campaign)
    assert ground.standings(campaign) == {"Camera 001": "parked unreachable"}
    clock.shift(1)
    assert ground.turns(campaign) == 0  # what was heard before says nothing
    quiet.heard(device, online=True)
    ground.turns(campaign)
    assert ground.item_of(campaign, device).attempt == 2


def test_one_that_keeps_slipping_away_fails_until_a_person_lets_it_be_tried_again(
    who: Cast, ada: Person, clock: Any
) -> None:
    device, _ = quiet.many(who, 2)
    campaign = quiet.under_way(who, ada, settings=how(at_once=2))
    for _ in range(process.MOST_ATTEMPTS):
        clock.shift(1)
        quiet.heard(device, online=True)
        ground.turns(campaign)
        quiet.end(device, "unreachable")
        process.advance(campaign)
    assert ground.standings(campaign)["Camera 001"] == "failed unreachable"
    deeds.retry_failed(campaign, who.by(who.alice))
    assert ground.item_of(campaign, device).standing == "waiting"


@pytest.mark.parametrize("locked", ["told", "tries", "tries of two accounts"])
def test_a_locked_device_is_parked_untouched_and_tried_when_it_has_forgotten(
    who: Cast, ada: Person, clock: Any, locked: str
) -> None:
    device, other = quiet.many(who, 2)
    campaign = quiet.under_way(who, ada, settings=how(at_once=1))
    until = timezone.now() + timedelta(minutes=30)
    if locked == "told":
        quiet.wrong_logins(device, 0, until)
    elif locked == "tries":
        quiet.wrong_logins(device, 4)
    else:
        quiet.wrong_logins(device, 2, username="x")
        quiet.wrong_logins(device, 2, username="y")
    ground.turns(campaign)
    assert ground.standings(campaign)["Camera 001"] == "parked locked"
    assert quiet.in_work(campaign) == [other]  # it takes nobody's place
    quiet.end_all(campaign)
    for _ in range(2):
        clock.shift(AGAIN_AFTER)
        assert ground.turns(campaign) == 0
    assert resets() == 1
    clock.shift(timedelta(seconds=lock_outs.LONGEST_MEMORY))
    ground.turns(campaign)
    assert quiet.in_work(campaign) == [device]


def test_a_parked_device_that_stays_locked_takes_no_place_of_one_that_could_be_begun(
    who: Cast, ada: Person, clock: Any
) -> None:
    device, other = quiet.many(who, 2)
    campaign = quiet.under_way(who, ada, settings=how(at_once=1))
    ground.turns(campaign)
    quiet.end(device, "locked_out")
    quiet.wrong_logins(device, 0, timezone.now() + timedelta(hours=2))
    ground.turns(campaign)
    quiet.end(other, "busy")
    ground.turns(campaign)
    clock.shift(AGAIN_AFTER)
    ground.turns(campaign)
    assert quiet.in_work(campaign) == [other]


def test_one_that_is_seen_again_and_locked_by_then_is_parked_for_that(
    who: Cast, ada: Person, clock: Any
) -> None:
    device, other = quiet.many(who, 2)
    campaign = quiet.under_way(who, ada, settings=how(at_once=1))
    quiet.heard(device, online=False)
    ground.turns(campaign)
    clock.shift(1)
    quiet.heard(device, online=True)
    quiet.wrong_logins(device, 0, timezone.now() + timedelta(hours=1))
    quiet.end(other)
    ground.turns(campaign)
    assert ground.standings(campaign)["Camera 001"] == "parked locked"
    clock.shift(timedelta(hours=1))
    ground.turns(campaign)
    assert quiet.in_work(campaign) == [device]


# --- the end date ---------------------------------------------------------------------------------


def test_at_the_end_date_each_device_that_was_not_begun_is_left_out_with_its_reason(
    who: Cast, ada: Person, clock: Any
) -> None:
    away, locked, *_ = quiet.devices(who, "Away", "Bolted", "In work", reset_email="a@example.com")
    quiet.devices(who, "Next", reset_email="a@example.com")
    quiet.devices(who, "No code", reset_email="b@example.com")
    campaign = quiet.under_way(who, ada, Kind.RESET, settings=how(at_once=1))
    quiet.code_entered(who, campaign, "a@example.com")
    quiet.heard(away, online=False)
    quiet.wrong_logins(locked, 0, timezone.now() + timedelta(days=3))
    ground.turns(campaign)
    clock.shift(timedelta(days=1))
    ground.turns(campaign)
    assert ground.state(campaign).phase is CampaignPhase.ENDING
    assert ground.standings(campaign) == {
        "Away": "left_out never_came",
        "Bolted": "left_out locked",
        "In work": "running",
        "Next": "left_out not_begun",
        "No code": "left_out no_code",
    }
    quiet.end_all(campaign)
    ground.turns(campaign)
    state = ground.state(campaign)
    assert (state.phase, state.why) == (CampaignPhase.ENDED, "over")


def test_what_slips_away_while_the_campaign_ends_is_told_as_never_come(
    who: Cast, ada: Person
) -> None:
    [device] = quiet.many(who, 1)
    campaign = quiet.under_way(who, ada)
    ground.turns(campaign)
    handle(CancelCampaign(), campaign, who.by(who.alice))
    quiet.end(device, "unreachable")
    ground.turns(campaign)
    assert ground.standings(campaign) == {"Camera 001": "left_out never_came"}
    assert ground.state(campaign).phase is CampaignPhase.ENDED


def test_a_campaign_that_nobody_agrees_to_ends_at_its_end_date(who: Cast, clock: Any) -> None:
    quiet.many(who, 2)
    campaign = quiet.planned(who)
    clock.shift(timedelta(days=1))
    ground.turns(campaign)
    assert ground.state(campaign).why == "over"
    assert set(ground.standings(campaign).values()) == {"left_out not_begun"}
    assert campaign not in process.open_campaigns()
    assert quiet.planned(who)  # the devices are free for another one


def test_a_campaign_that_was_declined_ends_and_touches_nothing(who: Cast, ada: Person) -> None:
    quiet.many(who, 2)
    campaign = quiet.planned(who)
    handle(DeclineCampaign("Not in the season"), campaign, who.by(ada))
    ground.turns(campaign)
    assert ground.state(campaign).why == "declined"
    assert set(ground.standings(campaign).values()) == {"left_out not_begun"}
    assert not resets()


def test_what_comes_to_its_end_makes_room_for_the_next_in_the_same_turn(
    who: Cast, ada: Person
) -> None:
    first, second, third = quiet.many(who, 3)
    campaign = quiet.under_way(who, ada, settings=how(at_once=2))
    ground.turns(campaign)
    assert quiet.in_work(campaign) == [first, second]
    quiet.end(first)
    process.advance(campaign)
    assert quiet.in_work(campaign) == [second, third]
    assert ground.item_of(campaign, first).standing == "proven"
