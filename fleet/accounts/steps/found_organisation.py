"""An organisation is founded: a customer, with sites to come."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleet.accounts.state import OrganisationState, Role
from fleet.eventstore.messages import Command, Event, asked, command, event
from fleet.names import named


@event("accounts.organisation_founded")
class OrganisationFounded(Event[OrganisationState]):
    """{actor} founded the organisation {name}."""

    name: str

    def evolve(self, state: OrganisationState) -> OrganisationState:
        return state.but(organisation=state.id, name=self.name)


@command(by=Role.JOB, creates=True)
class FoundOrganisation(Command[OrganisationState]):
    """Found an organisation."""

    name: str = asked("Name")

    def decide(self, state: OrganisationState, now: datetime) -> Iterable[Event[OrganisationState]]:
        yield OrganisationFounded(named(self.name, "organisation"))
