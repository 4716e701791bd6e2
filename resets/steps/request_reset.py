"""Forget Password: a reset of one device begins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fleet.accounts.state import Human, Role
from fleet.errors import Refused
from fleet.eventstore.messages import Actor, Command, Event, asked, command, event, supplied
from resets.limits.rules import Budget
from resets.recorder.state import AtRecorder
from resets.rules import CodeRules
from resets.state import Phase, RecoveryMethod, ResetState
from resets.steps.approve_reset import Agreement, ApprovalAsked


@dataclass(frozen=True)
class DeviceFacts:
    """What has to be known of the device when its reset begins.

    `methods` are the ways in which a new password can get onto it, the best first. `nvr` and
    `channel`: where its recorder has it; `on_recorder`: the recorder has to let go of it first.
    """

    id: UUID
    organisation: UUID
    site: UUID
    name: str
    username: str
    reset_email: str
    methods: tuple[RecoveryMethod, ...]
    removed: bool = False
    nvr: UUID | None = None
    channel: int | None = None
    on_recorder: bool = False


def _alone(fields: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 knew no recorders, and its codes were anybody's who might type them."""
    return {**fields, "asker_id": "", "nvr": None, "channel": None, "on_recorder": False}


def _by_itself(fields: dict[str, Any]) -> dict[str, Any]:
    """Schema 2 knew no campaigns."""
    return {**fields, "campaign": None}


@event("resets.reset_requested", schema=3, upcast={1: _alone, 2: _by_itself})
class ResetRequested(Event[ResetState]):
    """{actor} began a reset of {device_name}: {reason}"""

    device: UUID
    device_name: str
    organisation: UUID
    site: UUID
    username: str
    method: RecoveryMethod
    reason: str
    reset_email: str
    rules: CodeRules
    expires_at: datetime
    asker: str
    asker_id: str
    nvr: UUID | None
    channel: int | None
    on_recorder: bool
    campaign: UUID | None = None

    def evolve(self, reset: ResetState) -> ResetState:
        return reset.but(
            organisation=self.organisation,
            site=self.site,
            subject=self.device,
            device_name=self.device_name,
            username=self.username,
            method=self.method,
            reason=self.reason,
            reset_email=self.reset_email,
            rules=self.rules,
            expires_at=self.expires_at,
            asker=self.asker,
            asker_id=self.asker_id,
            nvr=self.nvr,
            channel=self.channel,
            campaign=self.campaign,
            recorder=AtRecorder.TO_REMOVE if self.on_recorder else AtRecorder.NONE,
            phase=Phase.REQUESTED,
        )


@command(by=Role.TECHNICIAN, creates=True)
class RequestReset(Command[ResetState]):
    """Begin a reset of the device's password."""

    device: UUID
    reason: str = asked(
        "Why is the password being reset?",
        help="It stands in the history of the device, for everybody who may see it.",
        long=True,
        max_length=500,
    )
    method: RecoveryMethod | None = asked(
        "How does the new password get onto the device?",
        help="Left open, Rekey takes the way that needs nobody at the device, if there is one.",
        default=None,
    )
    facts: DeviceFacts = supplied()
    rules: CodeRules = supplied()
    asker: Actor = supplied()
    human: Human = supplied()
    agreement: Agreement = supplied()
    budget: Budget = supplied()

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        if not self.reason.strip():
            raise Refused(
                "reason_missing",
                "Say why the password is being reset; it stands in the history.",
                field="reason",
            )
        if self.facts.removed:
            raise Refused(
                "device_removed", "This device was removed from the fleet. Add it again to go on."
            )
        method = self.method or self.facts.methods[0]
        if method not in self.facts.methods:
            raise Refused(
                "no_recovery_method",
                "This way is not open on this device: "
                + _WHY_NOT.get(method, "")
                + " Choose another way, or the factory restore.",
                field="method",
            )
        self.budget.refuse()
        yield ResetRequested(
            device=self.facts.id,
            device_name=self.facts.name,
            organisation=self.facts.organisation,
            site=self.facts.site,
            username=self.facts.username,
            method=method,
            reason=self.reason.strip(),
            reset_email=self.facts.reset_email,
            rules=self.rules,
            expires_at=now + timedelta(seconds=self.rules.open_for),
            asker=self.asker.name,
            asker_id=self.human.id,
            nvr=self.facts.nvr,
            channel=self.facts.channel,
            on_recorder=self.facts.on_recorder,
        )
        if self.agreement.why:
            yield ApprovalAsked(
                why=self.agreement.why,
                digest=self.agreement.digest(method.value, self.reason.strip()),
                expires_at=now + timedelta(seconds=self.agreement.valid),
            )


_WHY_NOT = {
    RecoveryMethod.MANAGEMENT_ACCOUNT: "Rekey has no management account there.",
    RecoveryMethod.DEVICE_RECOVERY: "Rekey holds no recovery key of it.",
    RecoveryMethod.KNOWN_PASSWORD: "It is for rotations alone, which need no code.",
}
