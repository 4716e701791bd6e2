"""A reset as the wizard shows it: where it stands, and the one question that is asked now.

Everything here is worked out from one `Standing`; nothing is decided.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parseaddr
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.urls import reverse
from django.utils.functional import cached_property

from fleet.accounts.access import may
from fleet.accounts.state import Role
from fleet.audit.entries import Entry, story_of
from fleet.eventstore.messages import Actor, Command
from fleet.web.command_forms import form_of
from resets import words
from resets.applying.doors import doors_of
from resets.applying.page import AtDevice
from resets.approvals.page import Approval
from resets.campaigns import queries as campaigns
from resets.mailboxes.steps import ProposeMailbox
from resets.notices.queries import notices_of
from resets.phone.page import QrPanel
from resets.phone.queries import is_own
from resets.queries import Standing
from resets.recorder.page import STEPS as AT_NVR
from resets.recorder.page import RecorderPanel
from resets.state import Delivery, Phase, ResetState, masked
from resets.steps.apply_password import DeviceWaitedFor
from resets.steps.approve_reset import ApproveReset, DeclineReset
from resets.steps.break_glass import ReviewBreakGlass
from resets.steps.bring_result import BringResult
from resets.steps.cancel_reset import CancelReset
from resets.steps.choose_password import ChoosePassword
from resets.steps.remove_from_recorder import RemoveFromRecorder
from resets.steps.request_reset import RequestReset
from resets.steps.restore_device import TickOff
from resets.steps.send_code import SendCode
from resets.steps.show_qr import ShowQr
from resets.steps.verify_code import VerifyCode
from resets.tracker import tracker

# The steps that lead from one page of the walk to the next, the furthest first. Any other step is
# offered aside, on a page of its own.
WALK: tuple[type[Command[ResetState]], ...] = (
    BringResult,
    ChoosePassword,
    VerifyCode,
    SendCode,
    RemoveFromRecorder,
    ApproveReset,
)
# These have their place beside a question, or above the page.
BESIDE: tuple[type[Command[ResetState]], ...] = (DeclineReset, ReviewBreakGlass, TickOff, *AT_NVR)


@dataclass(frozen=True)
class Question:
    """A step that is open to whoever looks, and its form."""

    step: type[Command[ResetState]]
    form: forms.Form

    @property
    def slug(self) -> str:
        return self.step.slug

    @property
    def about(self) -> str:
        """What it does. (A template would call the step itself to look into it.)"""
        return self.step.about

    @property
    def templates(self) -> list[str]:
        """The step's own, where it has one; any step can be asked without."""
        return [f"resets/steps/{self.slug}.html", "resets/steps/any.html"]

    @property
    def name(self) -> str:
        return self.slug.replace("-", " ").capitalize()


@dataclass(frozen=True)
class Walk:
    """One reset on its way, for one reader. `refused` is a form that was sent and turned down."""

    standing: Standing
    actor: Actor
    refused: Question | None = field(default=None)

    @property
    def reset(self) -> ResetState:
        return self.standing.state

    @property
    def device(self) -> Any:
        return self.standing.row.device

    @property
    def zone(self) -> ZoneInfo:
        return self.standing.zone

    @property
    def began(self) -> datetime:
        return self.standing.story[0].at

    @property
    def correlation(self) -> UUID:
        """Holds together all that came of it, on the device and in the vault as well."""
        return self.standing.story[0].correlation

    @cached_property
    def campaign(self) -> Any:
        """The campaign that it is part of; None also for whoever may not see that."""
        rows = campaigns.campaigns(self.actor)
        return rows.filter(pk=self.reset.campaign).first() if self.reset.campaign else None

    @property
    def trace(self) -> str:
        """Where all that came of it is told. What came of a campaign is told of all its devices, so
        that of one of them it is the history of its device.
        """
        if self.reset.campaign:
            return f"{reverse('history')}?device={self.device.pk}"
        return reverse("trace", args=[self.correlation])

    @property
    def look(self) -> words.Look:
        if self.at_device.somebodys_turn:
            return words.AT_DEVICE[self.reset.waiting_for]
        return words.PHASES[self.reset.phase]

    @property
    def sender(self) -> str:
        """The address that people are asked to allow."""
        return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]

    # --- what is asked ----------------------------------------------------------------------------

    @cached_property
    def question(self) -> Question | None:
        """The furthest step of the walk that is open; None when there is nothing but to wait."""
        steps = (*self.at_device.first, *WALK)
        step = next((step for step in steps if step in self.standing.offered), None)
        return self.ask(step) if step else None

    def ask(self, step: type[Command[ResetState]]) -> Question:
        if self.refused and self.refused.step is step:
            return self.refused
        return Question(step, form_of(step))

    @property
    def problem(self) -> forms.BaseForm | None:
        """What was turned down: the question's own form, or only its errors when it is gone."""
        if self.refused is None:
            return None
        if self.question and self.question.step is self.refused.step:
            return self.refused.form
        gone = forms.Form({})
        for sentences in self.refused.form.errors.values():
            gone.add_error(None, list(sentences))
        return gone

    def asks_aside(self, step: type[Command[ResetState]]) -> bool:
        """Whether the step is open, and asked on a page of its own."""
        return any(other.step is step for other in self.others)

    @cached_property
    def others(self) -> list[Question]:
        """Further steps that are open, each on a page of its own."""
        asked = self.question and self.question.step
        return [self.ask(step) for step in self.standing.offered if step is not asked]

    @property
    def aside(self) -> list[Question]:
        """Those of the others that are offered at the foot of the page."""
        return [question for question in self.others if question.step not in BESIDE]

    @property
    def may_begin_another(self) -> bool:
        return not self.reset.phase.open and self._may(Role(RequestReset.by))

    @property
    def may_see_password(self) -> bool:
        return self.reset.phase is Phase.DONE and self._may(Role.ADMINISTRATOR)

    @property
    def only_looks(self) -> bool:
        return self.reset.phase.with_people and CancelReset not in self.standing.offered

    def _may(self, role: Role) -> bool:
        return may(self.actor, role, self.reset.organisation, self.reset.site)

    # --- a second person, or one alone ------------------------------------------------------------

    @cached_property
    def approval(self) -> Approval:
        return Approval(self.standing, self.actor)

    @cached_property
    def told(self) -> list[Any]:
        """Who was told of it by mail."""
        return list(notices_of(self.actor, self.reset.id))

    # --- the mail and its code --------------------------------------------------------------------

    @property
    def delivery(self) -> words.Look:
        if self.reset.awaits_challenge and self.reset.waiting_for:
            return words.NOT_REACHED
        return words.DELIVERIES[self.reset.delivery]

    @property
    def mailbox(self) -> str:
        return masked(self.reset.reset_email)

    @property
    def may_correct_mailbox(self) -> bool:
        return self._may(Role(ProposeMailbox.by))

    @property
    def may_send(self) -> bool:
        """Whether sending the code again has its place beside the question."""
        return self.reset.phase is Phase.CODE_SENT and self.question is not None

    @property
    def is_sent(self) -> bool:
        return self.reset.delivery is not Delivery.NONE

    @property
    def code_counts(self) -> bool:
        return self.reset.code_is_live and self.code_seconds > 0

    @cached_property
    def code_seconds(self) -> int:
        """How long the code is still valid."""
        return self._seconds_until(self.reset.code_expires_at)

    @property
    def code_left(self) -> str:
        """The same for people: in minutes, and at last in seconds."""
        left = self._shown_seconds
        return f"{left} s" if left < 60 else f"{left // 60} min"

    @property
    def _shown_seconds(self) -> int:
        left = self.code_seconds
        return left if left < 60 else math.ceil(left / 60) * 60

    @property
    def code_hint(self) -> str:
        return f"{self.reset.digits} digits. Spaces between them do not matter."

    @property
    def password_hint(self) -> str:
        rules = self.standing.password_rules
        return (
            f"{rules.shortest} to {rules.longest} characters: at least {rules.kinds} of small "
            f"letters, capitals, digits and signs; no spaces; not the name "
            f"“{self.reset.username}”."
        )

    @cached_property
    def again_seconds(self) -> int:
        """How long until a code may be sent again."""
        return self._seconds_until(self.reset.may_send_from)

    @property
    def sends_left(self) -> int:
        return self.reset.rules.sends - self.reset.sends

    def _seconds_until(self, at: datetime | None) -> int:
        return max(0, math.ceil((at - self.standing.now).total_seconds())) if at else 0

    # --- the QR, for when the device is offline ---------------------------------------------------

    @cached_property
    def qr(self) -> QrPanel | None:
        """None where no code is waited for, or for whoever only looks."""
        waits = self.reset.phase in (Phase.REQUESTED, Phase.CODE_SENT)
        may_show = ShowQr in self.standing.offered
        if not (waits and (may_show or (self.reset.qr and self._may(Role(ShowQr.by))))):
            return None
        own = is_own(self.reset, self.actor)
        return QrPanel(self.reset, self.zone, self.standing.now, own, may_show)

    # --- the device -------------------------------------------------------------------------------

    @cached_property
    def at_nvr(self) -> RecorderPanel | None:
        """None for a camera that stands alone."""
        return RecorderPanel(self.standing, self.actor) if self.reset.nvr else None

    @cached_property
    def at_device(self) -> AtDevice:
        return AtDevice(self.standing)

    @property
    def waits_for(self) -> str:
        why = self.reset.waiting_for
        return words.trouble(why) if why and not self.at_device.somebodys_turn else ""

    @property
    def waits_until(self) -> datetime | None:
        events = (recorded.event for recorded in reversed(self.standing.story))
        return next((event.until for event in events if isinstance(event, DeviceWaitedFor)), None)

    @property
    def doors(self) -> list[dict[str, Any]]:
        return doors_of(self.reset, self.device.driver)

    # --- how far ----------------------------------------------------------------------------------

    @property
    def ending(self) -> str:
        """The sentence with which it ended."""
        return self.standing.turned.sentence

    @property
    def newest(self) -> str:
        """The sentence of what happened last."""
        return self.standing.story[-1].sentence

    @property
    def advice(self) -> str:
        return words.advice(self.reset)

    @property
    def tracker(self) -> list[dict[str, str]]:
        return tracker(self.standing)

    @property
    def entries(self) -> list[Entry]:
        """The story for the timeline, newest first. The reason is said once, by the first."""
        return story_of(self.standing.story)

    # --- live -------------------------------------------------------------------------------------

    @property
    def key(self) -> str:
        """Which page this is. When it changes, all of the wizard is shown anew."""
        asked = self.question.slug if self.question else "nothing"
        return f"{self.reset.phase}-{asked}"

    @property
    def events(self) -> int:
        """The version of the stream."""
        return self.standing.story[-1].version

    @property
    def version(self) -> str:
        """Changes when the live part would look different: minutes count, and the last seconds."""
        parts: list[object] = [self.events]
        if self.reset.phase is Phase.CODE_SENT:
            parts += [self.again_seconds, self._shown_seconds]
        if self.qr and self.qr.standing != "none":
            parts.append(self.qr.standing)
        return ".".join(map(str, parts))

    @property
    def shows_where(self) -> bool:
        """Whether the live part has anything to say; if not, it waits at the foot of the page."""
        busy = self.at_nvr is not None and self.at_nvr.is_busy
        if self.approval.awaits and self.question:  # whoever answers is told all of it there
            return busy
        return busy or self.reset.phase not in (Phase.REQUESTED, Phase.VERIFIED)

    @property
    def ended(self) -> bool:
        """Whether nothing moves by itself any more."""
        return not self.reset.phase.open and not (self.at_nvr and self.at_nvr.is_busy)
