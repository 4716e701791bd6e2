"""What has changed since the plan was agreed to: such a device is left out, and says why."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from devices.steps.change_device import ChangeDevice
from devices.steps.change_reset_email import ChangeResetEmail
from devices.steps.check_device import RecordCheck, RecordNvrOpens, RecordTrouble
from devices.steps.move_device import MoveDevice
from devices.steps.open_site import OpenSite
from devices.steps.remove_device import RemoveDevice
from fleet.accounts.models import Person
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from resets.campaigns import process
from resets.campaigns.models import CampaignCodes, CampaignItem
from resets.campaigns.settings import Settings
from resets.campaigns.state import CampaignPhase, Kind, Selection
from resets.campaigns.steps.control import CancelCampaign
from resets.models import Reset
from resets.steps.cancel_reset import CancelReset
from tests.cast import SETUP, Cast
from tests.fleet.eventstore.ground import reset
from tests.resets.campaigns import ground, quiet

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def remove(who: Cast, device: UUID) -> None:
    handle(RemoveDevice("The site is closed"), device, who.by(who.alice))


def move(who: Cast, device: UUID) -> None:
    site = new_id()
    handle(OpenSite(who.organisation, "Elsewhere", "UTC"), site, SETUP)
    handle(MoveDevice(site), device, who.by(who.alice))


def readdress(who: Cast, device: UUID) -> None:
    handle(ChangeDevice(host="203.0.113.99"), device, who.by(who.alice))


def other_mailbox(who: Cast, device: UUID) -> None:
    change = ChangeResetEmail("owner@example.com", "other@example.com", who.site)
    handle(change, device, quiet.JOB)


def no_mailbox(who: Cast, device: UUID) -> None:
    handle(ChangeResetEmail("owner@example.com", "", who.site), device, quiet.JOB)


def trouble(who: Cast, device: UUID) -> None:
    handle(RecordTrouble("certificate_changed"), device, quiet.JOB)


def shut_out(who: Cast, device: UUID) -> None:
    handle(RecordCheck(opened=False), device, quiet.JOB)


GONE = ("leave_out_one_that_is_gone", "leave_out_all_that_are_gone")
CHANGES: list[tuple[Callable[[Cast, UUID], None], Kind, str]] = [
    (remove, Kind.ROTATION, "removed"),
    (remove, Kind.RESET, "removed"),
    (move, Kind.ROTATION, "elsewhere"),
    (readdress, Kind.ROTATION, "changed"),
    (other_mailbox, Kind.RESET, "changed"),
    (no_mailbox, Kind.RESET, "no_mailbox"),
    (trouble, Kind.ROTATION, "trouble"),
    (shut_out, Kind.ROTATION, "not_known"),
]


@pytest.mark.parametrize(("change", "kind", "why"), CHANGES)
def test_a_device_that_is_not_as_it_was_is_left_alone_and_the_others_go_on(
    who: Cast, ada: Person, change: Callable[[Cast, UUID], None], kind: Kind, why: str
) -> None:
    device, other = quiet.many(who, 2)
    campaign = quiet.under_way(who, ada, kind)
    if kind is Kind.RESET:
        quiet.code_entered(who, campaign)
    change(who, device)
    ground.turns(campaign)
    assert ground.standings(campaign)["Camera 001"] == f"left_out {why}"
    assert quiet.in_work(campaign) == [other]
    assert not Reset.objects.for_jobs().filter(device=device).exists()


def test_a_parked_device_that_has_changed_is_left_out_when_it_is_seen_again(
    who: Cast, ada: Person
) -> None:
    [device] = quiet.many(who, 1)
    campaign = quiet.under_way(who, ada)
    quiet.heard(device, online=False)
    ground.turns(campaign)
    readdress(who, device)
    quiet.heard(device, online=True)
    ground.turns(campaign)
    assert ground.standings(campaign) == {"Camera 001": "left_out changed"}


@pytest.mark.parametrize("agreed", ["before", "after"])
@pytest.mark.parametrize(("change", "why"), [(move, "elsewhere"), (remove, "removed")])
def test_one_that_is_gone_is_left_out_at_once_however_long_its_turn_is_away(
    who: Cast, ada: Person, change: Callable[[Cast, UUID], None], why: str, agreed: str
) -> None:
    first, second = quiet.many(who, 2)
    campaign = quiet.planned(who, Kind.RESET)  # whose code nobody enters
    if agreed == "before":
        ground.agree(who, campaign, ada)
    change(who, first)
    quiet.draw_up(*GONE)
    if agreed == "after":
        assert set(ground.standings(campaign).values()) == {"waiting"}  # it is what is agreed to
        ground.agree(who, campaign, ada)
        quiet.draw_up(*GONE)
    assert ground.standings(campaign) == {
        "Camera 001": f"left_out {why}", "Camera 002": "waiting",
    }  # fmt: skip
    change(who, second)
    quiet.draw_up(*GONE)
    quiet.to_the_end(campaign)
    assert ground.state(campaign).phase is CampaignPhase.ENDED


def test_a_site_that_is_emptied_in_the_middle_lets_the_campaign_end(who: Cast, ada: Person) -> None:
    ids = quiet.many(who, 6)
    campaign = quiet.under_way(who, ada, settings=Settings(canary=0, at_once=2))
    ground.turns(campaign)
    for device in set(ids) - set(quiet.in_work(campaign)):
        remove(who, device)
    quiet.to_the_end(campaign)
    assert sorted(ground.standings(campaign).values()) == [
        *["left_out removed"] * 4, *["proven proven"] * 2,
    ]  # fmt: skip
    assert ground.state(campaign).phase is CampaignPhase.ENDED


def test_a_device_that_gets_a_reset_of_its_own_waits_for_its_end_and_holds_nobody_up(
    who: Cast, ada: Person
) -> None:
    first, second, third = quiet.many(who, 3)
    campaign = quiet.under_way(who, ada, settings=Settings(canary=0, at_once=1, wave=1))
    reset(who, first)
    ground.turns(campaign)
    assert quiet.in_work(campaign) == [second]
    quiet.end_all(campaign)
    ground.turns(campaign)
    assert quiet.in_work(campaign) == [third]
    quiet.end_all(campaign)
    assert ground.standings(campaign)["Camera 001"] == "waiting"
    by_itself = Reset.objects.for_jobs().get(device=first)
    handle(CancelReset(), by_itself.pk, who.by(who.tess))
    ground.turns(campaign)
    assert quiet.in_work(campaign) == [first]


# --- what the plan says ---------------------------------------------------------------------------


def test_the_plan_names_for_each_device_why_nothing_can_be_done(who: Cast) -> None:
    quiet.devices(who, "Fine")
    quiet.devices(who, "No mailbox", reset_email="")
    [offline] = quiet.devices(who, "Offline")
    [reset_by_itself] = quiet.devices(who, "In hand")
    [shut] = quiet.devices(who, "Shut out")
    [in_trouble] = quiet.devices(who, "Strange")
    [locked] = quiet.devices(who, "Bolted")
    _, [on_nvr] = quiet.nvr(who, "Quay", 1)
    quiet.heard(offline, online=False)
    reset(who, reset_by_itself)
    shut_out(who, shut)
    trouble(who, in_trouble)
    quiet.wrong_logins(locked, 4)
    handle(RecordNvrOpens(False), on_nvr, quiet.JOB)
    told = {
        "Fine": ("", True),
        "No mailbox": ("no_mailbox", False),
        "Offline": ("offline", True),
        "In hand": ("being_reset", True),
        "Shut out": ("", True),
        "Strange": ("trouble", False),
        "Bolted": ("locked", True),
        "Quay": ("", True),
        "Quay, channel 1": ("on_recorder", False),
    }
    campaign = quiet.planned(who, Kind.RESET)
    assert forecasts(campaign) == told
    assert ground.state(campaign).planned == 6
    handle(CancelCampaign(), campaign, who.by(who.alice))
    ground.turns(campaign)
    rotation = quiet.planned(who)
    told |= {"No mailbox": ("", True), "Shut out": ("not_known", False)}
    assert forecasts(rotation) == told | {"Quay, channel 1": ("", True)}


def forecasts(campaign: UUID) -> dict[str, tuple[str, bool]]:
    rows = CampaignItem.objects.for_jobs().filter(campaign=campaign)
    return {row.device_name: (row.forecast, row.standing == "waiting") for row in rows}


def test_a_device_in_another_campaign_is_named_and_left_out(who: Cast) -> None:
    shared, _ = quiet.many(who, 2)
    first = quiet.planned(who, selection=Selection(devices=(shared,)))
    second = quiet.planned(who)
    assert ground.standings(second) == {
        "Camera 001": "left_out in_campaign",
        "Camera 002": "waiting",
    }
    handle(CancelCampaign(), first, who.by(who.alice))
    ground.turns(first)
    third = quiet.planned(who, selection=Selection(devices=(shared,)))
    assert ground.standings(third) == {"Camera 001": "waiting"}


def test_a_plan_in_which_nothing_can_be_done_ends_as_empty_and_says_why(who: Cast) -> None:
    quiet.devices(who, "One", "Two", reset_email="")
    campaign = quiet.planned(who, Kind.RESET)
    state = ground.state(campaign)
    assert (state.phase, state.why, state.chosen) == (CampaignPhase.ENDED, "empty", 2)
    assert set(ground.standings(campaign).values()) == {"left_out no_mailbox"}
    assert not CampaignCodes.objects.for_jobs().filter(campaign=campaign).exists()
    assert campaign not in process.open_campaigns()


def test_whoever_may_do_nothing_there_any_more_draws_up_an_empty_plan(who: Cast) -> None:
    quiet.many(who, 2)
    campaign = ground.plan(who)
    Person.objects.filter(pk=who.alice.pk).update(is_active=False)
    quiet.draw_up()
    state = ground.state(campaign)
    assert (state.phase, state.why, state.chosen) == (CampaignPhase.ENDED, "empty", 0)
