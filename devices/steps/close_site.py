"""A site is closed: nothing of the fleet is there any more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from devices.state import SiteState
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied


@dataclass(frozen=True)
class LeftThere:
    """How many devices are still in the fleet at the site."""

    devices: int = 0


@event("devices.site_closed")
class SiteClosed(Event[SiteState]):
    """{actor} closed the site {name}."""

    name: str

    def evolve(self, state: SiteState) -> SiteState:
        return state.but(closed=True, networks=())


@command(by=Role.ADMINISTRATOR)
class CloseSite(Command[SiteState]):
    """Close the site. Its history and the passwords of its former devices are kept."""

    reason: str = asked("Why is it closed?", long=True, max_length=500)
    left: LeftThere = supplied()

    def decide(self, state: SiteState, now: datetime) -> Iterable[Event[SiteState]]:
        if state.closed:
            raise Refused("site_closed", "This site is closed already.")
        if not self.reason.strip():
            raise Refused("reason_missing", "Say why; it stands in the history.", field="reason")
        if many := self.left.devices:
            raise Refused(
                "site_has_devices",
                f"{many} {'device is' if many == 1 else 'devices are'} still in the fleet here."
                " Move or remove them first.",
            )
        yield SiteClosed(state.name)
