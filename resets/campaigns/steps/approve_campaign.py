"""One approval for all devices of a campaign: by a second person, bound to the exact list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from fleet.accounts.state import Human, Role
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from resets.campaigns.state import CampaignPhase, CampaignState, refuse_unless
from resets.steps.second_person import may_agree, refuse_unless_second, refuse_unless_shown


@dataclass(frozen=True)
class Approved(Event[CampaignState]):
    """Base of each way in which a second person has agreed to it: the campaign begins."""

    approver: str
    approver_id: str
    at: datetime

    def evolve(self, state: CampaignState) -> CampaignState:
        return state.but(
            phase=CampaignPhase.RUNNING,
            approver=self.approver,
            approver_id=self.approver_id,
            began_at=self.at,
        )


@event("resets.campaign_approved")
class CampaignApproved(Approved):
    """{actor} agreed to the campaign."""


@event("resets.campaign_declined")
class CampaignDeclined(Event[CampaignState]):
    """{actor} declined the campaign: {reason}"""

    reason: str
    at: datetime

    def evolve(self, state: CampaignState) -> CampaignState:
        return state.but(phase=CampaignPhase.ENDING, why="declined")


class _Answer(Command[CampaignState]):
    """What only somebody else than the planner may say."""

    @classmethod
    def offered(cls, campaign: CampaignState, now: datetime) -> bool:
        return campaign.phase is CampaignPhase.AWAITING_APPROVAL

    @classmethod
    def offered_to(cls, campaign: CampaignState, person: str) -> bool:
        return may_agree(person, campaign.planner_id)


def _refuse_answer(campaign: CampaignState, human: Human, now: datetime) -> None:
    refuse_unless(campaign, CampaignPhase.AWAITING_APPROVAL)
    if campaign.ends_at is not None and now >= campaign.ends_at:
        raise Conflict("campaign_over", "Its end date has come. Plan another one.")
    refuse_unless_second(
        human,
        campaign.planner_id,
        "agree to a campaign or decline it",
        "You planned this campaign yourself. Another administrator has to agree.",
    )


@command(by=Role.ADMINISTRATOR)
class ApproveCampaign(_Answer):
    """Agree to the campaign as it is shown: to each device of its list, and to its settings."""

    digest: str = asked(
        "Digest of what is agreed to",
        help="As the campaign itself shows it: it stands for the whole list and all settings.",
        max_length=64,
    )
    human: Human = supplied()

    def decide(self, campaign: CampaignState, now: datetime) -> Iterable[Event[CampaignState]]:
        _refuse_answer(campaign, self.human, now)
        refuse_unless_shown(self.digest, campaign.digest)
        yield CampaignApproved(self.human.name, self.human.id, now)


@command(by=Role.ADMINISTRATOR)
class DeclineCampaign(_Answer):
    """Decline the campaign. No device is touched."""

    reason: str = asked(
        "Why not?", help="Whoever planned it reads this.", long=True, max_length=500
    )
    human: Human = supplied()

    def decide(self, campaign: CampaignState, now: datetime) -> Iterable[Event[CampaignState]]:
        _refuse_answer(campaign, self.human, now)
        if not self.reason.strip():
            raise Refused("reason_missing", "Say why not; who planned it reads it.", field="reason")
        yield CampaignDeclined(self.reason.strip(), now)
