"""One code for all devices of a campaign that share a Reset Password Email."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event
from resets.campaigns.state import CodesState
from resets.rules import CodeRules


@event("resets.campaign_codes_begun")
class CodesBegun(Event[CodesState]):
    """The campaign needs a code from one mailbox."""

    campaign: UUID
    organisation: UUID
    site: UUID | None
    mailbox: str
    rules: CodeRules

    def evolve(self, state: CodesState) -> CodesState:
        return state.but(
            organisation=self.organisation,
            site=self.site,
            subject=self.campaign,
            campaign=self.campaign,
            mailbox=self.mailbox,
            rules=self.rules,
        )


@command(by=Role.JOB, creates=None)
class BeginCodes(Command[CodesState]):
    """Say that the campaign needs a code from this mailbox."""

    campaign: UUID
    organisation: UUID
    site: UUID | None
    mailbox: str
    rules: CodeRules

    def decide(self, state: CodesState, now: datetime) -> Iterable[Event[CodesState]]:
        if state.campaign is None:
            yield CodesBegun(**self.__dict__)
