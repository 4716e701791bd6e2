"""A device is moved to another site of its organisation, and its passwords with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from devices.state import CredentialState, DeviceState
from devices.steps.remove_device import Holds, refuse_removed
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied


@dataclass(frozen=True)
class Destination:
    """The site that a device is moved to, as whoever moves it may see it."""

    organisation: UUID
    name: str


@event("devices.device_moved")
class DeviceMoved(Event[DeviceState]):
    """{actor} moved {name} to the site {place}."""

    name: str
    site: UUID
    place: str
    nvr: UUID | None
    channel: int | None

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(
            site=self.site,
            nvr=self.nvr,
            channel=self.channel,
            nvr_opens=state.nvr_opens if self.nvr else None,
        )


@event("devices.credential_moved")
class CredentialMoved(Event[CredentialState]):
    """The password of {username} moved with its device."""

    username: str
    site: UUID

    def evolve(self, state: CredentialState) -> CredentialState:
        return state.but(site=self.site)


@command(by=Role.OPERATOR)
class MoveDevice(Command[DeviceState]):
    """Move a device to another site. A camera leaves its NVR, unless both are moved."""

    site: UUID = asked("Site")
    with_nvr: bool = False
    to: Destination = supplied()
    holds: Holds = supplied()

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        refuse_removed(state)
        if self.to.organisation != state.organisation:
            raise Refused(
                "other_organisation",
                "Devices move between sites of one organisation. Remove it here and add it there.",
                field="site",
            )
        if self.site == state.site:
            return
        self.holds.refuse()
        nvr, channel = (state.nvr, state.channel) if self.with_nvr else (None, None)
        yield DeviceMoved(state.name, self.site, self.to.name, nvr, channel)


@command(by=Role.OPERATOR)
class MoveCredential(Command[CredentialState]):
    """Let a password go where its device goes."""

    site: UUID

    def decide(self, state: CredentialState, now: datetime) -> Iterable[Event[CredentialState]]:
        if self.site != state.site:
            yield CredentialMoved(state.username, self.site)
