"""What is done on the page of a campaign, and by whom."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from fleet.accounts.models import Person
from resets.campaigns.state import CampaignPhase, Standing
from tests.cast import Cast
from tests.resets.campaigns import ground
from tests.resets.campaigns.live_ground import (
    item_step,
    main_of,
    of_four,
    page_of,
    pages,
    shown,
    stand,
    step,
    text,
)
from tests.security.world import a_device

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def campaign(who: Cast, ada: Person) -> UUID:
    return of_four(who, ada)


def test_who_only_looks_has_no_buttons_and_a_technician_those_of_devices(
    who: Cast, campaign: UUID
) -> None:
    assert "<button" not in main_of(who.bob, campaign).replace('<button class="button">Apply', "")
    tess = main_of(who.tess, campaign)
    assert "/take-out/" in tess
    assert "/steps/" not in tess
    assert "/retry-" not in tess
    alice = main_of(who.alice, campaign)
    for slug in ("pause-campaign", "set-pace", "cancel-campaign"):
        assert step(campaign, slug) in alice
    assert reverse("campaign-retry-failed", args=[campaign]) in alice


def test_it_is_paused_and_goes_on(who: Cast, campaign: UUID) -> None:
    alice = pages(who.alice)
    paused = alice.post(step(campaign, "pause-campaign"), follow=True)
    assert "Paused by Alice" in text(paused)
    assert ground.state(campaign).phase is CampaignPhase.PAUSED
    again = alice.post(step(campaign, "pause-campaign"))
    assert again.status_code == 409
    assert "The campaign is paused by now." in text(again)
    assert "It goes on." in text(alice.post(step(campaign, "resume-campaign"), follow=True))
    assert ground.state(campaign).phase is CampaignPhase.RUNNING


def test_the_pace_is_set_from_what_it_is(who: Cast, campaign: UUID) -> None:
    alice = pages(who.alice)
    assert 'value="50"' in alice.get(step(campaign, "set-pace")).content.decode()
    wrong = alice.post(step(campaign, "set-pace"), {"pace": "30", "at_once": "0"})
    assert wrong.status_code == 422
    assert "Between 1 and 500" in text(wrong)
    alice.post(step(campaign, "set-pace"), {"pace": "30", "at_once": "5"})
    settings = ground.state(campaign).settings
    assert (settings.pace, settings.at_once) == (30, 5)
    assert "30 a minute" in shown(who.bob, campaign)


def test_cancelling_says_first_what_cannot_be_undone(who: Cast, campaign: UUID) -> None:
    alice = pages(who.alice)
    asked = text(alice.get(step(campaign, "cancel-campaign")))
    assert "This cannot be undone." in asked
    assert "they keep the password they have" in asked
    alice.post(step(campaign, "cancel-campaign"))
    assert ground.state(campaign).phase is CampaignPhase.ENDING
    assert "Nothing more begins." in shown(who.bob, campaign)
    ground.turns(campaign)
    assert "It was cancelled." in shown(who.bob, campaign)
    assert alice.get(step(campaign, "cancel-campaign")).url == page_of(campaign)


def test_all_that_failed_are_tried_once_more_and_then_there_is_nothing_to_try(
    who: Cast, campaign: UUID
) -> None:
    alice = pages(who.alice)
    retry = reverse("campaign-retry-failed", args=[campaign])
    assert "1 device waits to be tried once more." in text(alice.post(retry, follow=True))
    assert "0 Failed" in shown(who.bob, campaign)
    again = alice.post(retry)
    assert again.status_code == 422
    assert "No device of this campaign has failed." in text(again)


def test_one_device_is_tried_once_more_and_another_is_taken_out(who: Cast, campaign: UUID) -> None:
    alice = pages(who.alice)
    retried = alice.post(item_step(campaign, 2, "retry-item") + "?standing=failed")
    assert retried.url == page_of(campaign) + "?standing=failed", "back to the same lines"
    asked = text(alice.get(item_step(campaign, 4, "take-out")))
    assert "This cannot be undone." in asked
    assert "Gate 4" in asked
    alice.post(item_step(campaign, 4, "take-out"))
    page = shown(who.bob, campaign)
    assert "It was taken out of the campaign" in page
    gone = alice.post(item_step(campaign, 1, "take-out"))
    assert gone.status_code == 409
    assert "It has begun already, or come to its end." in text(gone)


def test_one_that_has_finished_goes_on_for_what_failed_and_not_after_its_end(
    who: Cast, ada: Person
) -> None:
    a_device(who, who.site, 1)
    campaign = ground.under_way(who, ada)
    stand(campaign, Standing.FAILED)
    ground.turns(campaign)
    assert ground.state(campaign).phase is CampaignPhase.ENDED
    assert "Retry failed" in shown(who.alice, campaign)
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        assert "Retry failed" not in shown(who.alice, campaign)
    pages(who.alice).post(item_step(campaign, 1, "retry-item"))
    assert ground.state(campaign).phase is CampaignPhase.RUNNING


def test_no_step_of_the_approval_and_none_that_does_not_exist_is_taken_here(
    who: Cast, campaign: UUID
) -> None:
    for slug in ("approve-campaign", "decline-campaign", "plan-campaign", "nonsense"):
        assert pages(who.alice).post(step(campaign, slug)).status_code == 404, slug
    assert pages(who.alice).post(item_step(campaign, 4, "end-item")).status_code == 404
