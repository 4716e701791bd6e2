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

MOST_NAMED = 4


@dataclass(frozen=True)
class Sharing:
    """Of which of the chosen sites the rules forbid one password for all their devices: their
    names.
    """

    forbidden: tuple[str, ...] = ()

    def refuse_unless_allowed(self, settings: Settings) -> None:
        """Raises Refused."""
        if settings.one_password and self.forbidden:
            raise Refused(
                "one_password_forbidden",
                f"The rules of {some_of(self.forbidden)} do not allow it. Allow it there, under "
                "Rules › Passwords, or let each device have a password of its own.",
                field="one_password",
                sites=len(self.forbidden),
            )


def some_of(sites: tuple[str, ...]) -> str:
    """`Harbour`, or `Harbour, Depot, Quay and 3 more sites`."""
    if len(sites) > MOST_NAMED:
        sites = (*sites[: MOST_NAMED - 1], f"{len(sites) - MOST_NAMED + 1:,} more sites")
    *others, last = sites
    return f"{', '.join(others)} and {last}" if others else last


@event("resets.one_password_chosen", schema=2, upcast={1: lambda fields: fields | {"name": ""}})
class OnePasswordChosen(Event[CampaignState]):
    """One password was chosen for all devices of a site: its `name`."""

    at_site: UUID
    secret: UUID
    name: str

    def evolve(self, state: CampaignState) -> CampaignState:
        others = (one for one in state.one_passwords if one.site != self.at_site)
        return state.but(one_passwords=(*others, SitePassword(self.at_site, self.secret)))

    def told(self, actor: str) -> str:
        return f"One password was chosen for all devices of {self.name or 'a site'}."


@command(by=Role.JOB)
class ChooseOnePassword(Command[CampaignState]):
    """Remember the one password of a site; it is in the vault already."""

    at_site: UUID
    secret: UUID
    name: str

    def decide(self, state: CampaignState, now: datetime) -> Iterable[Event[CampaignState]]:
        yield OnePasswordChosen(self.at_site, self.secret, self.name)
