"""A campaign is planned: which devices, what is done, and how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from fleet.accounts.state import Human, Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from fleet.names import named
from resets.campaigns.settings import LONGEST, Settings, each_its_own
from resets.campaigns.state import CampaignPhase, CampaignState, Kind, Selection
from resets.campaigns.steps.one_password import Sharing
from resets.steps.site_rules import Place

MOST_DEVICES = 20_000
LONGEST_NAME = 120


@event("resets.campaign_planned", schema=2, upcast={1: each_its_own})
class CampaignPlanned(Event[CampaignState]):
    """{actor} planned the campaign {name}: {reason}"""

    organisation: UUID
    site: UUID | None
    kind: Kind
    name: str
    reason: str
    selection: Selection
    settings: Settings
    ends_at: datetime
    planner: str
    planner_id: str
    schedule: UUID | None

    def evolve(self, state: CampaignState) -> CampaignState:
        return state.but(
            organisation=self.organisation,
            site=self.site,
            kind=self.kind,
            name=self.name,
            reason=self.reason,
            selection=self.selection,
            settings=self.settings,
            ends_at=self.ends_at,
            planner=self.planner,
            planner_id=self.planner_id,
            schedule=self.schedule,
            phase=CampaignPhase.DRAWING_UP,
        )


@dataclass(frozen=True)
class Reach:
    """What a selection comes to as whoever plans may see it: how many devices, and the time zones
    of their sites. `missing`: how many of those that it lists are not at this place.
    """

    devices: int = 0
    zones: tuple[str, ...] = ()
    missing: int = 0

    def refuse_unless_there(self) -> None:
        """Raises Refused. What never was, what was removed and what is out of sight are one."""
        if not self.devices:
            raise Refused(
                "no_device_chosen",
                "No device fits this selection. Take away something that narrows it down.",
                field="selection",
            )
        if self.missing:
            raise Refused(
                "listed_device_missing",
                f"{self.missing:,} of the devices in this list cannot be found at this place. Take "
                "them out of it.",
                field="selection",
                missing=self.missing,
            )


@command(by=Role.ADMINISTRATOR, creates=True)
class PlanCampaign(Command[CampaignState]):
    """Plan a campaign: Rekey draws up what would happen to each device, and changes nothing yet.

    `place_id` is a site, or the organisation for all its sites.
    """

    place_id: UUID
    kind: Kind = asked("What is done?")
    name: str = asked("Name", max_length=LONGEST_NAME)
    reason: str = asked(
        "Why?",
        help="It stands in the history of each device.",
        long=True,
        max_length=500,
    )
    ends_at: datetime = asked(
        "It ends at the latest",
        help="A device that does not answer is waited for until then.",
    )
    selection: Selection = asked("Which devices?", default=Selection())
    settings: Settings = asked("How?", default=Settings())
    ground: Place = supplied()
    human: Human = supplied()
    reach: Reach = supplied()
    sharing: Sharing = supplied()

    def decide(self, state: CampaignState, now: datetime) -> Iterable[Event[CampaignState]]:
        name = named(self.name, "campaign")
        if not self.reason.strip():
            raise Refused("reason_missing", "Fill this in, please.", field="reason")
        if self.ends_at <= now:
            raise Refused("end_in_the_past", "This is in the past.", field="ends_at")
        if self.ends_at - now > LONGEST:
            raise Refused("end_too_far", "A year ahead at most, please.", field="ends_at")
        selection, settings = self.selection.checked(), self.settings.checked()
        self.reach.refuse_unless_there()
        self._refuse_too_many()
        self.sharing.refuse_unless_allowed(settings)
        if all(
            settings.window.next_opening(now, ZoneInfo(zone)) >= self.ends_at
            for zone in self.reach.zones
        ):
            raise Refused(
                "window_after_end",
                "The window does not open once before then. Let it end later, or choose other "
                "days.",
                field="ends_at",
            )
        yield CampaignPlanned(
            organisation=self.ground.organisation,
            site=self.ground.site,
            kind=self.kind,
            name=name,
            reason=self.reason.strip(),
            selection=selection,
            settings=settings,
            ends_at=self.ends_at,
            planner=self.human.name,
            planner_id=self.human.id,
            schedule=None,
        )

    def _refuse_too_many(self) -> None:
        if self.reach.devices > MOST_DEVICES:
            raise Refused(
                "too_many_devices",
                f"These are {self.reach.devices:,} devices; {MOST_DEVICES:,} at most in one "
                "campaign, please.",
                field="selection",
                devices=self.reach.devices,
            )
