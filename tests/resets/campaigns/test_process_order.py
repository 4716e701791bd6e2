"""Whose turn it is: rings, bounds for each site, pace, windows, and cameras beside their NVRs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from devices.models import Device
from devices.steps.change_device import ChangeDevice
from devices.steps.open_site import OpenSite
from fleet.accounts.models import Person
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from resets.campaigns import process
from resets.campaigns.models import CampaignItem
from resets.campaigns.settings import Settings, Window
from resets.campaigns.state import Kind, Selection
from resets.campaigns.steps.control import SetPace
from resets.limits.rules import Scope
from resets.limits.state import Refusal, breaker_id
from resets.limits.steps import CloseBreaker, TripBreaker
from tests.cast import SETUP, Cast
from tests.resets.campaigns import ground, quiet

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def another_site(who: Cast, zone: str, name: str = "Elsewhere") -> UUID:
    site = new_id()
    handle(OpenSite(who.organisation, name, zone), site, SETUP)
    return site


def how(**more: object) -> Settings:
    return replace(ground.SETTINGS, **more)  # type: ignore[arg-type]


# --- rings ----------------------------------------------------------------------------------------


def test_the_canary_ring_ends_before_anything_else_begins(who: Cast, ada: Person) -> None:
    quiet.many(who, 9)
    campaign = quiet.under_way(who, ada, settings=how(canary=2, wave=3))
    assert [len(some) for some in quiet.to_the_end(campaign)] == [2, 3, 3, 1]
    assert set(ground.standings(campaign).values()) == {"proven proven"}


def test_a_wave_begins_when_the_last_of_the_one_before_has_ended(who: Cast, ada: Person) -> None:
    quiet.many(who, 5)
    campaign = quiet.under_way(who, ada, settings=how(canary=2, wave=2))
    ground.turns(campaign)
    first, second = quiet.in_work(campaign)
    quiet.end(first)
    ground.turns(campaign)
    assert quiet.in_work(campaign) == [second]
    quiet.end(second)
    ground.turns(campaign)
    assert len(quiet.in_work(campaign)) == 2


def test_a_canary_that_is_away_is_stood_in_for_by_the_next_and_by_no_more(
    who: Cast, ada: Person
) -> None:
    first, *_ = quiet.many(who, 9)
    campaign = quiet.under_way(who, ada, settings=how(canary=2))
    quiet.heard(first, online=False)
    ground.turns(campaign)
    assert ground.item_of(campaign, first).standing == "parked"
    assert quiet.names(campaign, quiet.in_work(campaign)) == ["Camera 002"]
    quiet.end_all(campaign)
    ground.turns(campaign)
    assert quiet.names(campaign, quiet.in_work(campaign)) == ["Camera 003"]
    quiet.end_all(campaign)
    ground.turns(campaign)
    assert len(quiet.in_work(campaign)) == 6


def test_canaries_whose_code_is_missing_do_not_hold_the_others_up(who: Cast, ada: Person) -> None:
    quiet.devices(who, "A1", "A2", reset_email="a@example.com")
    quiet.devices(who, "B1", "B2", "B3", "B4", reset_email="b@example.com")
    campaign = quiet.under_way(who, ada, Kind.RESET, settings=how(canary=2))
    quiet.code_entered(who, campaign, "b@example.com")
    together = quiet.to_the_end(campaign)
    assert [quiet.names(campaign, some) for some in together] == [["B1", "B2"], ["B3", "B4"]]
    assert ground.standings(campaign)["A1"] == "waiting"


def test_no_item_begins_before_the_code_of_its_mailbox_is_entered(who: Cast, ada: Person) -> None:
    quiet.many(who, 3)
    campaign = quiet.under_way(who, ada, Kind.RESET)
    assert ground.turns(campaign) == 0
    quiet.code_entered(who, campaign)
    ground.turns(campaign)
    assert len(quiet.in_work(campaign)) == 3


# --- bounds ---------------------------------------------------------------------------------------


def test_no_more_are_in_work_at_a_site_than_at_once(who: Cast, ada: Person) -> None:
    quiet.many(who, 7)
    other = another_site(who, "Asia/Tokyo")
    quiet.devices(who, "T1", "T2", "T3", site=other)
    campaign = quiet.under_way(who, ada, place_id=who.organisation, settings=how(at_once=2))
    most = Counter[UUID]()
    while ground.turns(campaign) and (busy := quiet.in_work(campaign)):
        sites = Device.objects.for_jobs().filter(pk__in=busy).values_list("site", flat=True)
        most |= Counter(sites)
        quiet.end(busy[0])
    assert most == {who.site: 2, other: 2}


def test_when_fewer_are_wanted_at_once_nothing_begins_until_that_many_are_left(
    who: Cast, ada: Person
) -> None:
    quiet.many(who, 8)
    campaign = quiet.under_way(who, ada, settings=how(at_once=4))
    ground.turns(campaign)
    handle(SetPace(pace=0, at_once=2), campaign, who.by(who.alice))
    for left in (3, 2):
        quiet.end(quiet.in_work(campaign)[0])
        ground.turns(campaign)
        assert len(quiet.in_work(campaign)) == left
    quiet.end(quiet.in_work(campaign)[0])
    ground.turns(campaign)
    assert len(quiet.in_work(campaign)) == 2


def test_the_pace_is_never_exceeded_in_any_minute(who: Cast, ada: Person) -> None:
    ids = quiet.many(who, 20)
    begun: list[datetime] = []
    with time_machine.travel(timezone.now(), tick=False) as clock:
        campaign = quiet.under_way(who, ada, settings=how(pace=6))
        for second in range(0, 130, 2):
            process.advance(campaign)
            for device in quiet.in_work(campaign):
                begun.append(timezone.now())
                # Each third one slips away, and is heard again at once.
                quiet.end(device, "unreachable" if ids.index(device) % 3 == 0 else "proven")
            process.advance(campaign)
            clock.shift(timedelta(seconds=2))
            if second % 10 == 0:
                for device in ids:
                    quiet.heard(device, online=True)
    for moment in begun:
        assert sum(moment - timedelta(minutes=1) < one <= moment for one in begun) <= 6
    assert len(begun) >= 14  # and it is kept up


def test_a_device_that_failed_is_tried_again_at_once_where_no_pace_is_set(
    who: Cast, ada: Person
) -> None:
    [device] = quiet.many(who, 1)
    campaign = quiet.under_way(who, ada)
    ground.turns(campaign)
    quiet.end(device, "unreachable")
    ground.turns(campaign)
    quiet.heard(device, online=True)
    ground.turns(campaign)
    assert ground.item_of(campaign, device).attempt == 2


# --- windows --------------------------------------------------------------------------------------


def test_devices_begin_in_the_window_of_their_own_site(who: Cast, ada: Person) -> None:
    tokyo = another_site(who, "Asia/Tokyo")
    quiet.devices(who, "Here")
    quiet.devices(who, "There", site=tokyo)
    nights = how(window=Window(tuple(range(7)), "02:00", "05:00"))
    noon = datetime(2027, 1, 11, 12, tzinfo=ZoneInfo("Europe/Stockholm"))
    with time_machine.travel(noon, tick=False) as clock:
        campaign = quiet.under_way(
            who,
            ada,
            place_id=who.organisation,
            settings=nights,
            ends_at=noon + timedelta(days=3),
        )
        ground.turns(campaign)
        assert quiet.in_work(campaign) == []
        clock.move_to(datetime(2027, 1, 12, 2, 30, tzinfo=ZoneInfo("Asia/Tokyo")))
        ground.turns(campaign)
        assert quiet.names(campaign, quiet.in_work(campaign)) == ["There"]
        quiet.end_all(campaign)
        clock.move_to(datetime(2027, 1, 12, 2, 30, tzinfo=ZoneInfo("Europe/Stockholm")))
        ground.turns(campaign)
        assert quiet.names(campaign, quiet.in_work(campaign)) == ["Here"]


def test_what_is_in_work_when_the_window_closes_comes_to_its_end(who: Cast, ada: Person) -> None:
    quiet.many(who, 2)
    nights = how(window=Window(tuple(range(7)), "02:00", "05:00"), at_once=1)
    night = datetime(2027, 1, 11, 4, 59, tzinfo=ZoneInfo("Europe/Stockholm"))
    with time_machine.travel(night, tick=False) as clock:
        campaign = quiet.under_way(who, ada, settings=nights, ends_at=night + timedelta(days=2))
        ground.turns(campaign)
        clock.shift(timedelta(minutes=2))
        quiet.end_all(campaign)
        ground.turns(campaign)
        assert sorted(ground.standings(campaign).values()) == ["proven proven", "waiting"]


def test_an_alarm_at_a_site_holds_its_resets_up_and_leaves_nothing_out(
    who: Cast, ada: Person
) -> None:
    quiet.many(who, 3)
    campaign = quiet.under_way(who, ada, Kind.RESET)
    quiet.code_entered(who, campaign)
    alarm = an_alarm(who)
    assert ground.turns(campaign) == 0
    assert set(ground.standings(campaign).values()) == {"waiting"}
    handle(CloseBreaker("Tess was at it"), alarm, who.by(who.alice))
    ground.turns(campaign)
    assert len(quiet.in_work(campaign)) == 3


def an_alarm(who: Cast) -> UUID:
    alarm = breaker_id(who.site, who.site)
    case = Refusal(who.organisation, who.site, what="Harbour", asker="Tess")
    handle(TripBreaker(Scope.SITE, case, times=0), alarm, quiet.JOB)
    return alarm


# --- cameras beside their NVRs --------------------------------------------------------------------


def test_an_nvr_comes_before_its_cameras_in_the_order_of_their_channels(who: Cast) -> None:
    quiet.nvr(who, "Quay", 3)
    quiet.devices(who, "Alone", "Queue", "Zoo")
    campaign = quiet.planned(who)
    assert list(ground.standings(campaign)) == [
        "Alone", "Quay", "Quay, channel 1", "Quay, channel 2", "Quay, channel 3", "Queue", "Zoo",
    ]  # fmt: skip


@pytest.mark.parametrize("settings", [how(), how(one_per_nvr=True), how(at_once=2, canary=1)])
def test_an_nvr_is_never_in_work_beside_one_of_its_cameras(
    who: Cast, ada: Person, settings: Settings
) -> None:
    quay, cameras = quiet.nvr(who, "Quay", 4)
    quiet.devices(who, "Alone")
    campaign = quiet.under_way(who, ada, settings=settings)
    for together in quiet.to_the_end(campaign):
        assert quay not in together or not set(together) & set(cameras)
    assert set(ground.standings(campaign).values()) == {"proven proven"}


def test_cameras_do_not_wait_for_an_nvr_that_is_away_and_it_waits_for_them_when_it_is_back(
    who: Cast, ada: Person
) -> None:
    quay, cameras = quiet.nvr(who, "Quay", 2)
    campaign = quiet.under_way(who, ada)
    quiet.heard(quay, online=False)
    ground.turns(campaign)
    assert set(quiet.in_work(campaign)) == set(cameras)
    quiet.heard(quay, online=True)
    ground.turns(campaign)
    assert quay not in quiet.in_work(campaign)
    quiet.end_all(campaign)
    ground.turns(campaign)
    assert quiet.in_work(campaign) == [quay]


def test_cameras_do_not_wait_for_an_nvr_whose_code_is_missing(who: Cast, ada: Person) -> None:
    quiet.nvr(who, "Quay", 1, reset_email="it@example.com")
    campaign = quiet.under_way(who, ada, Kind.RESET)
    quiet.code_entered(who, campaign, "owner@example.com")
    ground.turns(campaign)
    assert quiet.names(campaign, quiet.in_work(campaign)) == ["Quay, channel 1"]


def test_never_more_than_one_camera_of_an_nvr_where_that_is_asked_for(
    who: Cast, ada: Person
) -> None:
    _, quay = quiet.nvr(who, "Quay", 3)
    _, gate = quiet.nvr(who, "Gate", 3)
    quiet.devices(who, "Alone 1", "Alone 2")
    campaign = quiet.under_way(who, ada, settings=how(one_per_nvr=True))
    together = quiet.to_the_end(campaign)
    assert all(len(set(some) & set(quay)) <= 1 for some in together)
    assert all(len(set(some) & set(gate)) <= 1 for some in together)
    assert any(set(some) & set(quay) and set(some) & set(gate) for some in together)
    assert set(ground.standings(campaign).values()) == {"proven proven"}


def test_cameras_go_one_by_one_where_rekey_tells_their_nvr_the_new_password(
    who: Cast, ada: Person
) -> None:
    recorder, cameras = quiet.nvr(who, "Quay", 3)
    handle(ChangeDevice(services="vigi_recorder:443"), recorder, who.by(who.alice))
    chosen = Selection(devices=tuple(cameras))
    campaign = quiet.under_way(who, ada, selection=chosen)
    assert quiet.to_the_end(campaign) == [[camera] for camera in cameras]


def test_cameras_go_together_where_nobody_but_a_person_tells_their_nvr(
    who: Cast, ada: Person
) -> None:
    _, cameras = quiet.nvr(who, "Quay", 3)
    campaign = quiet.under_way(who, ada, selection=Selection(devices=tuple(cameras)))
    assert quiet.to_the_end(campaign) == [cameras]


def test_a_camera_is_in_no_ring_before_its_nvr(who: Cast) -> None:
    for name in ("Quay", "Gate"):
        quiet.nvr(who, name, 3)
    campaign = quiet.planned(who, settings=how(canary=1, wave=2))
    rows = CampaignItem.objects.for_jobs().filter(campaign=campaign).order_by("number")
    ring = {row.device_id: row.ring for row in rows}
    assert [row.ring for row in rows] == [0, 1, 1, 2, 2, 3, 3, 4]
    assert all(ring[row.nvr] <= row.ring for row in rows if row.nvr)
