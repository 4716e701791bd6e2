"""The plan of a campaign as its page shows it to one reader: nothing is decided here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.functional import cached_property

from devices import queries as devices
from devices.queries import mailbox_shown
from fleet.accounts.access import human, may
from fleet.accounts.queries import organisation_name
from fleet.accounts.state import Role
from fleet.eventstore.messages import Actor, Command, Recorded
from fleet.eventstore.store import read_stream, state_of
from resets.approvals.asking import Says, Step
from resets.approvals.page import NAMED, SHORT
from resets.approvals.queries import may_agree
from resets.campaigns import estimate, queries, sharing, tallies, words
from resets.campaigns.forecast import IMPOSSIBLE
from resets.campaigns.forms import zone_of_place
from resets.campaigns.live_outlook import roughly
from resets.campaigns.remarks import Remarks, left_by_hand
from resets.campaigns.state import WHY_NOT, CampaignPhase, CampaignState, Kind, Standing
from resets.campaigns.steps.approve_campaign import ApproveCampaign, DeclineCampaign
from resets.campaigns.steps.control import CancelCampaign
from resets.campaigns.steps.plan_campaign import MOST_DEVICES
from resets.words import METHODS, Look

WAITS = {
    "offline": "It is waited for until it answers",
    "locked": "It is waited for until its lock is off",
    "being_reset": "It is waited for until that reset is over",
    "alarm": "It is waited for until somebody closes it",
}
"""What the dry run found that passes by itself, and what is done until then."""
GETS = Look("ok", "A new password", "key-round")
LATER = Look("warn", "Later")
LEFT_OUT = Look("quiet", "Left out", "circle-minus")


SAYS: dict[type[Command[Any]], Says] = {
    ApproveCampaign: Says(
        "Agree",
        "Agree to this campaign?",
        "user-check",
        "Agreed. It begins now, as its settings say.",
        "primary",
        "Every device of the list gets a new password, as the settings say.",
    ),
    DeclineCampaign: Says(
        "Decline",
        "Decline this campaign?",
        "user-x",
        "Declined. No device was touched.",
        "danger",
        "No device is touched. The campaign ends.",
    ),
    CancelCampaign: Says(
        "Cancel the campaign",
        "Cancel this campaign?",
        "ban",
        "Cancelled. No device was touched.",
        "danger",
        "No device is touched. The campaign ends; planning it anew takes another approval.",
    ),
}


@dataclass(frozen=True)
class Line:
    """What would happen to one device, or what would not, and why."""

    row: Any
    place: str
    actor: Actor
    remark: str  # what is left to a person afterwards

    @property
    def look(self) -> Look:
        if self.row.forecast in IMPOSSIBLE or self.row.why.startswith("taken_out"):
            return LEFT_OUT
        return LATER if self.row.forecast else GETS

    @property
    def why(self) -> str:
        """Why not, or why not at once, as sentences."""
        if self.row.why.startswith("taken_out"):
            return f"{WHY_NOT[self.row.why]}."
        said = WHY_NOT.get(self.row.forecast, "")
        waits = WAITS.get(self.row.forecast, "")
        return ". ".join(filter(None, (said, waits))) + ("." if said else "")

    @property
    def method(self) -> str:
        """How the new password gets there; "" where it does not."""
        return "" if self.is_left_out else METHODS.get(self.row.method, "")

    @property
    def mailbox(self) -> str:
        return mailbox_shown(self.actor, self.row.mailbox, self.row.organisation, self.row.site)

    @property
    def is_left_out(self) -> bool:
        return self.look is LEFT_OUT

    @property
    def ring(self) -> str:
        return "Canary" if self.row.ring == 0 else f"Wave {self.row.ring}"


@dataclass(frozen=True)
class Outcome:
    """How many devices would have one outcome. `code` is what the list is narrowed down by."""

    code: str
    count: int
    look: Look
    text: str


@dataclass(frozen=True)
class PlanPage:
    """A plan that is drawn up, waits for its approval, or once did."""

    row: Any
    state: CampaignState
    actor: Actor
    now: datetime

    @classmethod
    def of(cls, actor: Actor, campaign: UUID) -> PlanPage:
        row = queries.campaign(actor, campaign)
        return cls(row, state_of(CampaignState, campaign), actor, timezone.now())

    @cached_property
    def shared(self) -> sharing.SharedNote | None:
        return sharing.of_campaign(self.actor, self.state, bool(self.state.one_passwords))

    # --- where it stands --------------------------------------------------------------------------

    @property
    def look(self) -> Look:
        return words.PHASES[self.state.phase]

    @property
    def is_drawn_up(self) -> bool:
        return self.state.phase is not CampaignPhase.DRAWING_UP

    @property
    def awaits(self) -> bool:
        """Whether it still waits for an answer."""
        return self.state.phase is CampaignPhase.AWAITING_APPROVAL

    @property
    def is_over(self) -> bool:
        """Whether its end date came before an answer did."""
        return self.awaits and self.state.ends_at is not None and self.now >= self.state.ends_at

    @property
    def is_empty(self) -> bool:
        return self.state.why == "empty"

    @property
    def began(self) -> bool:
        return self.state.began_at is not None

    @property
    def version(self) -> str:
        """Another text whenever what moves by itself looks different."""
        drawn = "" if self.is_drawn_up else f"-{self.drawn}"
        return f"{self.row.version}-{self.is_over}{drawn}"

    @property
    def on(self) -> str:
        """Another text whenever the whole page is another one."""
        return f"{self.state.phase}-{self.is_over}"

    @property
    def every(self) -> int:
        """Seconds between two looks."""
        return 5 if self.is_drawn_up else 1

    @property
    def ended(self) -> bool:
        """Whether nothing of the plan moves any more."""
        return self.is_drawn_up and not self.awaits

    @property
    def drawn_words(self) -> str:
        return f"{self.drawn:,} of {self.to_draw:,} devices looked at"

    @cached_property
    def drawn(self) -> int:
        """How many devices were looked at so far."""
        return queries.items(self.actor, self.row.pk).count()

    @cached_property
    def to_draw(self) -> int:
        """How many there are to look at."""
        return max(self.drawn, min(queries.chosen(self.actor, self.state), MOST_DEVICES))

    # --- what is planned --------------------------------------------------------------------------

    @cached_property
    def place(self) -> str:
        if self.state.site:
            names = devices.site_names(self.actor).filter(pk=self.state.site)
            return names.values_list("name", flat=True).first() or "A site that is closed"
        return f"All sites of {organisation_name(self._organisation)}"

    @cached_property
    def zone(self) -> ZoneInfo:
        return zone_of_place(self.actor, self.state.site or self._organisation)

    @property
    def _organisation(self) -> UUID:
        assert self.state.organisation
        return self.state.organisation

    @property
    def kind(self) -> Look:
        return words.KINDS[self.state.kind]

    @property
    def needs_codes(self) -> bool:
        return self.state.kind is Kind.RESET

    @cached_property
    def mailboxes(self) -> int:
        """How many mailboxes a code is mailed to."""
        return queries.codes(self.actor, self.row.pk).count()

    @property
    def selection(self) -> list[str]:
        """What narrows the devices down; empty: nothing does."""
        wanted = self.state.selection
        rows = devices.devices(self.actor, removed=True)
        nvr = rows.filter(pk=wanted.nvr).first() if wanted.nvr else None
        return words.selection(wanted, nvr.name if nvr else "an NVR")

    @property
    def settings(self) -> list[tuple[str, str]]:
        return words.settings(self.state.settings)

    # --- the dry run ------------------------------------------------------------------------------

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """What would happen, how often: what is done first, what is left out last."""
        found = []
        for tally in tallies.by_forecast(self.actor, self.row.pk):
            look, text = GETS, "Nothing is in the way"
            if tally.key:
                look = LEFT_OUT if tally.key in IMPOSSIBLE else LATER
                text = WHY_NOT.get(tally.key, tally.key)
            found.append(Outcome(tally.key or "none", tally.total, look, text))
        order = [GETS, LATER, LEFT_OUT]
        return sorted(found, key=lambda one: (order.index(one.look), -one.count))

    def count(self, look: Look) -> int:
        return sum(one.count for one in self.outcomes if one.look is look)

    @property
    def at_once(self) -> int:
        return self.count(GETS)

    @property
    def later(self) -> int:
        return self.count(LATER)

    @property
    def left_out(self) -> int:
        return self.count(LEFT_OUT)

    @cached_property
    def taken_out(self) -> int:
        """Of those that were planned: what somebody took out since."""
        standings = queries.standings(self.actor, self.row.pk)
        return standings.get(Standing.LEFT_OUT, 0) - self.left_out if self.awaits else 0

    @property
    def left(self) -> int:
        """How many devices somebody would agree to now."""
        return self.state.planned - self.taken_out

    def lines(self, rows: Any) -> list[Line]:
        names = dict(devices.site_names(self.actor).values_list("pk", "name"))
        said = Remarks(self.row.pk, {row.nvr for row in rows})
        return [
            Line(row, names.get(row.site, ""), self.actor, said.words(row.nvr, row.standing))
            for row in rows
        ]

    @cached_property
    def by_hand(self) -> int:
        """How many cameras' NVRs a person has to tell the new password."""
        return left_by_hand(self.actor, self.row.pk)

    @property
    def shows_sites(self) -> bool:
        return self.state.site is None

    # --- how long ---------------------------------------------------------------------------------

    @cached_property
    def takes(self) -> timedelta:
        return estimate.work(queries.shares(self.actor, self.row.pk), self.state.settings)

    @property
    def takes_words(self) -> str:
        return roughly(self.takes)

    @cached_property
    def through(self) -> datetime | None:
        """When it would be through, if it were agreed to now."""
        return estimate.through(self.now, self.takes, self.state.settings.window, self.zone)

    @property
    def too_long(self) -> bool:
        ends = self.state.ends_at
        return ends is not None and (self.through is None or self.through > ends)

    # --- the approval -----------------------------------------------------------------------------

    @property
    def digest(self) -> str:
        """For those who see all that it is over; else ""."""
        at = self.state.organisation, self.state.site
        return self.state.digest if may(self.actor, Role.TECHNICIAN, *at) else ""

    @property
    def short_digest(self) -> str:
        return self.digest[:SHORT]

    @cached_property
    def steps(self) -> list[Step]:
        at = self.state.organisation, self.state.site
        return [
            self.step(command)
            for command in queries.offered(self.actor, self.row.pk)
            if command in SAYS and self.awaits and may(self.actor, Role(command.by), *at)
        ]

    def step(self, command: type[Command[CampaignState]]) -> Step:
        return Step(command, SAYS[command], self.state.digest)

    @property
    def may_agree(self) -> bool:
        return not self.is_over and any(step.command is ApproveCampaign for step in self.steps)

    @property
    def others(self) -> list[Step]:
        """What may be done beside agreeing."""
        late = (DeclineCampaign,) if self.is_over else ()
        return [s for s in self.steps if s.command is not ApproveCampaign and s.command not in late]

    @property
    def own(self) -> bool:
        return human(self.actor).id == self.state.planner_id

    @cached_property
    def who(self) -> str:
        """Those who may agree, by name; "" when there is nobody."""
        found = may_agree(self.state.planner_id, self._organisation, self.state.site)
        names = [one.name for one in found[:NAMED]]
        if len(found) > NAMED:
            names[-1] = "another administrator"
        return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

    @property
    def planned(self) -> Recorded:
        return read_stream(self.row.pk)[0]

    @property
    def declined(self) -> str:
        """Why it was declined."""
        if self.state.why != "declined":
            return ""
        told = (r for r in read_stream(self.row.pk) if r.type == "resets.campaign_declined")
        return next((recorded.reason for recorded in told), "")
