"""What the commands of campaigns are told of the world: looked up in their transaction."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fleet.eventstore.handling import supplies
from fleet.eventstore.messages import Actor, By
from fleet.eventstore.store import state_of
from resets.campaigns import queries
from resets.campaigns.models import Campaign
from resets.campaigns.selection import selected
from resets.campaigns.sharing import forbidden_at, sites_of
from resets.campaigns.state import CampaignState, ItemState, Selection
from resets.campaigns.steps.items import CampaignNow, RetryItem
from resets.campaigns.steps.one_password import Sharing
from resets.campaigns.steps.plan_campaign import PlanCampaign, Reach


@supplies(Reach)
def reach(command: PlanCampaign, state: CampaignState, by: By) -> Reach:
    """Of the place that was looked up before it."""
    at = command.ground
    wanted = state.but(organisation=at.organisation, site=at.site, selection=command.selection)
    return reach_of(by.actor, wanted)


def reach_of(actor: Actor, campaign: CampaignState) -> Reach:
    """Of a campaign's place and selection."""
    rows, listed, missing = selected(actor, campaign).order_by(), campaign.selection.devices, 0
    if listed:
        alone = campaign.but(selection=Selection(devices=listed))
        missing = len({*listed}) - queries.chosen(actor, alone)
    zones = rows.values_list("place__timezone", flat=True).distinct()
    return Reach(rows.count(), tuple(zones), missing)


@supplies(Sharing)
def sharing(command: Any, state: Any, by: By) -> Sharing:
    """Of all sites at which a campaign, or a schedule of some, has a device to do with by now."""
    if not command.settings.one_password:
        return Sharing()
    at = state if state.organisation else command.ground
    wanted = CampaignState(state.id, at.organisation, at.site, selection=command.selection)
    return Sharing(forbidden_at(sites_of(by.actor, wanted)))


@supplies(CampaignNow)
def campaign_now(command: RetryItem, state: ItemState, by: By) -> CampaignNow:
    """How the campaign of an item stands, and stays until the transaction is through."""
    return CampaignNow.of(campaign_held(state.campaign)) if state.campaign else CampaignNow(False)


def campaign_held(campaign: UUID) -> CampaignState:
    """A campaign, held still: neither a turn of it nor anybody else takes it on meanwhile."""
    list(Campaign.objects.for_jobs().select_for_update().filter(pk=campaign).values_list("pk"))
    return state_of(CampaignState, campaign)
