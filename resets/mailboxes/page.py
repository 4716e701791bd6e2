"""A proposal as pages show it, to one reader: nothing is decided here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.functional import cached_property

from devices.queries import mailbox_shown, zone_of
from fleet.accounts.access import may
from fleet.accounts.state import Role
from fleet.audit.entries import Entry, story_of
from fleet.eventstore.messages import Actor, Command
from resets.approvals.asking import Says, Step
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


_SAYS: dict[type[Command[Any]], Says] = {
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
    def steps(self) -> list[Step]:
        return [step_of(command, self.standing) for command in self.standing.offered]

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
    def entries(self) -> list[Entry]:
        """The story for the timeline, newest first. The reasons stand above it."""
        return story_of(self.standing.story)


def step_of(command: type[Command[MailboxState]], standing: Standing) -> Step:
    return Step(command, _SAYS[command], standing.state.digest)
