"""The pages of readiness and of drills: what they may be filtered by, and what one reader sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.paginator import Page, Paginator
from django.utils.functional import cached_property

from devices.filters import SiteFilters
from devices.queries import zone_of
from fleet.accounts.access import may
from fleet.accounts.state import Role
from fleet.audit.entries import Entry, story_of
from fleet.eventstore.messages import Actor
from fleet.web.command_forms import form_of
from fleet.web.filters import search
from resets import words
from resets.readiness import queries
from resets.readiness.events import DrillFailed
from resets.readiness.queries import Fleet, OfDevice, Ready, Standing
from resets.readiness.score import REASONS, Band
from resets.readiness.state import DrillPhase, DrillState
from resets.readiness.steps import BeginDrill, CancelDrill, EnterDrillCode, SendDrillCode
from resets.state import Delivery, RecoveryMethod
from resets.words import Look

PER_PAGE = 50

PHASES = {
    DrillPhase.CODE_SENT: Look("warn", "Waits for the code", "mail-search"),
    DrillPhase.CHECKING: Look("busy", "Trying the way"),
    DrillPhase.PASSED: Look("ok", "Passed", "shield-check"),
    DrillPhase.FAILED: Look("bad", "Failed"),
    DrillPhase.EXPIRED: Look("quiet", "Expired", "timer-off"),
    DrillPhase.CANCELLED: Look("quiet", "Cancelled", "ban"),
}
LETTERS_TAKE = timedelta(minutes=15)  # what a mail comes to may be told after a drill has ended


class ReadinessFilters(SiteFilters):
    field_order = ("q", "reason", "band", "site")

    q = search()
    reason = forms.ChoiceField(
        label="Reason",
        required=False,
        choices=[("", "Any"), *((one.code, one.words) for one in REASONS.values())],
    )
    band = forms.TypedChoiceField(
        label="Score",
        required=False,
        coerce=Band,
        empty_value=None,
        choices=[("", "Any"), *((b.value, f"{b.words}: {b.about}") for b in Band)],
    )

    @cached_property
    def fleet(self) -> Fleet:
        """All devices of the site, or with the text that is searched for: what is counted."""
        return queries.fleet(self.actor, text=self.value("q") or "", site=self.value("site"))

    @property
    def found(self) -> list[Ready]:
        """Those of them with this reason, or of this band; the worst first."""
        return self.fleet.narrowed(reason=self.value("reason") or "", band=self.value("band"))


@dataclass(frozen=True)
class ReadinessPage:
    """The fleet by score and by reason, and a page of its devices."""

    form: ReadinessFilters
    number: str | None

    @property
    def fleet(self) -> Fleet:
        return self.form.fleet

    @cached_property
    def page(self) -> Page[Any]:
        return Paginator(self.form.found, PER_PAGE).get_page(self.number)

    @cached_property
    def rows(self) -> list[tuple[Ready, Any]]:
        return queries.rows_of(self.form.actor, self.page)


# --- the card of a device -------------------------------------------------------------------------


@dataclass(frozen=True)
class Card:
    """How ready one device is, for one reader."""

    of: OfDevice
    device: Any
    actor: Actor

    @property
    def score(self) -> Any:
        return self.of.score

    @property
    def drill(self) -> Any:
        return self.of.drill

    @property
    def drill_look(self) -> Look | None:
        return PHASES[DrillPhase(self.of.drill.phase)] if self.of.drill else None

    @property
    def may_drill(self) -> bool:
        """Whether a drill is worth offering to this reader now."""
        under_way = self.of.drill is not None and self.of.drill.open
        able = may(self.actor, Role(BeginDrill.by), self.device.organisation, self.device.site)
        return able and bool(self.device.reset_email) and not under_way


# --- one drill ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DrillPage:
    """One drill for one reader. `refused`: a form that was sent and turned down."""

    standing: Standing
    actor: Actor
    refused: forms.Form | None = field(default=None)

    @property
    def row(self) -> Any:
        return self.standing.row

    @property
    def state(self) -> DrillState:
        return self.standing.state

    @property
    def look(self) -> Look:
        return PHASES[self.state.phase]

    @property
    def way(self) -> str:
        return words.METHODS[RecoveryMethod(self.state.method)]

    @property
    def delivery(self) -> Look:
        return words.DELIVERIES[Delivery(self.state.delivery)]

    @property
    def zone(self) -> ZoneInfo:
        return zone_of(self.row.device)

    @property
    def version(self) -> str:
        """Another text whenever the moving part looks different."""
        return f"{self.row.version}-{self.again_seconds}"

    @property
    def ended(self) -> bool:
        """Whether nothing moves any more."""
        ended = self.state.ended_at
        return ended is not None and self.standing.now - ended > LETTERS_TAKE

    @property
    def failure(self) -> str:
        """Why a reset would not have worked, in the words in which that was recorded."""
        ended = self.standing.story[-1].event
        return ended.words if isinstance(ended, DrillFailed) else ""

    @property
    def may_enter(self) -> bool:
        return EnterDrillCode in self.standing.offered

    @property
    def may_send(self) -> bool:
        return SendDrillCode in self.standing.offered

    @property
    def may_cancel(self) -> bool:
        return CancelDrill in self.standing.offered

    @property
    def somebody_elses(self) -> bool:
        """Whether the code that counts now may be typed by another person alone."""
        live = EnterDrillCode.offered(self.state, self.standing.now)
        return live and self.may_send and not self.may_enter

    @property
    def again_seconds(self) -> int:
        """Until another code may be sent; 0: now."""
        if not self.may_send or self.state.sent_at is None:
            return 0
        again = self.state.sent_at + timedelta(seconds=self.state.rules.between_sends)
        return max(int((again - self.standing.now).total_seconds()) + 1, 0)

    @property
    def form(self) -> forms.Form:
        return self.refused or form_of(EnterDrillCode)

    @property
    def steps(self) -> Sequence[Mapping[str, str]]:
        """Where the drill stands, for the line of steps."""
        phase = self.state.phase
        verified = any(one.type == "resets.drill_code_verified" for one in self.standing.story)
        mailed = "done" if verified else "current" if phase.open else "failed"
        tried = {
            DrillPhase.CHECKING: "current",
            DrillPhase.PASSED: "done",
            DrillPhase.FAILED: "failed",
        }.get(phase, "todo")
        return [
            {"label": "Code mailed", "state": "done"},
            {"label": "Code entered", "state": mailed},
            {"label": "Way to the device tried", "state": tried},
            {"label": "New password", "state": "skipped", "note": "not in a drill"},
        ]

    @property
    def entries(self) -> list[Entry]:
        """The story for the timeline, newest first."""
        return story_of(self.standing.story)
