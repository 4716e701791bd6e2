"""The plan is drawn up: from here on it is sealed, and waits for a second person."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event
from resets.campaigns.state import CampaignPhase, CampaignState


@event("resets.campaign_plan_sealed")
class PlanSealed(Event[CampaignState]):
    """The plan is drawn up: {planned:,} of {chosen:,} devices. It waits for a second person."""

    chosen: int
    planned: int
    digest: str

    def evolve(self, state: CampaignState) -> CampaignState:
        return state.but(
            phase=CampaignPhase.AWAITING_APPROVAL,
            chosen=self.chosen,
            planned=self.planned,
            digest=self.digest,
        )


@event("resets.campaign_is_empty")
class CampaignIsEmpty(Event[CampaignState]):
    """Of {chosen:,} devices there is none that the campaign could do anything for."""

    chosen: int
    at: datetime

    def evolve(self, state: CampaignState) -> CampaignState:
        return state.but(
            phase=CampaignPhase.ENDED, chosen=self.chosen, why="empty", ended_at=self.at
        )


@command(by=Role.JOB)
class SealPlan(Command[CampaignState]):
    """Seal the plan; `digest` is over the exact list and settings."""

    chosen: int
    planned: int
    digest: str

    def decide(self, state: CampaignState, now: datetime) -> Iterable[Event[CampaignState]]:
        if state.phase is not CampaignPhase.DRAWING_UP:
            return
        if self.planned:
            yield PlanSealed(self.chosen, self.planned, self.digest)
        else:
            yield CampaignIsEmpty(self.chosen, now)
