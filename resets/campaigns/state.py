"""A campaign, its items and its codes, as their events leave them.

An item is one device in one campaign: its own stream, so that ten thousand of them never wait for
one another. The reset or rotation itself is a reset like any other (`resets.state`); the item says
which one, and what came of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from devices.state import Kind as DeviceKind
from devices.status import Status
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import State, state
from fleet.names import refuse_lines
from resets.campaigns.settings import Settings
from resets.rules import CodeRules
from resets.state import Mailing, RecoveryMethod


class Kind(StrEnum):
    """Whether the passwords are lost (a code is needed), or still known."""

    RESET = "reset"
    ROTATION = "rotation"


class CampaignPhase(StrEnum):
    """Where a campaign stands. ENDING: nothing more begins, what has begun comes to its end."""

    DRAWING_UP = "drawing_up"
    AWAITING_APPROVAL = "awaiting_approval"
    RUNNING = "running"
    PAUSED = "paused"
    ENDING = "ending"
    ENDED = "ended"

    @property
    def open(self) -> bool:
        return self is not CampaignPhase.ENDED

    @property
    def under_way(self) -> bool:
        """Whether it was agreed to and has not ended: devices may be in work."""
        return self in (CampaignPhase.RUNNING, CampaignPhase.PAUSED, CampaignPhase.ENDING)


class Standing(StrEnum):
    """Where one device of a campaign stands: exactly one of these."""

    WAITING = "waiting"
    RUNNING = "running"
    PARKED = "parked"
    PROVEN = "proven"
    UNPROVEN = "unproven"
    FAILED = "failed"
    LEFT_OUT = "left_out"

    @property
    def open(self) -> bool:
        """Whether anything is still to come."""
        return self in (Standing.WAITING, Standing.RUNNING, Standing.PARKED)

    @property
    def waits(self) -> bool:
        """Whether it may still be begun: nothing has been done to the device."""
        return self in (Standing.WAITING, Standing.PARKED)

    @property
    def failed(self) -> bool:
        return self in (Standing.UNPROVEN, Standing.FAILED)


@dataclass(frozen=True)
class Selection:
    """Which devices of the place a campaign is for; what is None or empty narrows nothing down.

    `older_than`: days since the password was set, or never by Rekey. `devices`: these alone.
    """

    text: str = ""
    kind: DeviceKind | None = None
    status: Status | None = None
    nvr: UUID | None = None
    model: str = ""
    older_than: int | None = None
    devices: tuple[UUID, ...] = ()

    def checked(self) -> Selection:
        """Raises Refused out of bounds."""
        refuse_lines(self.text, "text")
        refuse_lines(self.model, "model")
        if self.older_than is not None and self.older_than not in range(3651):
            raise Refused("age_out_of_bounds", "0 to 3,650 days, please.", field="older_than")
        return self


@dataclass(frozen=True)
class SitePassword:
    """The one password of all devices of a site: `secret` is in the vault."""

    site: UUID
    secret: UUID


@state("campaign")
class CampaignState(State):
    """`site` is None for one that goes over several sites: who has a role at the whole organisation
    alone sees it. `digest` is of the exact list and settings that a second person agrees to. `why`:
    what it waits for, or why it ended: a key of `WHY`. `counted_from`: since when failures are
    counted, where somebody has let it go on after too many.
    """

    kind: Kind = Kind.RESET
    name: str = ""
    reason: str = ""
    selection: Selection = Selection()
    settings: Settings = Settings()
    ends_at: datetime | None = None
    planner: str = ""
    planner_id: str = ""
    schedule: UUID | None = None
    phase: CampaignPhase = CampaignPhase.DRAWING_UP
    digest: str = ""
    chosen: int = 0
    planned: int = 0
    approver: str = ""
    approver_id: str = ""
    why: str = ""
    counted_from: datetime | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None
    one_passwords: tuple[SitePassword, ...] = ()


WHY = {
    "by_person": "somebody paused it",
    "failures": "too many devices failed",
    "approver_gone": "whoever agreed to it may not do so any more",
    "cancelled": "it was cancelled",
    "declined": "nobody agreed to it",
    "empty": "there is nothing that it could do",
    "over": "its end date has come",
    "finished": "every device has come to an end",
    "unchanged": "no device was changed, as every one was left out",
}


@state("campaign_item")
class ItemState(State):
    """One device in one campaign. `subject` is the device. `forecast`: what the dry run said, "" if
    nothing is in the way. `why`: a key of `WHY_NOT`, or how its reset ended. `attempt` counts the
    resets begun for it; `reset` is the newest. `taken_up`: seen again after it was parked.
    """

    campaign: UUID | None = None
    kind: Kind = Kind.RESET
    number: int = 0
    ring: int = 0
    device_name: str = ""
    model: str = ""
    nvr: UUID | None = None
    username: str = ""
    method: RecoveryMethod | None = None
    mailbox: str = ""
    facts: str = ""
    forecast: str = ""
    standing: Standing = Standing.WAITING
    why: str = ""
    reset: UUID | None = None
    attempt: int = 0
    begun_at: datetime | None = None
    ended_at: datetime | None = None


WHY_NOT = {
    "no_mailbox": "It has no Reset Password Email",
    "no_way": "There is no way to put a new password on it from here",
    "not_known": "Its password is not known, so that it cannot be rotated",
    "limit": "It was reset too often lately",
    "alarm": "An alarm holds its resets up",
    "locked": "It is locked against logins",
    "being_reset": "A reset of it is under way",
    "in_campaign": "It is in another campaign",
    "on_recorder": "It has to be removed from its NVR first",
    "removed": "It was removed from the fleet",
    "elsewhere": "It is at another site by now",
    "changed": "It is not as it was when the campaign was agreed to",
    "taken_out": "It was taken out of the campaign",
    "taken_out_by_owner": "The owner of its mailbox took it out",
    "no_code": "The code for its mailbox was never entered",
    "disowned": "The owner of its mailbox said that this was not them",
    "never_came": "It never came back before the end",
    "not_begun": "The campaign ended before its turn",
    "offline": "It does not answer",
    "trouble": "It is in trouble",
}


def item_id(campaign: UUID, device: UUID) -> UUID:
    return uuid5(campaign, f"item {device}")


def attempt_id(item: UUID, attempt: int) -> UUID:
    """The reset of an item's n-th attempt: a tick that runs twice begins no second one."""
    return uuid5(item, f"attempt {attempt}")


A_DAY = timedelta(days=1)


@state("campaign_codes")
class CodesState(Mailing):
    """The codes for one mailbox in one campaign: one mail, one code, all its devices.

    `sends`, `owner`, `tries_left` are as those of a reset; `site` as that of the campaign. `sent`:
    when the newest codes were asked for, as many as a day allows. `disowned`: the owner of the
    mailbox has said that it was not them.
    """

    campaign: UUID | None = None
    mailbox: str = ""
    rules: CodeRules = CodeRules()
    sends: int = 0
    sent_at: datetime | None = None
    code_expires_at: datetime | None = None
    tries_left: int = 0
    owner: str = ""
    verified: bool = False
    disowned: bool = False
    sent: tuple[datetime, ...] = ()

    @property
    def code_is_live(self) -> bool:
        """Whether a code that was sent can still be typed, but for its time."""
        return self.tries_left > 0 and not (self.verified or self.disowned)

    @property
    def may_send_from(self) -> datetime | None:
        """When a code may be sent again; None before the first. What the rules leave one reset, of
        an hour or a day, they leave a campaign each day: it may last for months.
        """
        if self.sent_at is None:
            return None
        soonest = self.sent_at + timedelta(seconds=self.rules.between_sends)
        if len(self.sent) < self.rules.sends:
            return soonest
        return max(soonest, self.sent[-self.rules.sends] + A_DAY)


def codes_id(campaign: UUID, mailbox: str) -> UUID:
    return uuid5(campaign, f"codes {mailbox}")


def refuse_unless(campaign: CampaignState, *phases: CampaignPhase) -> None:
    """Refuse what does not fit to where a campaign stands."""
    if campaign.phase not in phases:
        raise Conflict(
            "campaign_stands_elsewhere",
            f"The campaign is {campaign.phase.value.replace('_', ' ')} by now. Look where it "
            "stands.",
            phase=campaign.phase.value,
        )
