"""A proposal as pages show it, to one reader: nothing is decided here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from devices.queries import mailbox_shown, zone_of
from fleet.accounts.access import may
from fleet.accounts.state import Role
from fleet.eventstore.messages import Actor, Command
from fleet.web.command_forms import form_of
from resets.mailboxes.queries import Standing
from resets.mailboxes.state import Domain, MailboxState, Stage
from resets.mailboxes.steps import ApproveMailbox, DeclineMailbox, WithdrawMailbox
from resets.notices.queries import notices_of
from resets.words import Look

LETTERS_TAKE = timedelta(seconds=30)
STAGES = {
    Stage.PROPOSED: Look("warn", "Waits for a second person", "users"),
    Stage.APPROVED: Look("busy", "Agreed, being changed"),
    Stage.CHANGED: Look("ok", "Changed", "mail-check"),
    Stage.DECLINED: Look("bad", "Declined", "user-x"),
    Stage.WITHDRAWN: Look("quiet", "Taken back", "undo-2"),
    Stage.EXPIRED: Look("quiet", "Expired", "timer-off"),
    Stage.VOID: Look("quiet", "Void", "ban"),
}
DOMAINS = {
    Domain.NOT_ASKED: "",
    Domain.TAKES_MAIL: "Its domain takes mail.",
    Domain.UNKNOWN: "Whether its domain takes mail is not known: DNS did not answer.",
}
EVENTS = {
    "resets.mailbox_proposed": ("busy", "mail-question-mark"),
    "resets.mailbox_approved": ("ok", "user-check"),
    "resets.mailbox_declined": ("bad", "user-x"),
    "resets.mailbox_withdrawn": ("quiet", "undo-2"),
    "resets.mailbox_proposal_expired": ("quiet", "timer-off"),
    "resets.mailbox_proposal_voided": ("quiet", "ban"),
    "resets.mailbox_changed": ("ok", "mailbox"),
}


@dataclass(frozen=True)
class Says:
    """How a step is named, on its button and on its page. `done`: what is said once it is taken."""

    name: str
    title: str
    icon: str
    done: str
    look: str = ""


_SAYS = {
    ApproveMailbox: Says(
        "Agree",
        "Agree to this Reset Password Email?",
        "user-check",
        "Agreed. Rekey is changing the mailbox now, and tells everybody concerned.",
        "primary",
    ),
    DeclineMailbox: Says(
        "Decline",
        "Decline this Reset Password Email?",
        "user-x",
        "Declined. The device keeps the mailbox that it has.",
    ),
    WithdrawMailbox: Says(
        "Take it back",
        "Take your proposal back?",
        "undo-2",
        "Taken back. The device keeps the mailbox that it has.",
        "plain",
    ),
}


@dataclass(frozen=True)
class Proposal:
    """One proposal for one reader: a line of the list, or the head of its page."""

    row: Any
    actor: Actor

    @property
    def look(self) -> Look:
        return STAGES[Stage(self.row.stage)]

    @property
    def old(self) -> str:
        return self._shown(self.row.old_email)

    @property
    def new(self) -> str:
        return self._shown(self.row.reset_email)

    @property
    def digest(self) -> str:
        """A guessed mailbox could be tried against it: "" for those who see a part of it."""
        return self.row.digest if self.new == self.row.reset_email else ""

    @property
    def domain(self) -> str:
        return DOMAINS[Domain(self.row.domain)]

    @property
    def zone(self) -> ZoneInfo:
        return zone_of(self.row)

    def _shown(self, email: str) -> str:
        return mailbox_shown(self.actor, email, self.row.organisation, self.row.site)


@dataclass(frozen=True)
class ProposalStep:
    """Something that this reader may do about a proposal, and how it is asked."""

    command: type[Command[MailboxState]]
    standing: Standing

    @property
    def slug(self) -> str:
        return self.command.slug

    @property
    def about(self) -> str:
        """What it does. (A template would call the command itself to look into it.)"""
        return self.command.about

    @property
    def says(self) -> Says:
        return _SAYS[self.command]

    @property
    def is_approval(self) -> bool:
        return self.command is ApproveMailbox

    def form(self, answers: Mapping[str, Any] | None = None) -> forms.Form:
        """The digest of what is shown goes with the form, unseen."""
        form = form_of(self.command, answers, {"digest": self.standing.state.digest})
        if self.is_approval:
            form.fields["digest"].widget = forms.HiddenInput()
        return form


@dataclass(frozen=True)
class ProposalPage(Proposal):
    """`problem`: a form that was turned down, when there is nothing any more to ask again."""

    standing: Standing
    problem: forms.Form | None = None

    @classmethod
    def of(
        cls, standing: Standing, actor: Actor, problem: forms.Form | None = None
    ) -> ProposalPage:
        return cls(standing.row, actor, standing, problem)

    @property
    def version(self) -> str:
        """Another text whenever the page looks different."""
        told = sum(len(notice.told) for notice in self.told)
        return f"{self.row.version}-{self.standing.outdated}-{len(self.steps)}-{told}"

    @cached_property
    def steps(self) -> list[ProposalStep]:
        return [ProposalStep(command, self.standing) for command in self.standing.offered]

    @property
    def own(self) -> bool:
        """Whether somebody else has to agree because this reader has proposed it."""
        return any(step.command is WithdrawMailbox for step in self.steps)

    @property
    def may_propose(self) -> bool:
        """Whether this reader may propose one again."""
        return not self.row.open and may(
            self.actor, Role.TECHNICIAN, self.row.device.organisation, self.row.device.site
        )

    @property
    def ended(self) -> bool:
        """Whether nothing moves any more. Letters about the end come after it."""
        return not self.row.open and self.standing.now - self.row.changed_at > LETTERS_TAKE

    @cached_property
    def told(self) -> list[Any]:
        """Who was told of it by mail, for `resets/notices/told.html`."""
        return list(notices_of(self.actor, self.row.pk))

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The story for the timeline, newest first. The reasons stand above it."""
        entries = []
        for recorded in reversed(self.standing.story):
            tone, icon = EVENTS[recorded.type]
            entries.append(
                {
                    "sentence": recorded.sentence,
                    "at": recorded.at,
                    "actor": recorded.actor.name,
                    "source": recorded.source,
                    "tone": tone,
                    "icon": icon,
                }
            )
        return entries
