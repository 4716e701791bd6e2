"""A reset or rotation of one device begins as part of a campaign.

The one approval of the campaign stands for it, up to the moment when the device is touched; so does
the code that was entered for its mailbox. A rotation needs none: the password is still known.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event
from resets.rules import CodeRules
from resets.state import Phase, RecoveryMethod, ResetState
from resets.steps.choose_password import PasswordGenerated
from resets.steps.request_reset import DeviceFacts, ResetRequested


@event("resets.agreed_in_campaign")
class AgreedInCampaign(Event[ResetState]):
    """{approver} has agreed to the campaign that this belongs to."""

    approver: str
    digest: str
    by_code: bool

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(
            phase=Phase.VERIFIED,
            approver=self.approver,
            digest=self.digest,
            agreed_mailbox=reset.reset_email,
        )


@command(by=Role.JOB, creates=True)
class BeginInCampaign(Command[ResetState]):
    """Begin one device of a campaign, with a password of its own that is in the vault already."""

    campaign: UUID
    facts: DeviceFacts
    method: RecoveryMethod
    reason: str
    planner: str
    planner_id: str
    approver: str
    digest: str
    by_code: bool
    secret: UUID

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        rules = CodeRules()
        yield ResetRequested(
            device=self.facts.id,
            device_name=self.facts.name,
            organisation=self.facts.organisation,
            site=self.facts.site,
            username=self.facts.username,
            method=self.method,
            reason=self.reason,
            reset_email=self.facts.reset_email,
            rules=rules,
            expires_at=now + timedelta(seconds=rules.open_for),
            asker=self.planner,
            asker_id=self.planner_id,
            nvr=self.facts.nvr,
            channel=self.facts.channel,
            on_recorder=False,
            campaign=self.campaign,
        )
        yield AgreedInCampaign(self.approver, self.digest, self.by_code)
        yield PasswordGenerated(self.secret)
