from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fleet.eventstore.messages import Command
from fleet.eventstore.testing import NOW, given
from resets.campaigns.settings import Settings
from resets.campaigns.state import CampaignPhase
from resets.campaigns.steps.control import (
    CampaignCancelled,
    CampaignPaused,
    CampaignResumed,
    CancelCampaign,
    PaceSet,
    PauseCampaign,
    ResumeCampaign,
    SetPace,
    StopItself,
)
from resets.campaigns.steps.end_campaign import CallTime, CampaignEnded, CampaignOver, EndCampaign
from resets.campaigns.steps.reopen_campaign import CampaignReopened, ReopenCampaign
from tests.resets.campaigns.steps.story import (
    AWAITING,
    CANCELLED,
    DRAWING_UP,
    EMPTY,
    ENDS,
    EVERY_PHASE,
    FINISHED,
    ORPHANED,
    PAUSED,
    RUNNING,
    STOPPED,
    WAS_CANCELLED,
)

ENDED = (EMPTY, FINISHED, WAS_CANCELLED)


def test_it_is_paused_and_goes_on_as_it_was_set() -> None:
    state = given(*RUNNING).when(PauseCampaign()).then(CampaignPaused("by_person"))
    assert state.phase is CampaignPhase.PAUSED
    state = given(*PAUSED).when(ResumeCampaign()).then(CampaignResumed(Settings(), None))
    assert (state.phase, state.why) == (CampaignPhase.RUNNING, "")


def test_what_failed_before_it_stopped_itself_counts_no_more_once_it_goes_on() -> None:
    resumed = CampaignResumed(Settings(stop_share=30), NOW)
    state = given(*STOPPED).when(ResumeCampaign(30)).then(resumed)
    assert (state.settings.stop_share, state.counted_from) == (30, NOW)
    given(*STOPPED).when(ResumeCampaign(101)).refused("setting_out_of_bounds")


def test_it_does_not_go_on_for_an_approver_who_lost_the_right() -> None:
    given(*ORPHANED).when(ResumeCampaign()).refused("approver_gone")
    assert given(*ORPHANED).when(CancelCampaign()).decided()


@pytest.mark.parametrize("events", [RUNNING, PAUSED])
def test_its_pace_is_set_while_it_runs_and_while_it_waits(events: tuple) -> None:
    state = given(*events).when(SetPace(60, 5)).then(PaceSet(60, 5))
    assert state.settings == replace(Settings(), pace=60, at_once=5)
    given(*events).when(SetPace(Settings().pace, Settings().at_once)).then_nothing()
    assert given(*events).when(SetPace(60, 0)).refused("setting_out_of_bounds").field == "at_once"


def test_what_is_not_said_of_its_pace_stays_as_it_is() -> None:
    slow = (*RUNNING, PaceSet(6, 2))
    given(*slow).when(SetPace(pace=60)).then(PaceSet(60, 2))
    given(*slow).when(SetPace(at_once=3)).then(PaceSet(6, 3))
    given(*slow).when(SetPace()).then_nothing()


@pytest.mark.parametrize("events", [AWAITING, RUNNING, PAUSED, STOPPED, ORPHANED])
def test_it_is_cancelled_as_long_as_anything_may_begin(events: tuple) -> None:
    state = given(*events).when(CancelCampaign()).then(CampaignCancelled())
    assert (state.phase, state.why) == (CampaignPhase.ENDING, "cancelled")


FITS: dict[type[Command[Any]], tuple[tuple, ...]] = {
    PauseCampaign: (RUNNING,),
    ResumeCampaign: (PAUSED, STOPPED, ORPHANED),
    SetPace: (RUNNING, PAUSED, STOPPED, ORPHANED),
    CancelCampaign: (AWAITING, RUNNING, PAUSED, STOPPED, ORPHANED),
}


@pytest.mark.parametrize("step", FITS)
@pytest.mark.parametrize("events", EVERY_PHASE)
def test_each_step_is_offered_where_it_fits_and_refused_elsewhere(
    step: type[Command], events: tuple
) -> None:
    assert step.offered(given(*events).state(), NOW) is (events in FITS[step])
    if events not in FITS[step]:
        given(*events).when(step()).refused("campaign_stands_elsewhere")


def test_it_stops_itself_while_it_runs_alone() -> None:
    given(*RUNNING).when(StopItself("failures")).then(CampaignPaused("failures"))
    for events in (PAUSED, AWAITING, CANCELLED, *ENDED):
        given(*events).when(StopItself("failures")).then_nothing()


def test_time_is_called_once_at_its_end_date() -> None:
    for events in (AWAITING, RUNNING, PAUSED, ORPHANED):
        given(*events).at(ENDS - timedelta(seconds=1)).when(CallTime()).then_nothing()
        state = given(*events).at(ENDS).when(CallTime()).then(CampaignOver())
        assert (state.phase, state.why) == (CampaignPhase.ENDING, "over")
    for events in (DRAWING_UP, CANCELLED, *ENDED):
        given(*events).at(ENDS).when(CallTime()).then_nothing()


def test_it_ends_for_the_reason_that_it_has() -> None:
    given(*RUNNING).when(EndCampaign(2, 1, 0)).then(CampaignEnded("finished", 2, 1, 0, NOW))
    given(*CANCELLED).when(EndCampaign(2, 1, 0)).then(CampaignEnded("cancelled", 2, 1, 0, NOW))
    given(*RUNNING).when(EndCampaign(0, 0, 3)).then(CampaignEnded("unchanged", 0, 0, 3, NOW))
    given(*CANCELLED).when(EndCampaign(0, 0, 3)).then(CampaignEnded("cancelled", 0, 0, 3, NOW))
    for events in (AWAITING, *ENDED):
        given(*events).when(EndCampaign(2, 1, 0)).then_nothing()


def test_one_that_has_finished_goes_on_before_its_end_date() -> None:
    state = given(*FINISHED).when(ReopenCampaign()).then(CampaignReopened(NOW))
    assert (state.phase, state.ended_at, state.counted_from) == (CampaignPhase.RUNNING, None, NOW)
    given(*FINISHED).at(ENDS).when(ReopenCampaign()).refused("campaign_over")


@pytest.mark.parametrize("events", [e for e in EVERY_PHASE if e is not FINISHED])
def test_one_that_somebody_stopped_is_not_taken_up_again(events: tuple) -> None:
    given(*events).when(ReopenCampaign()).refused("campaign_over")
