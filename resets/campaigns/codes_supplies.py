"""What the commands of a campaign's codes are told of the world: looked up in their transaction."""

from __future__ import annotations

from fleet.eventstore.handling import supplies
from fleet.eventstore.messages import By
from fleet.eventstore.store import state_of
from resets.campaigns.codes_queries import not_begun
from resets.campaigns.state import CampaignState, CodesState
from resets.campaigns.steps.codes import Need


@supplies(Need)
def need(command: object, state: CodesState, by: By) -> Need:
    """Whether the campaign of a code still needs it."""
    if state.campaign is None:
        return Need(devices=0)
    campaign = state_of(CampaignState, state.campaign)
    return Need(campaign.phase, campaign.ends_at, not_begun(campaign.id, state.mailbox).count())
