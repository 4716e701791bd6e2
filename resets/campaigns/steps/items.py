"""One device of a campaign: planned, begun, parked, and come to an end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fleet.accounts.state import Role
from fleet.errors import Conflict
from fleet.eventstore.messages import Command, Event, command, event, supplied
from resets.campaigns.state import (
    WHY_NOT,
    CampaignPhase,
    CampaignState,
    ItemState,
    Kind,
    Standing,
)
from resets.state import RecoveryMethod


@dataclass(frozen=True)
class Listed:
    """A device on a campaign's list. `forecast`: what the dry run says is in its way, which makes
    it `impossible` or only later.
    """

    campaign: UUID
    organisation: UUID
    site: UUID
    kind: Kind
    number: int
    ring: int
    device: UUID
    device_name: str
    model: str
    nvr: UUID | None
    username: str
    method: RecoveryMethod | None
    mailbox: str
    facts: str
    forecast: str
    impossible: bool


@event("resets.item_planned")
class ItemPlanned(Listed, Event[ItemState]):
    """A campaign is planned for {device_name}."""

    def evolve(self, state: ItemState) -> ItemState:
        return state.but(
            organisation=self.organisation,
            site=self.site,
            subject=self.device,
            campaign=self.campaign,
            kind=self.kind,
            number=self.number,
            ring=self.ring,
            device_name=self.device_name,
            model=self.model,
            nvr=self.nvr,
            username=self.username,
            method=self.method,
            mailbox=self.mailbox,
            facts=self.facts,
            forecast=self.forecast,
            standing=Standing.LEFT_OUT if self.impossible else Standing.WAITING,
            why=self.forecast if self.impossible else "",
        )


@event("resets.item_begun")
class ItemBegun(Event[ItemState]):
    """Its turn has come: try {attempt}."""

    reset: UUID
    attempt: int
    at: datetime

    def evolve(self, state: ItemState) -> ItemState:
        return state.but(
            standing=Standing.RUNNING,
            why="",
            reset=self.reset,
            attempt=self.attempt,
            begun_at=self.at,
        )


@event("resets.item_parked")
class ItemParked(Event[ItemState]):
    """The device is out of reach; it is taken up when it is seen again."""

    why: str

    def evolve(self, state: ItemState) -> ItemState:
        return state.but(standing=Standing.PARKED, why=self.why)


@event("resets.item_ended")
class ItemEnded(Event[ItemState]):
    """In the campaign it came to an end: {standing}."""

    standing: Standing
    why: str
    at: datetime

    def evolve(self, state: ItemState) -> ItemState:
        return state.but(standing=self.standing, why=self.why, ended_at=self.at)


@event("resets.item_left_out")
class ItemLeftOut(Event[ItemState]):
    """It was left out of the campaign: {why}."""

    why: str
    at: datetime

    def evolve(self, state: ItemState) -> ItemState:
        return state.but(standing=Standing.LEFT_OUT, why=self.why, ended_at=self.at)

    def told(self, actor: str) -> str:
        return f"It was left out of the campaign. {WHY_NOT.get(self.why, self.why)}."


@event("resets.item_retried")
class ItemRetried(Event[ItemState]):
    """{actor} let the campaign try it once more."""

    def evolve(self, state: ItemState) -> ItemState:
        return state.but(standing=Standing.WAITING, why="", ended_at=None)


@command(by=Role.JOB, creates=None)
class PlanItem(Listed, Command[ItemState]):
    """Take a device into a campaign's list, with what the dry run says of it."""

    def decide(self, state: ItemState, now: datetime) -> Iterable[Event[ItemState]]:
        if state.campaign is None:
            yield ItemPlanned(**self.__dict__)


@command(by=Role.JOB)
class BeginItem(Command[ItemState]):
    """Begin a device whose turn has come."""

    reset: UUID

    def decide(self, state: ItemState, now: datetime) -> Iterable[Event[ItemState]]:
        if not state.standing.waits:
            raise Conflict("item_begun", "Somebody else has begun it.")
        yield ItemBegun(self.reset, state.attempt + 1, now)


@command(by=Role.JOB)
class ParkItem(Command[ItemState]):
    """Set aside a device that is out of reach."""

    why: str

    def decide(self, state: ItemState, now: datetime) -> Iterable[Event[ItemState]]:
        other = state.standing is Standing.PARKED and state.why != self.why
        if other or state.standing in (Standing.WAITING, Standing.RUNNING):
            yield ItemParked(self.why)


@command(by=Role.JOB)
class EndItem(Command[ItemState]):
    """Record what its reset came to."""

    standing: Standing
    why: str

    def decide(self, state: ItemState, now: datetime) -> Iterable[Event[ItemState]]:
        if state.standing is Standing.RUNNING:
            yield ItemEnded(self.standing, self.why, now)


@command(by=Role.JOB)
class LeaveOut(Command[ItemState]):
    """Leave out a device that was not begun: nothing was done to it."""

    why: str

    def decide(self, state: ItemState, now: datetime) -> Iterable[Event[ItemState]]:
        if state.standing.waits:
            yield ItemLeftOut(self.why, now)


@command(by=Role.TECHNICIAN)
class TakeOut(Command[ItemState]):
    """Take the device out of the campaign, before it is begun."""

    @classmethod
    def offered(cls, state: ItemState, now: datetime) -> bool:
        return state.standing.waits

    def decide(self, state: ItemState, now: datetime) -> Iterable[Event[ItemState]]:
        if not self.offered(state, now):
            raise Conflict("item_begun", "It has begun already, or come to its end.")
        yield ItemLeftOut("taken_out", now)


@command(by=Role.TECHNICIAN)
class TakeOutByOwner(Command[ItemState]):
    """Take the device out of the campaign, as the owner of its mailbox."""

    def decide(self, state: ItemState, now: datetime) -> Iterable[Event[ItemState]]:
        if state.standing.waits:
            yield ItemLeftOut("taken_out_by_owner", now)


@dataclass(frozen=True)
class CampaignNow:
    """Of the campaign of an item: whether devices may still be begun in it, now or later."""

    goes_on: bool = False

    @classmethod
    def of(cls, campaign: CampaignState) -> CampaignNow:
        return cls(campaign.phase in (CampaignPhase.RUNNING, CampaignPhase.PAUSED))


@command(by=Role.ADMINISTRATOR)
class RetryItem(Command[ItemState]):
    """Try a device once more that failed, within the same approval."""

    campaign: CampaignNow = supplied()

    @classmethod
    def offered(cls, state: ItemState, now: datetime) -> bool:
        return state.standing.failed

    def decide(self, state: ItemState, now: datetime) -> Iterable[Event[ItemState]]:
        if not state.standing.failed:
            raise Conflict("item_not_failed", "Only a device that failed can be tried once more.")
        if not self.campaign.goes_on:
            raise Conflict("campaign_over", "Nothing more begins in this campaign. Plan another.")
        yield ItemRetried()
