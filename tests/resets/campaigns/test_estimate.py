"""How long a campaign is said to take: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resets.campaigns.estimate import Share, through, work
from resets.campaigns.settings import Settings, Window

HARBOUR, MUSEUM, NVR, OTHER = (UUID(int=n) for n in range(1, 5))
EACH = timedelta(seconds=10)
STOCKHOLM = ZoneInfo("Europe/Stockholm")
NIGHTS = Window((4, 5), "22:00", "05:00")  # Fridays and Saturdays, past midnight
MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)


def seconds(*shares: Share, **settings: int) -> float:
    return work(shares, Settings(**settings), EACH).total_seconds()  # type: ignore[arg-type]


def test_nothing_takes_no_time() -> None:
    assert seconds() == 0


def test_as_many_at_one_time_as_a_site_is_allowed() -> None:
    assert seconds(Share(HARBOUR, 1, None, 100), at_once=20) == 50
    assert seconds(Share(HARBOUR, 1, None, 101), at_once=20) == 60


def test_sites_go_on_side_by_side_and_rings_one_after_the_other() -> None:
    both = (Share(HARBOUR, 1, None, 100), Share(MUSEUM, 1, None, 40))
    assert seconds(*both, at_once=20) == 50
    assert seconds(Share(HARBOUR, 0, None, 3), *both, at_once=20) == 60


def test_cameras_of_an_nvr_follow_one_another_where_it_is_asked() -> None:
    shares = (Share(HARBOUR, 1, NVR, 16), Share(HARBOUR, 1, OTHER, 4), Share(HARBOUR, 1, None, 30))
    assert seconds(*shares, at_once=50) == 10
    assert seconds(*shares, at_once=50, one_per_nvr=True) == 160


def test_it_is_no_faster_than_its_pace() -> None:
    assert seconds(Share(HARBOUR, 1, None, 600), at_once=500, pace=60) == 600
    assert seconds(Share(HARBOUR, 1, None, 600), at_once=1, pace=6000) == 6000


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=STOCKHOLM)


@pytest.mark.parametrize(
    ("needed", "ends"),
    [
        (timedelta(hours=7), "2026-11-28T05:00"),  # all of the night to Saturday
        (timedelta(hours=8), "2026-11-28T23:00"),  # and an hour of the next
        (timedelta(hours=15), "2026-12-04T23:00"),  # and one of the next week's
    ],
)
def test_work_waits_for_the_window(needed: timedelta, ends: str) -> None:
    assert through(MONDAY, needed, NIGHTS, STOCKHOLM) == at(ends)


def test_without_a_window_it_goes_on_at_once_and_what_takes_years_is_not_told() -> None:
    assert through(MONDAY, timedelta(days=3), Window(), STOCKHOLM) == MONDAY + timedelta(days=3)
    assert through(MONDAY, timedelta(days=2000), NIGHTS, STOCKHOLM) is None


@given(
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 47),
    st.integers(1, 47),
    st.integers(0, 60 * 24 * 7),
    st.integers(0, 60 * 60),
)
def test_it_is_never_done_before_the_work_is_nor_outside_of_the_window(
    days: set[int], opens: int, length: int, begins: int, minutes: int
) -> None:
    closes = (opens + length) % 48
    window = Window(
        tuple(days),
        f"{opens // 2:02}:{opens % 2 * 30:02}",
        f"{closes // 2:02}:{closes % 2 * 30:02}",
    )
    start, needed = MONDAY + timedelta(minutes=begins), timedelta(minutes=minutes + 1)
    done = through(start, needed, window, STOCKHOLM)
    assert done is not None
    assert done - start >= needed
    assert window.is_open(done - timedelta(seconds=1), STOCKHOLM)
