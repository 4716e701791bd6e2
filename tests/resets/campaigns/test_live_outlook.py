"""What is told of a campaign's pace, of the time left, and of what it waits for. Pure."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from resets.campaigns.live_counts import BAR, Share
from resets.campaigns.live_outlook import (
    Closed,
    Facts,
    Missing,
    Paused,
    last_ring,
    outlook,
    per_minute,
    ring_name,
    roughly,
    time_left,
)
from resets.campaigns.settings import BegunLately, InLine, Settings, Window, rings
from resets.campaigns.state import WHY, WHY_NOT, CampaignPhase, Standing
from resets.campaigns.words import STANDINGS, why, window
from resets.campaigns.words import settings as settings_told

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
STOCKHOLM = ZoneInfo("Europe/Stockholm")
MINUTE = timedelta(minutes=1)


def counts(**named: int) -> Counter[Standing]:
    return Counter({Standing(name): count for name, count in named.items()})


def facts(**more: Any) -> Facts:
    known: dict[str, Any] = {"phase": CampaignPhase.RUNNING, "now": NOW, "planned": 100}
    return Facts(**(known | {"settings": Settings(canary=0)} | more))


def told(**more: Any) -> str:
    found = outlook(facts(**more))
    return " ".join([found.title + ".", *found.sentences])


# --- how fast, and for how long yet ---------------------------------------------------------------


def test_the_pace_is_what_ended_over_the_time_in_which_it_did() -> None:
    assert per_minute(300, 5 * MINUTE) == 60
    assert per_minute(0, 5 * MINUTE) is None
    assert per_minute(2, timedelta(seconds=1)) == 6, "two at once are no pace of 120 a minute"


def test_the_time_left_goes_by_the_pace_achieved() -> None:
    assert time_left(120, 60) == 2 * MINUTE
    assert time_left(0, None) == timedelta()
    assert time_left(10, None) is None


def test_another_pace_that_was_set_by_now_holds_the_time_left_back_and_never_hurries_it() -> None:
    assert time_left(120, 60, pace=30) == 4 * MINUTE
    assert time_left(120, 60, pace=6000) == 2 * MINUTE


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(seconds=3), "about a minute"),
        (timedelta(seconds=61), "about 2 min"),
        (timedelta(minutes=89), "about 89 min"),
        (timedelta(minutes=100), "about 2 h"),
        (timedelta(hours=47), "about 47 h"),
        (timedelta(days=9), "about 9 days"),
    ],
)
def test_the_time_left_is_told_no_more_exactly_than_it_can_be(left: timedelta, words: str) -> None:
    assert roughly(left) == words


@pytest.mark.parametrize("canary", [0, 3, 10])
@pytest.mark.parametrize("wave", [0, 1, 4])
@pytest.mark.parametrize("count", [1, 3, 4, 10])
def test_the_last_ring_is_the_one_that_the_plan_has(canary: int, wave: int, count: int) -> None:
    settings = Settings(canary=canary, wave=wave)
    planned = rings([InLine(uuid4(), f"model {n}") for n in range(count)], settings)
    assert last_ring(count, settings) == max(planned.values())


def test_a_ring_is_called_by_what_it_is() -> None:
    assert ring_name(0, 4, Settings(canary=3, wave=10)) == "the canary ring"
    assert ring_name(2, 4, Settings(canary=3, wave=10)) == "wave 2 of 4"
    assert ring_name(1, 1, Settings(canary=3)) == "all others"
    assert ring_name(1, 1, Settings(canary=0)) == ""
    assert ring_name(0, 0, Settings(canary=3)) == "", "all of it is one ring"


# --- what it waits for ----------------------------------------------------------------------------


def test_one_that_is_at_work_says_no_more() -> None:
    assert told(counts=counts(running=3, waiting=10)) == "At work."


def test_one_that_has_just_begun_says_that_it_will() -> None:
    assert "The next devices begin in a moment." in told(counts=counts(waiting=10))


def test_the_canary_ring_has_its_turn_until_enough_have_ended() -> None:
    settings = Settings(canary=3)
    first = told(settings=settings, counts=counts(proven=1, running=2, waiting=97))
    assert first.startswith("At work: the canary ring.")
    assert "1 of 3 came to an end" in first
    assert "canary" not in told(settings=settings, counts=counts(proven=3, waiting=97))
    slow = told(
        settings=Settings(canary=3, pace=6), counts=counts(running=3, waiting=97),
        begun=BegunLately(6, 6),
    )  # fmt: skip
    assert "pace" not in slow, "all that may be begun for now is in work"
    few = told(settings=Settings(canary=100), counts=counts(running=1))
    assert "canary" not in few, "where all are canaries there is nothing to wait for"


def test_a_wave_says_how_far_it_is_and_parked_devices_keep_nobody_waiting() -> None:
    wave = told(
        settings=Settings(canary=0, wave=10),
        counts=counts(running=2, waiting=90, proven=8),
        ring=2,
        in_ring=counts(running=2, proven=6, parked=2),
    )
    assert wave.startswith("At work: wave 2 of 10.")
    assert "6 of 8 came to an end" in wave


def test_a_closed_window_says_when_it_opens_in_the_sites_own_zone() -> None:
    opens = datetime(2026, 11, 29, 1, 0, tzinfo=UTC)
    closed = Closed("Harbour", opens, STOCKHOLM)
    waits = told(counts=counts(waiting=5), closed=(closed,), open_sites=0)
    assert waits.startswith("It waits.")
    assert "The window at Harbour opens 29 Nov 2026, 02:00 CET, in 6 days." in waits
    many = told(counts=counts(waiting=5), closed=(closed,) * 5, open_sites=0)
    assert "At 2 more sites it is closed as well." in many
    assert "window" not in told(counts=counts(running=1), closed=(closed,)), "none is waiting"


def test_a_missing_code_says_which_mailbox_and_for_how_many() -> None:
    one = told(counts=counts(waiting=1), missing=Missing(1, ("o•••r@e•••e.com",), 1))
    assert "The code of o•••r@e•••e.com was not entered yet: 1 device waits for it." in one
    names = ("a•••@x", "b•••@x", "c•••@x")
    many = told(counts=counts(waiting=70), missing=Missing(14, names, 70))
    assert "a•••@x, b•••@x, c•••@x and 11 more were not entered yet: 70 devices wait" in many


def test_a_pace_that_is_reached_is_what_it_waits_for() -> None:
    slow = Settings(canary=0, pace=30)
    assert "its pace of 30 devices a minute" in told(
        settings=slow, counts=counts(waiting=5), begun=BegunLately(30, 0)
    )
    assert "its pace" in told(settings=slow, counts=counts(waiting=5), begun=BegunLately(3, 3)), (
        "a few at a time, over the minute"
    )
    assert "pace" not in told(settings=slow, counts=counts(waiting=5), begun=BegunLately(3, 1))


def test_as_many_as_may_be_in_work_at_one_time_are_told_with_their_site() -> None:
    full = told(counts=counts(waiting=5, running=20), full=("Harbour",))
    assert "in work at Harbour: 20" in full


def test_an_alarm_that_holds_a_site_up_is_named() -> None:
    assert "An alarm holds resets up at Harbour" in told(
        counts=counts(waiting=5), alarms=("Harbour",)
    )


def test_when_only_parked_devices_are_left_it_says_until_when() -> None:
    parked = told(counts=counts(proven=9, parked=2), ends_at=NOW + timedelta(days=1))
    assert parked.startswith("It waits.")
    assert "2 devices are parked, and taken up when seen again, at the latest until" in parked
    assert "1 device is parked" in told(counts=counts(parked=1))


def test_a_pause_says_who_since_when_and_what_goes_on() -> None:
    paused = told(
        phase=CampaignPhase.PAUSED,
        why="by_person",
        paused=Paused("Alice", NOW - 5 * MINUTE),
        counts=counts(running=4, waiting=9),
        zone=STOCKHOLM,
    )
    assert paused.startswith("Paused by Alice.")
    assert "Since 23 Nov 2026, 01:55 CET, 5 min ago." in paused
    assert "4 devices in work come to an end." in paused


def test_one_that_stopped_itself_says_the_share_and_the_bound() -> None:
    stopped = told(
        phase=CampaignPhase.PAUSED,
        why="failures",
        settings=Settings(stop_share=10),
        failures=(3, 20),
        paused=Paused("Rekey", NOW),
    )
    assert stopped.startswith("It paused itself.")
    assert "3 of 20 that came to an end, which is 15 %. It stops itself at 10 %." in stopped
    gone = told(phase=CampaignPhase.PAUSED, why="approver_gone", paused=Paused("Rekey", NOW))
    assert "Cancel it, and plan it anew." in gone


def test_one_that_is_ending_says_what_is_still_in_work() -> None:
    ending = told(phase=CampaignPhase.ENDING, why="cancelled", counts=counts(running=1))
    assert "It was cancelled. Nothing more begins. 1 device in work comes to an end." in ending


@pytest.mark.parametrize("reason", WHY)
def test_each_end_has_its_words_and_only_a_good_one_is_green(reason: str) -> None:
    good = outlook(facts(phase=CampaignPhase.ENDED, why=reason, counts=counts(proven=3)))
    assert (good.tone == "ok") == (reason == "finished")
    bad = outlook(facts(phase=CampaignPhase.ENDED, why=reason, counts=counts(failed=1)))
    assert bad.tone != "ok"
    assert "Of 1 device the new password is not proven." in bad.sentences
    assert good.sentences[0].endswith(".")


@pytest.mark.parametrize(
    ("reason", "tone"),
    [("unchanged", "warn"), ("finished", "warn"), ("over", "quiet"), ("cancelled", "quiet")],
)
def test_where_every_device_was_left_out_it_says_that_none_was_changed(
    reason: str, tone: str
) -> None:
    ended = outlook(facts(phase=CampaignPhase.ENDED, why=reason, counts=counts(left_out=3)))
    assert ended.tone == tone
    assert " ".join(ended.sentences).count("o device was changed") == 1


@pytest.mark.parametrize("phase", CampaignPhase)
def test_every_phase_has_an_outlook(phase: CampaignPhase) -> None:
    assert outlook(facts(phase=phase)).title


# --- bars, and words ------------------------------------------------------------------------------


def test_a_bar_is_as_long_as_what_has_begun_and_ends_where_what_waits_begins() -> None:
    share = Share("All", "", "", counts(proven=50, failed=25, waiting=25))
    assert [(part.standing, part.width) for part in share.bar] == [
        (Standing.PROVEN, BAR / 2),
        (Standing.FAILED, BAR / 4),
    ]
    assert share.bar[1].x == BAR / 2
    assert share.told == "50 of 100 proven, 25 failed, 25 waiting"
    assert Share("None", "", "", counts()).bar == []


def test_every_standing_has_its_words_and_every_reason_a_sentence() -> None:
    assert set(STANDINGS) == set(Standing)
    for code in (*WHY_NOT, "unreachable", "not_authorised", "cancelled", "of some later version"):
        assert why(Standing.FAILED, code)[0].isupper()
    assert "does not answer" in why(Standing.PARKED, "unreachable")
    assert "could not be tried" in why(Standing.UNPROVEN, "unreachable")
    assert why(Standing.PROVEN, "proven") == ""


def test_the_settings_are_told_in_words() -> None:
    assert window(Window((6,), "02:00", "05:00")) == "Sunday, 02:00 to 05:00"
    assert window(Window(tuple(range(7)), "22:00", "04:00")) == "Each day, 22:00 to 04:00"
    told = dict(settings_told(Settings(canary=1, wave=50, pace=30, stop_share=0)))
    assert told["Canary ring"] == "1 device"
    assert told["Waves"] == "Of 50 devices"
    assert told["Pace"] == "30 a minute"
    assert told["Stops itself"] == "Never"
