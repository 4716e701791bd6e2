"""What happens to a proposal: proposed, approved or declined by somebody else, withdrawn, expired.

What is agreed to is bound by a digest over all that will be done. If anything of it has changed
since, the approval is void, and nothing happens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from devices.mailbox import checked, masked, same
from fleet.accounts.state import Human, Role
from fleet.errors import Conflict, Forbidden, Refused, RekeyError
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from resets.mailboxes.state import Domain, MailboxState, Stage
from resets.steps.second_person import (
    may_agree,
    refuse_nobody,
    refuse_unless_second,
    refuse_unless_shown,
)

VALID = timedelta(hours=24)


@dataclass(frozen=True)
class DeviceNow:
    """The device that a proposal is about, as it is when it is decided. `address`: host:port."""

    id: UUID
    organisation: UUID
    site: UUID
    name: str
    address: str
    reset_email: str
    removed: bool = False

    def digest(self, new: str, reason: str) -> str:
        """SHA-256, in hex, over all that will be done to it."""
        facts = (self.id, self.site, self.name, self.address, self.reset_email, self.removed)
        return hashlib.sha256(msgspec.json.encode([*facts, new, reason])).hexdigest()


@event("resets.mailbox_proposed")
class MailboxProposed(Event[MailboxState]):
    """{actor} proposed another Reset Password Email for {device_name}."""

    device: UUID
    organisation: UUID
    site: UUID
    device_name: str
    address: str
    old_email: str
    reset_email: str
    domain: Domain
    reason: str
    proposer: str
    proposer_id: str
    digest: str
    expires_at: datetime

    def evolve(self, change: MailboxState) -> MailboxState:
        return change.but(
            organisation=self.organisation,
            site=self.site,
            subject=self.device,
            device_name=self.device_name,
            address=self.address,
            old_email=self.old_email,
            reset_email=self.reset_email,
            domain=self.domain,
            reason=self.reason,
            proposer=self.proposer,
            proposer_id=self.proposer_id,
            digest=self.digest,
            expires_at=self.expires_at,
        )

    def told(self, actor: str) -> str:
        old, new = masked(self.old_email), masked(self.reset_email)
        before = f"in place of {old}" if old else "which has none"
        name = self.device_name
        return f"{actor} proposed {new} as the Reset Password Email of {name}, {before}."


@event("resets.mailbox_approved")
class MailboxApproved(Event[MailboxState]):
    """{actor} agreed to the proposed Reset Password Email."""

    approver: str
    approver_id: str

    def evolve(self, change: MailboxState) -> MailboxState:
        return change.but(
            stage=Stage.APPROVED, approver=self.approver, approver_id=self.approver_id
        )


@event("resets.mailbox_declined")
class MailboxDeclined(Event[MailboxState]):
    """{actor} declined the proposed Reset Password Email."""

    reason: str

    def evolve(self, change: MailboxState) -> MailboxState:
        return change.but(stage=Stage.DECLINED, answer=self.reason)


@event("resets.mailbox_withdrawn")
class MailboxWithdrawn(Event[MailboxState]):
    """{actor} took their proposal of another Reset Password Email back."""

    def evolve(self, change: MailboxState) -> MailboxState:
        return change.but(stage=Stage.WITHDRAWN)


@event("resets.mailbox_proposal_expired")
class ProposalExpired(Event[MailboxState]):
    """Nobody agreed to the proposed Reset Password Email in time; it stays as it is."""

    def evolve(self, change: MailboxState) -> MailboxState:
        return change.but(stage=Stage.EXPIRED)


@event("resets.mailbox_proposal_voided")
class ProposalVoided(Event[MailboxState]):
    """The device has changed since another Reset Password Email was proposed: that is void."""

    def evolve(self, change: MailboxState) -> MailboxState:
        return change.but(stage=Stage.VOID)

    def refusal(self) -> RekeyError:
        return Conflict(
            "approval_void",
            "The device has changed since this was proposed. The proposal is void: look at the"
            " device, and propose it again.",
        )


@event("resets.mailbox_changed")
class MailboxChanged(Event[MailboxState]):
    """The proposed Reset Password Email is in force; everybody concerned is told by mail."""

    def evolve(self, change: MailboxState) -> MailboxState:
        return change.but(stage=Stage.CHANGED)


# --- people ---------------------------------------------------------------------------------------


@command(by=Role.TECHNICIAN, creates=True)
class ProposeMailbox(Command[MailboxState]):
    """Propose another Reset Password Email for a device. An administrator has to agree to it."""

    device: UUID
    reset_email: str = asked(
        "New Reset Password Email",
        help="The mailbox that verification codes go to. Used for nothing else.",
        max_length=1000,
    )
    reason: str = asked(
        "Why is it to become this one?",
        help="Whoever agrees reads this, and it stands in the history of the device.",
        long=True,
        max_length=500,
    )
    domain: Domain = Domain.NOT_ASKED
    found: DeviceNow = supplied()
    human: Human = supplied()

    def decide(self, change: MailboxState, now: datetime) -> Iterable[Event[MailboxState]]:
        device, reason = self.found, self.reason.strip()
        refuse_nobody(self.human, "propose a mailbox")
        if device.removed:
            raise Refused("device_removed", "This device was removed from the fleet.")
        new = checked(self.reset_email)
        if same(new, device.reset_email):
            raise Refused(
                "mailbox_unchanged",
                "This is its Reset Password Email already.",
                field="reset_email",
            )
        if not reason:
            raise Refused(
                "reason_missing",
                "Say why: whoever has to agree reads it, and it stands in the history.",
                field="reason",
            )
        yield MailboxProposed(
            device=device.id,
            organisation=device.organisation,
            site=device.site,
            device_name=device.name,
            address=device.address,
            old_email=device.reset_email,
            reset_email=new,
            domain=self.domain,
            reason=reason,
            proposer=self.human.name,
            proposer_id=self.human.id,
            digest=device.digest(new, reason),
            expires_at=now + VALID,
        )


class _Answer(Command[MailboxState]):
    """What only somebody else than the proposer may say."""

    @classmethod
    def offered(cls, change: MailboxState, now: datetime) -> bool:
        until = change.expires_at
        return change.stage is Stage.PROPOSED and until is not None and now < until

    @classmethod
    def offered_to(cls, change: MailboxState, person: str) -> bool:
        return may_agree(person, change.proposer_id)


@command(by=Role.ADMINISTRATOR)
class ApproveMailbox(_Answer):
    """Agree to the proposed Reset Password Email, as it is shown."""

    digest: str = asked(
        "Digest of what is agreed to",
        help="As the proposal shows it: it stands for all that will be done.",
        max_length=64,
    )
    found: DeviceNow = supplied()
    human: Human = supplied()

    def decide(self, change: MailboxState, now: datetime) -> Iterable[Event[MailboxState]]:
        _refuse_answer(change, self.human, now)
        refuse_unless_shown(self.digest, change.digest)
        if self.found.digest(change.reset_email, change.reason) != change.digest:
            yield ProposalVoided()
        else:
            yield MailboxApproved(self.human.name, self.human.id)


@command(by=Role.ADMINISTRATOR)
class DeclineMailbox(_Answer):
    """Decline the proposed Reset Password Email. The device keeps the one that it has."""

    reason: str = asked(
        "Why not?", help="Whoever proposed it reads this.", long=True, max_length=500
    )
    human: Human = supplied()

    def decide(self, change: MailboxState, now: datetime) -> Iterable[Event[MailboxState]]:
        _refuse_answer(change, self.human, now)
        if not self.reason.strip():
            raise Refused("reason_missing", "Say why not, for whoever proposed it.", field="reason")
        yield MailboxDeclined(self.reason.strip())


@command(by=Role.TECHNICIAN)
class WithdrawMailbox(Command[MailboxState]):
    """Take one's own proposal back. The device keeps the mailbox that it has."""

    human: Human = supplied()

    @classmethod
    def offered(cls, change: MailboxState, now: datetime) -> bool:
        return change.stage is Stage.PROPOSED

    @classmethod
    def offered_to(cls, change: MailboxState, person: str) -> bool:
        return bool(person) and person == change.proposer_id

    def decide(self, change: MailboxState, now: datetime) -> Iterable[Event[MailboxState]]:
        _refuse_unless_open(change)
        if not self.offered_to(change, self.human.id):
            raise Forbidden(
                "not_your_proposal",
                f"{change.proposer} proposed this, and only they may take it back. An"
                " administrator may decline it.",
            )
        yield MailboxWithdrawn()


_OVER = {
    Stage.APPROVED: "{approver} has agreed to it already.",
    Stage.CHANGED: "{approver} has agreed to it already, and it is in force.",
    Stage.DECLINED: "It was declined already.",
    Stage.WITHDRAWN: "{proposer} has taken it back.",
    Stage.EXPIRED: "Nobody agreed in time.",
    Stage.VOID: "The device has changed since, so that it is void.",
}


def _refuse_unless_open(change: MailboxState) -> None:
    if change.stage is not Stage.PROPOSED:
        why = _OVER[change.stage].format(approver=change.approver, proposer=change.proposer)
        raise Conflict("nothing_to_approve", f"{why} Look where the proposal stands.")


def _refuse_answer(change: MailboxState, human: Human, now: datetime) -> None:
    _refuse_unless_open(change)
    if change.expires_at is not None and now >= change.expires_at:
        raise Conflict("approval_expired", "Nobody agreed in time. Propose it again.")
    refuse_unless_second(
        human,
        change.proposer_id,
        "agree to a mailbox or decline it",
        "You proposed this yourself. Another administrator has to agree to it.",
    )


# --- jobs -----------------------------------------------------------------------------------------


@command(by=Role.JOB)
class ExpireProposal(Command[MailboxState]):
    """End a proposal that nobody answered when its time is over."""

    def decide(self, change: MailboxState, now: datetime) -> Iterable[Event[MailboxState]]:
        due = change.expires_at is not None and now >= change.expires_at
        if change.stage is Stage.PROPOSED and due:
            yield ProposalExpired()


@command(by=Role.JOB)
class VoidProposal(Command[MailboxState]):
    """End a proposal whose device is not as it was."""

    found: DeviceNow = supplied()

    def decide(self, change: MailboxState, now: datetime) -> Iterable[Event[MailboxState]]:
        differs = self.found.digest(change.reset_email, change.reason) != change.digest
        if change.stage is Stage.PROPOSED and differs:
            yield ProposalVoided()


@command(by=Role.JOB)
class RecordMailbox(Command[MailboxState]):
    """Record what has come of what was agreed to: `mailbox` is the one that the device has now."""

    mailbox: str

    def decide(self, change: MailboxState, now: datetime) -> Iterable[Event[MailboxState]]:
        if change.stage is Stage.APPROVED:
            yield MailboxChanged() if self.mailbox == change.reset_email else ProposalVoided()
