"""How a campaign goes about its devices, for any settings: windows, rings, pace, failure share."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleet.errors import Refused
from resets.campaigns.settings import (
    FEWEST_ENDED,
    SHORTLY,
    BegunLately,
    InLine,
    Settings,
    Window,
    canaries_left,
    rings,
    too_many_failed,
)

STOCKHOLM = ZoneInfo("Europe/Stockholm")
ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC", "Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
        "America/Santiago", "Pacific/Apia", "Asia/Beirut",
    )
]  # fmt: skip
ALL_DAYS = tuple(range(7))
SUNDAYS = Window((6,), "02:00", "05:00")
NIGHT = Window((4,), "22:00", "04:00")


def at(text: str, zone: ZoneInfo = STOCKHOLM, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


# --- windows --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "moment", "is_open"),
    [
        (SUNDAYS, "2026-11-22T01:59:59", False),
        (SUNDAYS, "2026-11-22T02:00:00", True),
        (SUNDAYS, "2026-11-22T04:59:59", True),
        (SUNDAYS, "2026-11-22T05:00:00", False),
        (SUNDAYS, "2026-11-23T03:00:00", False),
        (NIGHT, "2026-11-20T21:59:00", False),
        (NIGHT, "2026-11-20T22:00:00", True),
        (NIGHT, "2026-11-21T03:59:59", True),  # on Saturday it is still Friday's
        (NIGHT, "2026-11-21T04:00:00", False),
        (NIGHT, "2026-11-20T03:00:00", False),  # nobody has opened it on Thursday
        (NIGHT, "2026-11-21T22:00:00", False),
        (Window((0,), "00:00", "23:59"), "2026-11-23T12:00:00", True),
        (Window((6,), "22:00", "00:00"), "2026-11-22T23:59:59", True),
        (Window((6,), "22:00", "00:00"), "2026-11-23T00:00:00", False),
        (Window(), "2026-11-23T12:00:00", True),
    ],
)
def test_a_window_is_open_by_the_clock_of_the_site(
    window: Window, moment: str, is_open: bool
) -> None:
    assert window.is_open(at(moment), STOCKHOLM) is is_open


def test_the_same_moment_is_another_time_of_day_elsewhere() -> None:
    moment = at("2026-11-22T02:30:00")
    assert SUNDAYS.is_open(moment, STOCKHOLM)
    assert not SUNDAYS.is_open(moment, ZoneInfo("America/New_York"))
    assert not SUNDAYS.is_open(moment, ZoneInfo("Asia/Tokyo"))


def test_an_hour_that_the_clocks_show_twice_counts_twice() -> None:
    window = Window((6,), "02:15", "02:45")  # the clocks go back at 03:00 on 25 October 2026
    assert window.is_open(at("2026-10-25T02:30:00"), STOCKHOLM)
    assert window.is_open(at("2026-10-25T02:30:00", fold=1), STOCKHOLM)
    between = at("2026-10-25T02:50:00")
    assert window.next_opening(between, STOCKHOLM) == at("2026-10-25T02:15:00", fold=1)


def test_a_window_that_lasts_into_such_an_hour_opens_again_when_the_clocks_are_back() -> None:
    window = Window((6,), "01:30", "02:30")
    between = at("2026-10-25T02:40:00")
    assert window.next_opening(between, STOCKHOLM) == at("2026-10-25T02:00:00", fold=1)


def test_a_window_that_begins_in_an_hour_that_is_left_out_opens_when_that_is_over() -> None:
    before = at("2027-03-28T01:00:00")  # from 02:00 the clocks go to 03:00
    opens = Window((6,), "02:30", "05:00").next_opening(before, STOCKHOLM)
    assert opens == at("2027-03-28T03:00:00")


def test_a_window_within_an_hour_that_is_left_out_opens_a_week_later() -> None:
    window = Window((6,), "02:10", "02:50")
    for before in ("2027-03-28T01:00:00", "2027-03-21T03:00:00"):
        opens = window.next_opening(at(before), STOCKHOLM)
        assert opens == at("2027-04-04T02:10:00")


times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
windows = st.builds(
    lambda days, opens, closes: Window(tuple(sorted(days)), opens, closes),
    st.sets(st.sampled_from(ALL_DAYS), min_size=1),
    times,
    times,
).filter(lambda window: window.opens != window.closes)
moments = st.integers(0, 2 * 366 * 24 * 60).map(
    lambda minutes: at("2026-01-01T00:00:00") + timedelta(minutes=minutes)
)
# Where it matters: the weeks before the clocks are changed.
near_changes = st.builds(
    lambda day, minutes: day + timedelta(minutes=minutes),
    st.sampled_from([at("2026-10-25T00:00:00"), at("2027-03-28T00:00:00")]),
    st.integers(-8 * 24 * 60, 24 * 60),
)


@settings(max_examples=100)
@given(windows, near_changes | moments, st.sampled_from(ZONES), st.data())
def test_it_opens_when_it_says_and_not_a_minute_before(
    window: Window, moment: datetime, zone: ZoneInfo, data: st.DataObject
) -> None:
    opens = window.next_opening(moment, zone)
    assert window.is_open(opens, zone)
    assert moment <= opens <= moment + timedelta(days=15)
    if opens > moment:
        assert not window.is_open(opens - timedelta(seconds=1), zone)
        seconds = data.draw(st.integers(0, int((opens - moment).total_seconds()) - 1))
        assert not window.is_open(moment + timedelta(seconds=seconds), zone)


@pytest.mark.parametrize(
    ("window", "code"),
    [
        (Window((7,), "02:00", "05:00"), "window_days_wrong"),
        (Window((-1,), "02:00", "05:00"), "window_days_wrong"),
        (Window((0,), "24:00", "05:00"), "window_time_wrong"),
        (Window((0,), "02:00", "soon"), "window_time_wrong"),
        (Window((0,), "02:00", ""), "window_time_wrong"),
        (Window((0,), "02:00", "02:00"), "window_never_opens"),
    ],
)
def test_a_window_that_never_opens_is_refused(window: Window, code: str) -> None:
    with pytest.raises(Refused) as refused:
        Settings(window=window).checked()
    assert refused.value.code == code


@pytest.mark.parametrize(
    "wrong",
    [
        {"canary": -1}, {"canary": 101}, {"wave": -1}, {"wave": 10_001}, {"at_once": 0},
        {"at_once": 501}, {"pace": -1}, {"pace": 6_001}, {"stop_share": -1}, {"stop_share": 101},
    ],
)  # fmt: skip
def test_settings_out_of_bounds_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        Settings(**wrong).checked()
    assert (refused.value.code, refused.value.field) == ("setting_out_of_bounds", *wrong)


# --- rings ----------------------------------------------------------------------------------------

LINES = st.lists(
    st.tuples(st.sampled_from("ABCDE"), st.booleans(), st.integers(0, 9)), max_size=40
).map(lambda rows: in_line(*rows))
RINGS = st.builds(Settings, canary=st.integers(0, 12), wave=st.integers(0, 12))


def in_line(*rows: tuple[str, bool, int]) -> list[InLine]:
    """Devices as (model, ready, which); on an NVR is what follows an NVR with a number below 4."""
    line: list[InLine] = []
    nvr: UUID | None = None
    for number, (model, ready, which) in enumerate(rows, 1):
        key = UUID(int=number)
        if which < 2:
            line.append(InLine(key, f"NVR {model}", None, ready))
            nvr = key
        else:
            on = nvr if which < 7 else None
            on = UUID(int=1000) if which == 7 else on  # on an NVR that is not in the campaign
            line.append(InLine(key, model, on, ready))
    return line


@given(LINES, RINGS)
def test_each_device_is_in_one_ring_and_no_ring_is_larger_than_asked(
    line: list[InLine], how: Settings
) -> None:
    ring = rings(line, how)
    assert set(ring) == {one.key for one in line}
    sizes = Counter(ring.values())
    assert sizes[0] == min(how.canary, len(line))
    waves = [number for number in sizes if number]
    assert sorted(waves) == list(range(1, len(waves) + 1))
    if how.wave:
        assert all(sizes[number] == how.wave for number in sorted(waves)[:-1])
        assert all(sizes[number] <= how.wave for number in waves)
    else:
        assert waves in ([], [1])


@given(LINES, RINGS)
def test_after_the_canary_ring_they_come_in_their_order(line: list[InLine], how: Settings) -> None:
    ring = rings(line, how)
    later = [ring[one.key] for one in line if ring[one.key]]
    assert later == sorted(later)


@given(LINES, RINGS)
def test_no_camera_is_in_a_ring_before_its_nvr(line: list[InLine], how: Settings) -> None:
    ring = rings(line, how)
    assert all(ring[one.nvr] <= ring[one.key] for one in line if one.nvr in ring)


@given(LINES.map(lambda line: [InLine(o.key, o.model, None, o.ready) for o in line]), RINGS)
def test_the_canary_ring_has_one_of_each_model_first_and_those_that_are_ready(
    line: list[InLine], how: Settings
) -> None:
    ring = rings(line, how)
    canaries = [one for one in line if ring[one.key] == 0]
    models = {one.model for one in line}
    assert len({one.model for one in canaries}) == min(how.canary, len(models))
    for one in canaries:
        if not one.ready:  # then nobody of its model is, or everybody else is in already
            instead = [o for o in line if o.ready and ring[o.key]]
            assert not [o for o in instead if o.model == one.model]
            alone = Counter(c.model for c in canaries)[one.model] == 1
            assert not instead or alone


def test_a_camera_comes_into_the_canary_ring_with_its_nvr_or_not_at_all() -> None:
    line = in_line(("A", True, 0), ("A", True, 3), ("B", True, 0), ("C", True, 3), ("D", True, 9))
    assert rings(line, Settings(canary=3)) == {
        UUID(int=1): 0, UUID(int=2): 0, UUID(int=3): 0, UUID(int=4): 1, UUID(int=5): 1,
    }  # fmt: skip


def test_rings_of_twenty_thousand_devices_take_no_second() -> None:
    line = [InLine(UUID(int=n), f"model {n % 500}") for n in range(1, 20_001)]
    began = datetime.now(UTC)
    ring = rings(line, Settings(canary=100, wave=100))
    assert datetime.now(UTC) - began < timedelta(seconds=1)
    assert max(ring.values()) == 199


# --- the canary ring while it is tried ------------------------------------------------------------


@given(st.integers(0, 20), st.lists(st.booleans(), max_size=80))
def test_no_more_than_the_canaries_are_begun_before_as_many_have_ended(
    canary: int, story: list[bool]
) -> None:
    how, in_work, tried, begun = Settings(canary=canary), 0, 0, 0
    for ends in story:
        left = canaries_left(how, in_work, tried)
        if ends and in_work:
            in_work, tried = in_work - 1, tried + 1
        elif left is None or left > 0:
            in_work, begun = in_work + 1, begun + 1
        if tried < canary:
            assert begun <= canary
    assert canaries_left(how, 0, canary) is None


# --- pace -----------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    st.integers(1, 600),
    st.lists(st.floats(0.05, 20), min_size=1, max_size=60),
)
@example(1, [1.0] * 60)
@example(600, [0.1] * 60)
def test_no_minute_sees_more_devices_begun_than_the_pace_allows(
    pace: int, waits: list[float]
) -> None:
    how, now, begun = Settings(pace=pace), 0.0, list[float]()
    for wait in waits:
        now += wait
        lately = BegunLately(
            minute=sum(one > now - 60 for one in begun),
            shortly=sum(one > now - SHORTLY for one in begun),
        )
        begun += [now] * how.allowance(lately)
        assert sum(one > now - 60 for one in begun) <= pace
        assert sum(one > now - SHORTLY for one in begun) <= -(-pace * SHORTLY // 60)


@pytest.mark.parametrize("pace", [1, 5, 12, 60, 600, 6_000])
def test_the_pace_is_kept_up_where_nothing_stands_in_the_way(pace: int) -> None:
    how, begun = Settings(pace=pace), list[int]()
    for now in range(180):
        minute = sum(one > now - 60 for one in begun)
        shortly = sum(one > now - SHORTLY for one in begun)
        begun += [now] * how.allowance(BegunLately(minute, shortly))
    assert 3 * pace * 0.8 <= len(begun) <= 3 * pace


def test_without_a_pace_it_goes_as_fast_as_it_goes() -> None:
    assert Settings(pace=0).allowance(BegunLately(9_000, 9_000)) >= 1_000


# --- the failure share ----------------------------------------------------------------------------


@given(st.integers(0, 100), st.integers(0, 20), st.integers(0, 200), st.integers(0, 200))
def test_it_stops_itself_at_the_share_and_never_below(
    share: int, canary: int, failed: int, proven: int
) -> None:
    how, ended = Settings(stop_share=share, canary=canary), failed + proven
    stops = too_many_failed(how, failed, ended)
    if not share or not failed or failed * 100 < share * ended:
        assert not stops
    elif ended >= FEWEST_ENDED:
        assert stops


def test_a_share_of_very_few_says_nothing_unless_they_are_all_canaries() -> None:
    assert not too_many_failed(Settings(stop_share=10, canary=0), 1, 4)
    assert too_many_failed(Settings(stop_share=10, canary=0), 1, 5)
    assert too_many_failed(Settings(stop_share=10, canary=2), 1, 2)
    assert not too_many_failed(Settings(stop_share=10, canary=2), 1, 1)
    assert not too_many_failed(Settings(stop_share=0, canary=2), 5, 5)
