"""An NVR and its cameras in one campaign: the copy that the NVR has changes with each camera."""

from __future__ import annotations

from itertools import pairwise
from uuid import UUID

import pytest

from devices.queries import device_for_jobs
from fleet.eventstore.models import EventRow
from resets.campaigns.models import CampaignItem
from resets.campaigns.settings import Settings
from resets.campaigns.state import Kind, Selection
from resets.models import Reset
from resets.recorder.queries import owed
from tests.cast import Cast
from tests.devices.drivers.made_up import password
from tests.resets.campaigns import ground, quiet
from tests.resets.recorder_ground import CHANNEL, PUBLISHED, RECORDER, Site, site

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

HOW = Settings(canary=0, at_once=20, stop_share=0)


def moments(campaign: UUID, device: UUID) -> dict[str, int]:
    """When a device was begun and when its reset ended, as places in the log."""
    item = CampaignItem.objects.for_jobs().get(campaign=campaign, device=device)
    assert item.reset
    rows = EventRow.objects.for_jobs().filter(stream__in=(item.pk, item.reset))
    return dict(rows.values_list("type", "position"))


def doors(campaign: UUID, device: UUID) -> list[tuple[str, bool | None]]:
    row = Reset.objects.for_jobs().get(campaign=campaign, device=device)
    return [(door["door"], door["opened"]) for door in row.doors if door["door"] == "nvr"]


def test_each_camera_is_told_to_its_nvr_before_the_next_one_changes(who: Cast) -> None:
    with site(who) as there:
        campaign = ground.under_way(who, ground.second(who), settings=HOW)
        ground.carry_out(campaign)
        assert ground.standings(campaign) == {
            "Harbour recorder": "proven proven",
            "Gate": "proven proven",
            "Quay": "proven proven",
        }
        told = [moments(campaign, device) for device in (there.nvr, there.gate, there.quay)]
        for before, after in pairwise(told):
            assert before["resets.reset_proven"] < after["resets.item_begun"]
        for camera in (there.gate, there.quay):
            assert doors(campaign, camera) == [("nvr", True)]
            assert device_for_jobs(camera).nvr_opens is True
        assert opened(there) == {CHANNEL: True, 5: True}
        assert not owed(who.by(who.alice).actor).exists()


def test_where_the_nvrs_own_password_is_lost_it_is_reset_first_so_that_it_can_be_told(
    who: Cast,
) -> None:
    with site(who) as there:
        there.fleet.change_password(RECORDER, "admin", password())
        there.look(there.nvr)
        assert device_for_jobs(there.nvr).certified is False
        campaign = ground.under_way(who, ground.second(who), Kind.RESET, settings=HOW)
        quiet.code_entered(who, campaign)
        ground.carry_out(campaign)
        assert set(ground.standings(campaign).values()) == {"proven proven"}
        assert doors(campaign, there.gate) == [("nvr", True)]
        assert opened(there) == {CHANNEL: True, 5: True}


def test_an_nvr_that_rekey_cannot_tell_is_left_to_a_person_and_that_is_said(who: Cast) -> None:
    with site(who, (PUBLISHED,)) as there:
        chosen = Selection(devices=(there.gate, there.quay))
        campaign = ground.under_way(who, ground.second(who), settings=HOW, selection=chosen)
        ground.carry_out(campaign)
        assert set(ground.standings(campaign).values()) == {"proven proven"}
        assert doors(campaign, there.gate) == [("nvr", None)]
        left = owed(who.by(who.alice).actor)
        assert {row.device_id for row in left} == {there.gate, there.quay}
        assert device_for_jobs(there.gate).nvr_opens is False


def opened(there: Site) -> dict[int, bool | None]:
    return {number: opens for number, (_, opens) in there.channels.items()}
