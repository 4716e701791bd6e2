"""Pause, go on, cancel, and another pace: at any moment, also while devices are in work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from fleet.accounts.state import Role
from fleet.errors import Conflict
from fleet.eventstore.messages import Command, Event, asked, command, event
from resets.campaigns.settings import BOUNDS, Settings, each_its_own
from resets.campaigns.state import WHY, CampaignPhase, CampaignState, refuse_unless


@event("resets.campaign_paused")
class CampaignPaused(Event[CampaignState]):
    """The campaign is paused: {why}."""

    why: str

    def evolve(self, state: CampaignState) -> CampaignState:
        return state.but(phase=CampaignPhase.PAUSED, why=self.why)

    def told(self, actor: str) -> str:
        if self.why == "by_person":
            return f"{actor} paused the campaign."
        return f"The campaign paused itself: {WHY.get(self.why, self.why)}."


@event("resets.campaign_resumed", schema=2, upcast={1: each_its_own})
class CampaignResumed(Event[CampaignState]):
    """{actor} let the campaign go on."""

    settings: Settings
    counted_from: datetime | None

    def evolve(self, state: CampaignState) -> CampaignState:
        return state.but(
            phase=CampaignPhase.RUNNING,
            why="",
            settings=self.settings,
            counted_from=self.counted_from,
        )


@event("resets.campaign_pace_set")
class PaceSet(Event[CampaignState]):
    """{actor} set the pace: {pace} devices a minute, {at_once} at one time for each site."""

    pace: int
    at_once: int

    def evolve(self, state: CampaignState) -> CampaignState:
        return state.but(settings=replace(state.settings, pace=self.pace, at_once=self.at_once))

    def told(self, actor: str) -> str:
        pace = f"{self.pace} devices a minute" if self.pace else "as fast as it goes"
        return f"{actor} set the pace: {pace}, {self.at_once} at one time for each site."


@event("resets.campaign_cancelled")
class CampaignCancelled(Event[CampaignState]):
    """{actor} cancelled the campaign. What has begun comes to its end."""

    def evolve(self, state: CampaignState) -> CampaignState:
        return state.but(phase=CampaignPhase.ENDING, why="cancelled")


class _Step(Command[CampaignState]):
    """What may be done to a campaign that stands in one of these phases."""

    phases: ClassVar[tuple[CampaignPhase, ...]]

    @classmethod
    def offered(cls, state: CampaignState, now: datetime) -> bool:
        return state.phase in cls.phases


@command(by=Role.ADMINISTRATOR)
class PauseCampaign(_Step):
    """Pause: no further device is begun. Those in work come to their end."""

    phases = (CampaignPhase.RUNNING,)

    def decide(self, state: CampaignState, now: datetime) -> Iterable[Event[CampaignState]]:
        refuse_unless(state, *self.phases)
        yield CampaignPaused("by_person")


@command(by=Role.JOB)
class StopItself(Command[CampaignState]):
    """Pause because of what was found out; a person has to let it go on."""

    why: str

    def decide(self, state: CampaignState, now: datetime) -> Iterable[Event[CampaignState]]:
        if state.phase is CampaignPhase.RUNNING:
            yield CampaignPaused(self.why)


@command(by=Role.ADMINISTRATOR)
class ResumeCampaign(_Step):
    """Go on. Where it stopped itself because devices failed, those do not count any more."""

    phases = (CampaignPhase.PAUSED,)

    stop_share: int | None = asked(
        "Stop itself again when so many percent have failed",
        help="0: never. Left open: as it is. If it has stopped itself, it counts anew from here.",
        default=None,
    )

    def decide(self, state: CampaignState, now: datetime) -> Iterable[Event[CampaignState]]:
        refuse_unless(state, *self.phases)
        if state.why == "approver_gone":
            raise Conflict(
                "approver_gone",
                "Whoever agreed to this campaign may not do so any more. Cancel it, and plan it "
                "anew for somebody else to agree to.",
            )
        share = state.settings.stop_share if self.stop_share is None else self.stop_share
        changed = replace(state.settings, stop_share=share)
        counted_from = now if state.why == "failures" else state.counted_from
        yield CampaignResumed(changed.checked(), counted_from)


@command(by=Role.ADMINISTRATOR)
class SetPace(_Step):
    """Go faster or slower from now on. What is left out stays as it is."""

    phases = (CampaignPhase.RUNNING, CampaignPhase.PAUSED)

    pace: int | None = asked(
        "Devices a minute",
        help=f"0: as fast as it goes. At most {BOUNDS['pace'][1]:,}.",
        default=None,
    )
    at_once: int | None = asked(
        "Devices at one time, for each site",
        help=f"{BOUNDS['at_once'][0]} to {BOUNDS['at_once'][1]}.",
        default=None,
    )

    def decide(self, state: CampaignState, now: datetime) -> Iterable[Event[CampaignState]]:
        refuse_unless(state, *self.phases)
        now_set = state.settings
        pace = now_set.pace if self.pace is None else self.pace
        at_once = now_set.at_once if self.at_once is None else self.at_once
        wanted = replace(now_set, pace=pace, at_once=at_once)
        if wanted.checked() != now_set:
            yield PaceSet(pace, at_once)


@command(by=Role.ADMINISTRATOR)
class CancelCampaign(_Step):
    """Cancel what has not begun. What has begun comes to its end, so that none is half changed."""

    phases = (CampaignPhase.AWAITING_APPROVAL, CampaignPhase.RUNNING, CampaignPhase.PAUSED)

    def decide(self, state: CampaignState, now: datetime) -> Iterable[Event[CampaignState]]:
        refuse_unless(state, *self.phases)
        yield CampaignCancelled()
