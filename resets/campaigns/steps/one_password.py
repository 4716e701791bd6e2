"""One password for all devices of a site: asked for in a plan, chosen when it is needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, command, event
from resets.campaigns.settings import Settings
from resets.campaigns.state import CampaignState, SitePassword


@dataclass(frozen=True)
class Sharing:
    """Of how many of the chosen sites the rules forbid one password for all their devices."""

    forbidden: int = 0

    def refuse_unless_allowed(self, settings: Settings) -> None:
        """Raises Refused."""
        if settings.one_password and self.forbidden:
            raise Refused(
                "one_password_forbidden",
                "The rules of the site do not allow one password for all its devices."
                if self.forbidden == 1
                else f"The rules of {self.forbidden:,} sites do not allow one password for all "
                "their devices.",
                field="one_password",
                sites=self.forbidden,
            )


@event("resets.one_password_chosen")
class OnePasswordChosen(Event[CampaignState]):
    """One password was chosen for all devices of a site."""

    at_site: UUID
    secret: UUID

    def evolve(self, state: CampaignState) -> CampaignState:
        others = (one for one in state.one_passwords if one.site != self.at_site)
        return state.but(one_passwords=(*others, SitePassword(self.at_site, self.secret)))


@command(by=Role.JOB)
class ChooseOnePassword(Command[CampaignState]):
    """Remember the one password of a site; it is in the vault already."""

    at_site: UUID
    secret: UUID

    def decide(self, state: CampaignState, now: datetime) -> Iterable[Event[CampaignState]]:
        yield OnePasswordChosen(self.at_site, self.secret)
