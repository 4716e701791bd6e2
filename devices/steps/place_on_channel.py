"""A camera is put on a channel of an NVR in Rekey's books, or taken off it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from devices.state import DeviceState
from devices.steps.add_device import check_channel
from devices.steps.remove_device import refuse_removed
from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied


@dataclass(frozen=True)
class Recorder:
    """The NVR of a channel, of the same site, as whoever asks may see it. `name` "": none."""

    name: str


@event("devices.placed_on_channel")
class PlacedOnChannel(Event[DeviceState]):
    """{actor} put {name} on channel {channel} of {recorder}."""

    name: str
    nvr: UUID
    channel: int
    recorder: str

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(nvr=self.nvr, channel=self.channel, nvr_opens=None)


@event("devices.taken_off_channel")
class TakenOffChannel(Event[DeviceState]):
    """{actor} took {name} off its NVR."""

    name: str

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(nvr=None, channel=None, nvr_opens=None)


@command(by=Role.OPERATOR)
class PlaceOnChannel(Command[DeviceState]):
    """Put a camera on a channel of an NVR; without one, take it off."""

    nvr: UUID | None = asked("NVR", default=None)
    channel: int | None = asked("Channel", default=None)
    recorder: Recorder = supplied()

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        refuse_removed(state)
        check_channel(state.kind, self.nvr, self.channel)
        if (self.nvr, self.channel) == (state.nvr, state.channel):
            return
        if self.nvr is None or self.channel is None:
            yield TakenOffChannel(state.name)
        else:
            yield PlacedOnChannel(state.name, self.nvr, self.channel, self.recorder.name)
