"""The dry run says of which cameras an NVR has to be told the new password by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from devices.queries import device_for_jobs
from fleet.accounts.models import Person
from fleet.eventstore.handling import handle
from resets.campaigns import remarks
from resets.campaigns.report.facts import report
from resets.campaigns.state import Kind, Selection
from resets.steps.put_back_on_recorder import RecordPutRight
from tests.api.client import api_of
from tests.cast import SETUP, Cast
from tests.devices.drivers.made_up import password
from tests.resets.campaigns import ground
from tests.resets.recorder_ground import PUBLISHED, RECORDER, Site, site

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

BY_HAND = "Its NVR has to be told the new password by hand"


@pytest.fixture
def there(who: Cast) -> Iterator[Site]:
    """An NVR without a service that changes what it opens its cameras with."""
    with site(who, (PUBLISHED,)) as there:
        yield there


def items(somebody: Person, campaign: UUID) -> dict[str, dict[str, Any]]:
    rows = api_of(somebody).get(f"campaigns/{campaign}/items/").json()["results"]
    return {row["device_name"]: row for row in rows}


def told(somebody: Person, campaign: UUID) -> dict[str, str]:
    return {name: row["remark"] for name, row in items(somebody, campaign).items()}


def page(somebody: Person, campaign: UUID) -> str:
    client = Client()
    client.force_login(somebody)
    return client.get(reverse("campaign-plan", args=[campaign])).content.decode()


def test_a_camera_is_planned_for_and_the_plan_says_what_is_left_to_a_person(
    who: Cast, there: Site
) -> None:
    campaign = ground.planned(who)
    actor = who.by(who.alice).actor
    shown = items(who.alice, campaign)
    assert {row["standing"] for row in shown.values()} == {"waiting"}, "it is in nobody's way"
    assert {name: row["remark"] for name, row in shown.items()} == {
        "Harbour recorder": "",
        "Gate": "nvr_by_hand",
        "Quay": "nvr_by_hand",
    }
    one = f"campaigns/{campaign}/items/{shown['Gate']['id']}/"
    assert api_of(who.alice).get(one).json()["remark"] == "nvr_by_hand"
    assert remarks.left_by_hand(actor, campaign) == 2
    whys = {line.device: line.why for line in report(actor, campaign).lines}
    assert whys == {"Harbour recorder": "", "Gate": BY_HAND, "Quay": BY_HAND}
    assert page(who.alice, campaign).count(BY_HAND) == 2
    assert "The NVRs of 2 cameras have to be told by hand" in page(who.alice, campaign)


def test_nothing_is_said_of_an_nvr_that_rekey_can_tell(who: Cast) -> None:
    with site(who):
        campaign = ground.planned(who)
        assert set(told(who.alice, campaign).values()) == {""}
        assert "by hand" not in page(who.alice, campaign)


@pytest.mark.parametrize(("with_nvr", "remark"), [(False, "nvr_by_hand"), (True, "")])
def test_an_nvr_that_lets_rekey_in_no_more_has_to_be_told_unless_it_gets_a_password_too(
    who: Cast, with_nvr: bool, remark: str
) -> None:
    with site(who) as there:
        there.fleet.change_password(RECORDER, "admin", password())
        there.look(there.nvr)
        assert device_for_jobs(there.nvr).certified is False
        chosen = (there.gate, there.nvr) if with_nvr else (there.gate,)
        campaign = ground.planned(who, Kind.RESET, selection=Selection(devices=chosen))
        assert told(who.alice, campaign)["Gate"] == remark


def test_what_is_over_needs_no_remark_and_an_outsider_is_told_nothing(
    who: Cast, there: Site
) -> None:
    chosen = Selection(devices=(there.gate,))
    campaign = ground.under_way(who, ground.second(who), selection=chosen)
    assert told(who.bob, campaign) == {"Gate": "nvr_by_hand"}
    assert api_of(who.charlie).get(f"campaigns/{campaign}/items/").status_code == 404
    assert remarks.left_by_hand(who.by(who.charlie).actor, campaign) == 0
    ground.carry_out(campaign)
    assert told(who.alice, campaign) == {"Gate": ""}


def test_the_report_says_which_cameras_their_nvr_still_has_to_be_told_of(
    who: Cast, there: Site
) -> None:
    campaign = ground.under_way(who, ground.second(who), selection=Selection(devices=(there.gate,)))
    ground.carry_out(campaign)
    reset = UUID(items(who.alice, campaign)["Gate"]["reset"])
    for somebody in (who.alice, who.bob):
        [line] = report(who.by(somebody).actor, campaign).lines
        assert (line.standing, line.why) == ("Proven", BY_HAND)
    handle(RecordPutRight(1), reset, SETUP)
    [line] = report(who.by(who.alice).actor, campaign).lines
    assert (line.standing, line.why) == ("Proven", "")
