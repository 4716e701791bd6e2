"""A campaign that has finished goes on for devices that failed, within the same approval."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleet.accounts.state import Role
from fleet.errors import Conflict
from fleet.eventstore.messages import Command, Event, command, event
from resets.campaigns.state import CampaignPhase, CampaignState


@event("resets.campaign_reopened")
class CampaignReopened(Event[CampaignState]):
    """{actor} let the campaign go on, for devices that failed."""

    at: datetime

    def evolve(self, state: CampaignState) -> CampaignState:
        # What failed before has been looked at by whoever tries it again.
        return state.but(phase=CampaignPhase.RUNNING, why="", ended_at=None, counted_from=self.at)


@command(by=Role.ADMINISTRATOR)
class ReopenCampaign(Command[CampaignState]):
    """Go on with a campaign that has finished, before its end date: to try again what failed."""

    @classmethod
    def helps(cls, state: CampaignState) -> bool:
        """Whether it has finished: every device came to an end, and nobody stopped it."""
        return state.phase is CampaignPhase.ENDED and state.why == "finished"

    def decide(self, state: CampaignState, now: datetime) -> Iterable[Event[CampaignState]]:
        if not self.helps(state) or state.ends_at is None or now >= state.ends_at:
            raise Conflict(
                "campaign_over", "The campaign is over. Plan another one for what is left."
            )
        yield CampaignReopened(now)
