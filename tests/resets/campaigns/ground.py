"""A fleet, a campaign for it, and the workers that carry it out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from fleet.accounts.state import Role
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.store import state_of
from resets.campaigns import process
from resets.campaigns.models import CampaignItem
from resets.campaigns.settings import Settings
from resets.campaigns.state import CampaignState, Kind, Selection
from resets.campaigns.steps.approve_campaign import ApproveCampaign
from resets.campaigns.steps.plan_campaign import PlanCampaign
from tests.cast import Cast, Person, person, work

SETTINGS = Settings(canary=0, at_once=50, stop_share=0)


def second(who: Cast) -> Person:
    """Ada, another administrator of Alice's organisation: somebody has to agree."""
    return person("Ada", who.organisation, Role.ADMINISTRATOR)


def plan(who: Cast, kind: Kind = Kind.ROTATION, **more: Any) -> UUID:
    """A campaign that Alice plans, for all devices of the site unless it is said otherwise."""
    campaign = new_id()
    facts: dict[str, Any] = {
        "place_id": who.site,
        "kind": kind,
        "name": "Quarterly",
        "reason": "It is time",
        "ends_at": timezone.now() + timedelta(days=1),
        "selection": Selection(),
        "settings": SETTINGS,
    }
    handle(PlanCampaign(**(facts | more)), campaign, who.by(who.alice))
    return campaign


def state(campaign: UUID) -> CampaignState:
    return state_of(CampaignState, campaign)


def agree(who: Cast, campaign: UUID, ada: Person) -> None:
    handle(ApproveCampaign(state(campaign).digest), campaign, who.by(ada))


def planned(who: Cast, kind: Kind = Kind.ROTATION, **more: Any) -> UUID:
    """A campaign that is drawn up."""
    campaign = plan(who, kind, **more)
    work()
    return campaign


def under_way(who: Cast, ada: Person, kind: Kind = Kind.ROTATION, **more: Any) -> UUID:
    """A campaign that is drawn up and agreed to."""
    campaign = planned(who, kind, **more)
    agree(who, campaign, ada)
    return campaign


def turns(campaign: UUID, most: int = 50) -> int:
    """All turns for which there is something to do now; no worker touches a device."""
    for turn in range(most):
        if not process.advance(campaign):
            return turn
    raise AssertionError(f"still something to do after {most} turns")


def carry_out(campaign: UUID, most: int = 50) -> None:
    """Turns and workers, until neither has anything to do."""
    for _ in range(most):
        done = turns(campaign)
        work()
        if not done and not turns(campaign):
            return
    raise AssertionError(f"still something to do: {standings(campaign)}")


def standings(campaign: UUID) -> dict[str, str]:
    """Where each device stands, and why, by its name."""
    rows = CampaignItem.objects.for_jobs().filter(campaign=campaign).order_by("number")
    return {r.device_name: f"{r.standing} {r.why}".strip() for r in rows}


def item_of(campaign: UUID, device: UUID) -> CampaignItem:
    row: CampaignItem = CampaignItem.objects.for_jobs().get(campaign=campaign, device=device)
    return row
