"""Somebody takes passwords of a site along, in one encrypted file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from resets.handover.state import HandoverState, Taken
from resets.steps.site_rules import Place


@event("resets.passwords_handed_over")
class PasswordsHandedOver(Event[HandoverState]):
    """{actor} took {devices:,} passwords of the site along in a file that opens to {opens}."""

    organisation: UUID
    site: UUID | None
    campaign: UUID | None
    devices: int
    opens: str
    reason: str
    at: datetime

    def evolve(self, state: HandoverState) -> HandoverState:
        lately = state.with_one(Taken(self.at, self.devices))
        return state.but(organisation=self.organisation, site=self.site, lately=lately)


@command(by=Role.ADMINISTRATOR, creates=None)
class HandOver(Command[HandoverState]):
    """Take passwords of a site along, in a file that opens to what `opens` says.

    `place_id` is the site, `campaign` the one that gave the devices their passwords, if they were
    chosen by it.
    """

    place_id: UUID
    campaign: UUID | None
    devices: int
    opens: str
    reason: str = asked("Why?", long=True, max_length=500)
    ground: Place = supplied()

    def decide(self, state: HandoverState, now: datetime) -> Iterable[Event[HandoverState]]:
        if not self.reason.strip():
            raise Refused(
                "reason_missing",
                "Say why; it stands in the history of each device.",
                field="reason",
            )
        state.refuse_too_often(now)
        yield PasswordsHandedOver(
            self.ground.organisation,
            self.ground.site,
            self.campaign,
            self.devices,
            self.opens,
            self.reason.strip(),
            now,
        )
