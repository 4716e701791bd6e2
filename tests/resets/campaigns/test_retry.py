"""Trying again what failed: while the campaign goes on, and once it has finished."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from fleet.accounts.state import Role
from fleet.errors import Conflict, Forbidden, NotFound, Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Actor, By
from resets.campaigns import deeds
from resets.campaigns.state import CampaignPhase, Standing, item_id
from resets.campaigns.steps.control import CancelCampaign
from resets.campaigns.steps.end_campaign import EndCampaign
from resets.campaigns.steps.items import BeginItem, EndItem, PlanItem, RetryItem
from resets.campaigns.steps.seal_plan import SealPlan
from tests.cast import Cast, person
from tests.fleet.eventstore.ground import device as a_device
from tests.resets.campaigns import ground

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

JOB = By(Actor.job("test"))


def failed(who: Cast, count: int = 3) -> UUID:
    """A campaign that was agreed to and in which so many devices have failed, and one is proven."""
    a_device(who)
    campaign = ground.plan(who, ends_at=timezone.now() + timedelta(hours=1))
    for number in range(1, count + 2):
        device = UUID(int=number)
        item = item_id(campaign, device)
        plan = PlanItem(
            campaign, who.organisation, who.site, ground.Kind.ROTATION, number, 0, device,
            f"Camera {number}", "C540", None, "admin", None, "", "", "", False,
        )  # fmt: skip
        handle(plan, item, JOB)
    handle(SealPlan(count + 1, count + 1, "d" * 64), campaign, JOB)
    ground.agree(who, campaign, ground.second(who))
    for number in range(1, count + 2):
        item = item_id(campaign, UUID(int=number))
        handle(BeginItem(UUID(int=100 + number)), item, JOB)
        standing = Standing.PROVEN if number > count else Standing.FAILED
        handle(EndItem(standing, "refused"), item, JOB)
    return campaign


def standings(campaign: UUID) -> list[str]:
    return [text.split()[0] for text in ground.standings(campaign).values()]


def test_all_that_failed_are_tried_again_in_batches(
    who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deeds, "BATCH", 2)
    campaign = failed(who)
    assert deeds.retry_failed(campaign, who.by(who.alice)) == 3
    assert standings(campaign) == ["waiting", "waiting", "waiting", "proven"]
    with pytest.raises(Refused) as nothing:
        deeds.retry_failed(campaign, who.by(who.alice))
    assert nothing.value.code == "nothing_failed"


def test_a_campaign_that_has_finished_goes_on_for_them(who: Cast) -> None:
    campaign = failed(who)
    handle(EndCampaign(1, 3, 0), campaign, JOB)
    with pytest.raises(Conflict) as alone:
        handle(RetryItem(), item_id(campaign, UUID(int=1)), who.by(who.alice))
    assert alone.value.code == "campaign_over"
    assert deeds.retry_failed(campaign, who.by(who.alice)) == 3
    assert ground.state(campaign).phase is CampaignPhase.RUNNING


def test_one_that_was_cancelled_or_whose_end_has_come_is_over(who: Cast) -> None:
    campaign = failed(who)
    handle(CancelCampaign(), campaign, who.by(who.alice))
    with pytest.raises(Conflict) as over:
        deeds.retry_failed(campaign, who.by(who.alice))
    assert over.value.code == "campaign_over"
    handle(EndCampaign(1, 3, 0), campaign, JOB)
    with pytest.raises(Conflict) as over:
        deeds.retry_failed(campaign, who.by(who.alice))
    assert over.value.code == "campaign_over"
    assert standings(campaign) == ["failed", "failed", "failed", "proven"]


def test_only_administrators_try_again_and_an_outsider_finds_nothing(who: Cast) -> None:
    campaign = failed(who)
    oscar = person("Oscar", who.organisation, Role.OPERATOR)
    for somebody in (who.bob, oscar):
        with pytest.raises(Forbidden):
            deeds.retry_failed(campaign, who.by(somebody))
    with pytest.raises(NotFound):
        deeds.retry_failed(campaign, who.by(who.charlie))
    assert "waiting" not in standings(campaign)
