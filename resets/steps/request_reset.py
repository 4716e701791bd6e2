"""Forget Password: a reset of one device begins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Actor, Command, Event, asked, command, event, supplied
from resets.state import CodeRules, Phase, RecoveryMethod, ResetState


@dataclass(frozen=True)
class DeviceFacts:
    """What has to be known of the device when its reset begins."""

    id: UUID
    organisation: UUID
    site: UUID
    name: str
    username: str
    reset_email: str
    managed: bool
    removed: bool = False


@event("resets.reset_requested")
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
    facts: DeviceFacts = supplied()
    rules: CodeRules = supplied()
    asker: Actor = supplied()

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
        if not self.facts.reset_email:
            raise Refused(
                "no_reset_email",
                "No Reset Password Email is set for this device, so no code can be sent. "
                "Restore the device to its factory settings and add it again with a mailbox.",
            )
        if not self.facts.managed:
            raise Refused(
                "no_recovery_method",
                "Rekey has no management account on this device, so it cannot set a password "
                "there. Restore the device to its factory settings and add it again.",
            )
        yield ResetRequested(
            device=self.facts.id,
            device_name=self.facts.name,
            organisation=self.facts.organisation,
            site=self.facts.site,
            username=self.facts.username,
            method=RecoveryMethod.MANAGEMENT_ACCOUNT,
            reason=self.reason.strip(),
            reset_email=self.facts.reset_email,
            rules=self.rules,
            expires_at=now + timedelta(seconds=self.rules.open_for),
            asker=self.asker.name,
        )
