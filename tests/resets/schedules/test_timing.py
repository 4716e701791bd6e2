"""When runs begin: by the clock of the site, also where clocks are put forward or back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.errors import Refused
from resets.campaigns.settings import Window
from resets.schedules.timing import (
    MOST_DAYS,
    Every,
    Timing,
    ahead,
    begins,
    due,
    opens_after,
)

STOCKHOLM = ZoneInfo("Europe/Stockholm")
ZONES = [
    STOCKHOLM,
    *map(
        ZoneInfo,
        ("UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago"),
    ),
]
SUNDAYS = Window((6,), "02:00", "05:00")
QUARTERLY = Timing(Every.MONTHS, 3, date(2027, 1, 1))
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

zones = st.sampled_from(ZONES)
moments = st.integers(0, 3 * 366 * 1440).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from((0, 15, 30, 45)))
windows = st.builds(
    Window, st.sets(st.integers(0, 6)).map(lambda days: tuple(sorted(days))), times, times
).filter(lambda window: window.always or window.opens != window.closes)
timings = st.one_of(
    st.builds(Timing, st.just(Every.MONTHS), st.integers(1, 24), st.dates(date(2025, 1, 1), date(2028, 12, 31))),  # noqa: E501
    st.builds(Timing, st.just(Every.WEEKS), st.integers(1, 104), st.dates(date(2025, 1, 1), date(2028, 12, 31))),  # noqa: E501
)  # fmt: skip


def local(moment: datetime, zone: ZoneInfo = STOCKHOLM) -> str:
    return moment.astimezone(zone).strftime("%a %d %b %Y %H:%M %Z")


def test_each_quarter_begins_on_the_first_sunday_at_two_by_the_clock_of_the_site() -> None:
    runs = ahead(QUARTERLY, SUNDAYS, [STOCKHOLM], NOW, 4)
    assert [local(run) for run in runs] == [
        "Sun 03 Jan 2027 02:00 CET",
        "Sun 04 Apr 2027 02:00 CEST",
        "Sun 04 Jul 2027 02:00 CEST",
        "Sun 03 Oct 2027 02:00 CEST",
    ]


def test_a_day_that_a_month_does_not_have_is_its_last_and_comes_back() -> None:
    monthly = Timing(Every.MONTHS, 1, date(2027, 12, 31))
    assert [monthly.day(n) for n in range(5)] == [
        date(2027, 12, 31),
        date(2028, 1, 31),
        date(2028, 2, 29),
        date(2028, 3, 31),
        date(2028, 4, 30),
    ]


def test_where_clocks_leap_over_the_opening_it_opens_when_they_have() -> None:
    night = Window((6,), "02:30", "05:00")
    leap = begins(date(2027, 3, 28), night, [STOCKHOLM])
    assert local(leap) == "Sun 28 Mar 2027 03:00 CEST"
    assert night.is_open(leap, STOCKHOLM)


def test_where_clocks_leap_over_the_whole_window_it_opens_a_week_later() -> None:
    hour = Window((6,), "02:00", "03:00")
    leap = begins(date(2027, 3, 28), hour, [STOCKHOLM])
    assert local(leap) == "Sun 04 Apr 2027 02:00 CEST"


def test_over_several_sites_a_run_begins_where_its_day_comes_first() -> None:
    zones = [STOCKHOLM, ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")]
    assert local(begins(date(2027, 1, 3), SUNDAYS, zones), zones[1]) == "Sun 03 Jan 2027 02:00 JST"
    assert local(begins(date(2027, 1, 3), Window(), zones), zones[1]) == "Sun 03 Jan 2027 00:00 JST"


def test_only_the_newest_run_that_was_missed_is_due() -> None:
    weekly = Timing(Every.WEEKS, 1, date(2027, 1, 4))
    since, now = datetime(2027, 1, 5, tzinfo=UTC), datetime(2027, 2, 3, tzinfo=UTC)
    newest = due(weekly, Window(), [STOCKHOLM], since, now)
    assert newest
    assert local(newest) == "Mon 01 Feb 2027 00:00 CET"
    assert due(weekly, Window(), [STOCKHOLM], newest, now) is None


@settings(max_examples=150)
@given(windows, moments, zones)
def test_an_opening_is_open_and_soon(window: Window, at: datetime, zone: ZoneInfo) -> None:
    moment = opens_after(at, window, [zone])
    assert at <= moment <= at + timedelta(days=MOST_DAYS)
    assert window.is_open(moment, zone)


@settings(max_examples=100)
@given(timings, windows, zones, moments)
def test_runs_come_in_order_each_once_and_none_is_passed_over(
    timing: Timing, window: Window, zone: ZoneInfo, after: datetime
) -> None:
    runs = ahead(timing, window, [zone], after, 4)
    assert runs == sorted(set(runs))
    assert runs[0] > after
    every = {begins(timing.day(n), window, [zone]) for n in range(1400 // timing.period.days + 9)}
    assert {run for run in every if after < run <= runs[-1]} == set(runs)


@settings(max_examples=100)
@given(timings, windows, zones, moments, st.integers(1, 400))
def test_what_is_due_is_the_last_run_until_now(
    timing: Timing, window: Window, zone: ZoneInfo, since: datetime, days: int
) -> None:
    now = since + timedelta(days=days)
    found = due(timing, window, [zone], since, now)
    coming = ahead(timing, window, [zone], now, 1)[0]
    between = [run for run in ahead(timing, window, [zone], since, 60) if run <= now]
    assert found == (between[-1] if between else None)
    assert coming > now


@pytest.mark.parametrize(
    ("timing", "code"),
    [
        (Timing(Every.MONTHS, 0, NOW.date()), "period_out_of_bounds"),
        (Timing(Every.WEEKS, 105, NOW.date()), "period_out_of_bounds"),
        (Timing(Every.AGE, 4000, NOW.date()), "period_out_of_bounds"),
        (Timing(Every.WEEKS, 1, date(1, 1, 1)), "first_too_far"),
        (Timing(Every.WEEKS, 1, date(9999, 12, 31)), "first_too_far"),
    ],
)
def test_what_is_out_of_bounds_is_refused(timing: Timing, code: str) -> None:
    with pytest.raises(Refused) as no:
        timing.checked(NOW)
    assert no.value.code == code
