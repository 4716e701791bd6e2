"""A site is opened: a place with its own network and time zone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from uuid import UUID
from zoneinfo import available_timezones

from devices.state import SiteState
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, asked, command, event
from fleet.names import named

time_zones = cache(available_timezones)  # each time anew, it walks through some 600 files


@event("devices.site_opened")
class SiteOpened(Event[SiteState]):
    """{actor} opened the site {name}."""

    organisation: UUID
    name: str
    timezone: str

    def evolve(self, state: SiteState) -> SiteState:
        return state.but(
            organisation=self.organisation, site=state.id, name=self.name, timezone=self.timezone
        )


@command(by=Role.ADMINISTRATOR, creates=True)
class OpenSite(Command[SiteState]):
    """Open a site."""

    organisation: UUID
    name: str = asked("Name")
    timezone: str = asked("Time zone", help="As in Europe/Stockholm.", default="UTC")

    def decide(self, state: SiteState, now: datetime) -> Iterable[Event[SiteState]]:
        name = named(self.name, "site")
        if self.timezone not in time_zones():
            raise Refused(
                "no_such_time_zone", "Use a name such as Europe/Stockholm.", field="timezone"
            )
        yield SiteOpened(self.organisation, name, self.timezone)
