"""Pause, cancel, and an approver who is gone: when a campaign goes on, and when it stops."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from fleet.accounts.models import Person, RoleRow
from fleet.accounts.steps.revoke_role import RevokeRole
from fleet.errors import Conflict
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.ids import new_id
from resets import tasks
from resets.campaigns import deeds, process
from resets.campaigns.settings import Settings
from resets.campaigns.state import CampaignPhase, Selection, item_id
from resets.campaigns.steps.by_schedule import ApproveBySchedule, PlanRun, StandingApproval
from resets.campaigns.steps.control import CancelCampaign, PauseCampaign, ResumeCampaign
from resets.campaigns.steps.items import TakeOut
from resets.models import Reset
from tests.cast import Cast
from tests.resets.campaigns import ground, quiet

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def how(**more: object) -> Settings:
    return replace(ground.SETTINGS, **more)  # type: ignore[arg-type]


def resets() -> int:
    return Reset.objects.for_jobs().count()


# --- people at the controls -----------------------------------------------------------------------


def test_after_a_pause_nothing_begins_and_what_is_in_work_ends(who: Cast, ada: Person) -> None:
    quiet.many(who, 4)
    campaign = quiet.under_way(who, ada, settings=how(at_once=2))
    ground.turns(campaign)
    handle(PauseCampaign(), campaign, who.by(who.alice))
    assert quiet.end_all(campaign) == 2
    assert ground.turns(campaign) == 0
    assert sorted(ground.standings(campaign).values()) == [
        "proven proven", "proven proven", "waiting", "waiting",
    ]  # fmt: skip


def test_resume_loses_nothing_and_repeats_nothing(who: Cast, ada: Person) -> None:
    quiet.many(who, 6)
    campaign = quiet.under_way(who, ada, settings=how(at_once=2))
    for _ in range(3):
        ground.turns(campaign)
        handle(PauseCampaign(), campaign, who.by(who.alice))
        quiet.end_all(campaign)
        ground.turns(campaign)
        if ground.state(campaign).phase is CampaignPhase.PAUSED:
            handle(ResumeCampaign(), campaign, who.by(who.alice))
    quiet.to_the_end(campaign)
    assert set(ground.standings(campaign).values()) == {"proven proven"}
    assert resets() == 6


def test_a_paused_campaign_ends_with_the_last_of_its_devices(who: Cast, ada: Person) -> None:
    quiet.many(who, 1)
    campaign = quiet.under_way(who, ada)
    ground.turns(campaign)
    handle(PauseCampaign(), campaign, who.by(who.alice))
    quiet.end_all(campaign)
    ground.turns(campaign)
    state = ground.state(campaign)
    assert (state.phase, state.why) == (CampaignPhase.ENDED, "finished")


def test_cancel_leaves_out_what_has_not_begun_and_no_device_half_changed(
    who: Cast, ada: Person
) -> None:
    quiet.many(who, 4)
    campaign = quiet.under_way(who, ada, settings=how(at_once=2))
    ground.turns(campaign)
    handle(CancelCampaign(), campaign, who.by(who.alice))
    ground.turns(campaign)
    assert ground.state(campaign).phase is CampaignPhase.ENDING
    assert len(quiet.in_work(campaign)) == 2
    quiet.end_all(campaign)
    ground.turns(campaign)
    assert sorted(ground.standings(campaign).values()) == [
        "left_out not_begun", "left_out not_begun", "proven proven", "proven proven",
    ]  # fmt: skip
    assert ground.state(campaign).why == "cancelled"
    assert resets() == 2


def test_a_device_that_is_taken_out_is_not_begun(who: Cast, ada: Person) -> None:
    first, second = quiet.many(who, 2)
    campaign = quiet.under_way(who, ada)
    handle(TakeOut(), item_id(campaign, first), who.by(who.tess))
    ground.turns(campaign)
    assert quiet.in_work(campaign) == [second]


# --- it stops itself ------------------------------------------------------------------------------


def test_at_the_failure_share_it_stops_itself_and_begins_nothing_more(
    who: Cast, ada: Person
) -> None:
    quiet.many(who, 12)
    campaign = quiet.under_way(who, ada, settings=how(at_once=5, stop_share=20))
    ground.turns(campaign)
    first, *others = quiet.in_work(campaign)
    quiet.end(first, "declined")
    for device in others:
        quiet.end(device)
    ground.turns(campaign)
    state = ground.state(campaign)
    assert (state.phase, state.why) == (CampaignPhase.PAUSED, "failures")
    assert resets() == 5


def test_one_that_goes_on_after_failures_counts_them_anew(
    who: Cast, ada: Person, clock: Any
) -> None:
    quiet.many(who, 20)
    campaign = quiet.under_way(who, ada, settings=how(at_once=5, stop_share=50))
    ground.turns(campaign)
    quiet.end_all(campaign, "declined")
    ground.turns(campaign)
    clock.shift(1)
    handle(ResumeCampaign(), campaign, who.by(who.alice))
    assert ground.state(campaign).settings.stop_share == 50
    clock.shift(1)
    ground.turns(campaign)
    quiet.end_all(campaign)
    ground.turns(campaign)
    assert ground.state(campaign).phase is CampaignPhase.RUNNING
    clock.shift(1)
    quiet.end_all(campaign, "declined")
    ground.turns(campaign)
    assert ground.state(campaign).why == "failures"  # 5 of 10 since


def test_canaries_that_all_fail_stop_the_campaign(who: Cast, ada: Person) -> None:
    quiet.many(who, 9)
    campaign = quiet.under_way(who, ada, settings=how(canary=2, stop_share=50))
    ground.turns(campaign)
    quiet.end_all(campaign, "declined")
    ground.turns(campaign)
    assert ground.state(campaign).why == "failures"
    assert resets() == 2


def test_devices_that_are_away_are_no_failures(who: Cast, ada: Person) -> None:
    quiet.many(who, 9)
    campaign = quiet.under_way(who, ada, settings=how(at_once=6, stop_share=1))
    ground.turns(campaign)
    quiet.end_all(campaign, "unreachable")
    ground.turns(campaign)
    assert ground.state(campaign).phase is CampaignPhase.RUNNING


# --- whoever agreed -------------------------------------------------------------------------------


def revoke(who: Cast, person: Person) -> None:
    for row in RoleRow.objects.for_jobs().filter(person=person.id, active=True):
        handle(RevokeRole("Left"), row.pk, who.by(who.alice))


@pytest.mark.parametrize("loses", ["the role", "the account"])
def test_when_whoever_agreed_may_not_any_more_it_pauses_and_what_is_in_work_ends(
    who: Cast, ada: Person, loses: str
) -> None:
    quiet.many(who, 3)
    campaign = quiet.under_way(who, ada, settings=how(at_once=1))
    ground.turns(campaign)
    if loses == "the role":
        revoke(who, ada)
    else:
        Person.objects.filter(pk=ada.pk).update(is_active=False)
    quiet.end_all(campaign)
    ground.turns(campaign)
    state = ground.state(campaign)
    assert (state.phase, state.why) == (CampaignPhase.PAUSED, "approver_gone")
    assert resets() == 1
    with pytest.raises(Conflict) as gone:
        handle(ResumeCampaign(), campaign, who.by(who.alice))
    assert gone.value.code == "approver_gone"
    handle(CancelCampaign(), campaign, who.by(who.alice))
    ground.turns(campaign)
    assert ground.state(campaign).phase is CampaignPhase.ENDED


def test_so_does_one_that_was_agreed_to_with_its_schedule(who: Cast, ada: Person) -> None:
    quiet.many(who, 2)
    campaign, ends_at = new_id(), timezone.now() + timedelta(hours=3)
    run = PlanRun(
        who.organisation, who.site, "Quarterly", "It is time", Selection(), ground.SETTINGS,
        ends_at, "Alice", str(who.alice.id), new_id(),
    )  # fmt: skip
    handle(run, campaign, quiet.JOB)
    quiet.draw_up()
    agreed = replace(ApproveBySchedule(), approval=StandingApproval(ada.name, str(ada.id)))
    handle_all([Order(agreed, campaign, looked_up=True)], quiet.JOB)
    assert ground.state(campaign).phase is CampaignPhase.RUNNING
    revoke(who, ada)
    ground.turns(campaign)
    assert ground.state(campaign).why == "approver_gone"
    assert not resets()


# --- once more ------------------------------------------------------------------------------------


def test_what_failed_is_tried_again_after_the_rest_and_in_a_reset_of_its_own(
    who: Cast, ada: Person
) -> None:
    device, _ = quiet.many(who, 2)
    campaign = quiet.under_way(who, ada)
    ground.turns(campaign)
    quiet.end(device, "declined")
    process.advance(campaign)
    first = ground.item_of(campaign, device).reset
    deeds.retry_failed(campaign, who.by(who.alice))
    ground.turns(campaign)
    item = ground.item_of(campaign, device)
    assert (item.standing, item.attempt) == ("running", 2)
    assert item.reset != first
    quiet.to_the_end(campaign)
    assert set(ground.standings(campaign).values()) == {"proven proven"}


def test_a_finished_campaign_that_is_reopened_ends_again(who: Cast, ada: Person) -> None:
    [device] = quiet.many(who, 1)
    campaign = quiet.under_way(who, ada)
    ground.turns(campaign)
    quiet.end(device, "declined")
    ground.turns(campaign)
    assert ground.state(campaign).phase is CampaignPhase.ENDED
    deeds.retry_failed(campaign, who.by(who.alice))
    assert campaign in process.open_campaigns()
    quiet.to_the_end(campaign)
    assert ground.state(campaign).phase is CampaignPhase.ENDED
    assert ground.standings(campaign) == {"Camera 001": "proven proven"}


def test_a_campaign_that_cannot_go_on_keeps_no_other_one_waiting(
    who: Cast, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = quiet.many(who, 2)
    stuck = quiet.under_way(who, ada, selection=Selection(devices=(first,)))
    other = quiet.under_way(who, ada, selection=Selection(devices=(second,)))
    advance = process.advance

    def fails(campaign: UUID) -> int:
        if campaign == stuck:
            raise RuntimeError("no turn")
        return advance(campaign)

    monkeypatch.setattr(process, "advance", fails)
    monkeypatch.setattr(tasks, "LONGEST_TURNS", 0)
    tasks.advance_campaigns()
    assert quiet.in_work(other) == [second]


def test_one_message_carries_a_campaign_on_while_a_device_of_it_is_in_work(
    who: Cast, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet.many(who, 3)
    campaign = quiet.under_way(who, ada, settings=Settings(canary=0, at_once=1))

    def breathe(_: float) -> None:
        for device in quiet.in_work(campaign):
            quiet.end(device)

    monkeypatch.setattr(tasks, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=breathe))
    tasks.advance_campaigns()
    assert ground.state(campaign).phase is CampaignPhase.ENDED
    assert set(ground.standings(campaign).values()) == {"proven proven"}


def test_turns_that_take_long_go_on_with_another_message(
    who: Cast, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet.many(who, 1)
    campaign = quiet.under_way(who, ada)
    sent: list[object] = []
    monkeypatch.setattr(tasks, "wake", lambda task, **_: sent.append(task))
    monkeypatch.setattr(tasks, "LONGEST_TURNS", 0)
    tasks.advance_campaigns()
    assert (len(quiet.in_work(campaign)), sent) == (1, [tasks.advance_campaigns])
