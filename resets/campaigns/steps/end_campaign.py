"""Every device has come to an end, or the campaign's time has."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event
from resets.campaigns.state import WHY, CampaignPhase, CampaignState


@event("resets.campaign_over")
class CampaignOver(Event[CampaignState]):
    """The end date of the campaign has come: nothing more begins."""

    def evolve(self, state: CampaignState) -> CampaignState:
        return state.but(phase=CampaignPhase.ENDING, why="over")


@event("resets.campaign_ended")
class CampaignEnded(Event[CampaignState]):
    """The campaign ended: {why}. {proven} proven, {failed} failed, {left_out} left out."""

    why: str
    proven: int
    failed: int
    left_out: int
    at: datetime

    def evolve(self, state: CampaignState) -> CampaignState:
        return state.but(phase=CampaignPhase.ENDED, why=self.why, ended_at=self.at)

    def told(self, actor: str) -> str:
        return (
            f"The campaign ended: {WHY.get(self.why, self.why)}. {self.proven} proven, "
            f"{self.failed} failed, {self.left_out} left out."
        )


@command(by=Role.JOB)
class CallTime(Command[CampaignState]):
    """End a campaign whose end date has come: what was not begun is left out."""

    def decide(self, state: CampaignState, now: datetime) -> Iterable[Event[CampaignState]]:
        waits = (CampaignPhase.AWAITING_APPROVAL, CampaignPhase.RUNNING, CampaignPhase.PAUSED)
        if state.phase in waits and state.ends_at is not None and now >= state.ends_at:
            yield CampaignOver()


@command(by=Role.JOB)
class EndCampaign(Command[CampaignState]):
    """Record that nothing is left to do."""

    proven: int
    failed: int
    left_out: int

    def decide(self, state: CampaignState, now: datetime) -> Iterable[Event[CampaignState]]:
        if state.phase.under_way:
            why = "finished" if self.proven or self.failed else "unchanged"
            why = state.why if state.phase is CampaignPhase.ENDING else why
            yield CampaignEnded(why, self.proven, self.failed, self.left_out, now)
