"""Times as people read them, in the zone of the site."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from fleet.web.templatetags.times import (
    ago,
    clock_in_zone,
    countdown,
    day_in_zone,
    distance,
    in_zone,
    in_zone_to_the_second,
    moment,
)

NOW = datetime(2026, 11, 22, 14, 31, 9, tzinfo=UTC)
EARLIER = NOW - timedelta(minutes=5)


@pytest.fixture(autouse=True)
def _at_a_fixed_moment() -> object:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Stockholm", "22 Nov 2026, 15:26 CET"),
        ("America/New_York", "22 Nov 2026, 09:26 EST"),
        ("Asia/Dubai", "22 Nov 2026, 18:26 UTC+04"),  # a zone without letters of its own
        ("Pacific/Auckland", "23 Nov 2026, 03:26 NZDT"),
        ("", "22 Nov 2026, 14:26 UTC"),
        (None, "22 Nov 2026, 14:26 UTC"),
    ],
)
def test_a_moment_is_told_by_the_clock_of_the_site(zone: str | None, text: str) -> None:
    assert in_zone(EARLIER, zone) == text


def test_summer_time_is_told_by_its_own_name() -> None:
    assert in_zone(datetime(2026, 7, 1, 12, tzinfo=UTC), "Europe/Stockholm").endswith("14:00 CEST")


def test_the_trail_tells_seconds() -> None:
    assert in_zone_to_the_second(EARLIER, "Europe/Stockholm") == "22 Nov 2026, 15:26:09 CET"
    assert clock_in_zone(EARLIER, "Europe/Stockholm") == "15:26:09"


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (timedelta(0), "just now"),
        (timedelta(milliseconds=300), "just now"),
        (timedelta(seconds=43), "43 s ago"),
        (timedelta(seconds=59.9), "59 s ago"),
        (timedelta(minutes=1), "1 min ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=29), "29 days ago"),
        (timedelta(days=30), "1 month ago"),
        (timedelta(days=800), "2 years ago"),
        (-timedelta(minutes=9), "in 9 min"),
        (-timedelta(days=2), "in 2 days"),
    ],
)
def test_how_long_ago_is_told_in_the_largest_whole_unit(before: timedelta, text: str) -> None:
    assert distance(NOW - before) == text


def test_a_relative_time_carries_the_exact_moment() -> None:
    assert ago(EARLIER) == (
        '<time datetime="2026-11-22T14:26:09Z" title="22 Nov 2026, 14:26 UTC">5 min ago</time>'
    )
    both = moment(EARLIER, "Europe/Stockholm")
    assert 'datetime="2026-11-22T14:26:09Z"' in both
    assert "15:26 CET" in both
    assert "(5 min ago)" in both


@pytest.mark.parametrize(
    ("until", "text"),
    [
        (43, "43 s"),
        (0.2, "1 s"),  # never "now" while it would still be refused
        (60, "1 min"),
        (125, "2 min 5 s"),
        (3780, "1 h 3 min"),
        (7200, "2 h"),
        (0, "now"),
        (-3, "now"),
        (timedelta(seconds=43), "43 s"),
        (NOW + timedelta(seconds=42.5), "43 s"),
        (None, ""),
    ],
)
def test_a_countdown_says_what_is_left(until: object, text: str) -> None:
    assert countdown(until) == text  # type: ignore[arg-type]


def test_no_time_is_no_text() -> None:
    assert [f(None) for f in (in_zone, in_zone_to_the_second, ago, moment)] == [""] * 4


def test_days_are_those_of_the_site_s_calendar() -> None:
    late = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
    assert day_in_zone(late, "Europe/Stockholm") == "Today, 22 November 2026"
    assert day_in_zone(late, "UTC") == "Yesterday, 21 November 2026"
    assert day_in_zone(late - timedelta(days=1), "UTC") == "Friday, 20 November 2026"
