"""The dry run: what would happen to each device, and why not. Nothing is tried at any device.

The same looks are taken once more when a device's turn has come: whatever has changed since.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.utils import timezone
from django.utils.functional import cached_property

from devices import lock_outs
from devices.models import Credential, Device, LoginTries, Telemetry
from devices.state import Purpose
from resets.approvals.binding import facts_of
from resets.campaigns.models import CampaignItem
from resets.campaigns.state import Kind
from resets.limits.many import held_up
from resets.models import Reset
from resets.state import RecoveryMethod
from resets.steps.approve_reset import Agreement

IMPOSSIBLE = (
    "removed",
    "in_campaign",
    "no_mailbox",
    "no_way",
    "not_known",
    "on_recorder",
    "limit",
    "trouble",
)
"""What no wait within a campaign helps against: somebody has to do something first."""
PASSING = ("", "unreachable", "locked_out", "tries_spent", "busy")
NO_ACCOUNT = ("account_limit", "username_refused", "username_clash", "not_supported")
"""Trouble with Rekey's own account alone: a device that changes its own password needs none."""


@dataclass(frozen=True)
class Forecast:
    """What would happen to a device: `why` is "" where nothing is in the way."""

    device: Device
    method: RecoveryMethod | None
    why: str = ""

    @property
    def impossible(self) -> bool:
        return self.why in IMPOSSIBLE


class DryRun:
    """What is known of some devices, looked up for all of them at once.

    `campaign`: the one that asks; that a device is in it already is in nobody's way.
    """

    def __init__(self, kind: Kind, rows: Sequence[Device], campaign: UUID | None = None) -> None:
        self.kind, self.rows, self.campaign = kind, rows, campaign
        self.ids = [row.pk for row in rows]
        self.now = timezone.now()

    def forecasts(self) -> list[Forecast]:
        return [Forecast(row, self.method(row), self._why(row)) for row in self.rows]

    def method(self, row: Device) -> RecoveryMethod | None:
        """How the new password gets onto a device with nobody at it; None: in no way."""
        if row.managed:
            return RecoveryMethod.MANAGEMENT_ACCOUNT
        if self.kind is Kind.ROTATION:
            return RecoveryMethod.KNOWN_PASSWORD
        return RecoveryMethod.DEVICE_RECOVERY if row.pk in self._keyed else None

    def _why(self, row: Device) -> str:
        if row.removed:
            return "removed"
        if row.pk in self._in_campaign:
            return "in_campaign"
        by_itself = self.method(row) is RecoveryMethod.KNOWN_PASSWORD
        if row.trouble not in PASSING and not (by_itself and row.trouble in NO_ACCOUNT):
            return "trouble"
        if self.kind is Kind.ROTATION:
            refused = row.certified is False and row.pk not in self._unsettled
            if row.pk not in self._known or refused:
                return "not_known"
        else:
            if not row.reset_email:
                return "no_mailbox"
            if row.nvr_id and row.nvr_opens is False:
                return "on_recorder"
            if self.method(row) is None:
                return "no_way"
            if row.pk in self._held_up:
                return self._held_up[row.pk]
        if row.pk in self._being_reset:
            return "being_reset"
        if row.pk in self._offline:
            return "offline"
        return "locked" if row.pk in self._locked else ""

    @cached_property
    def _in_campaign(self) -> set[UUID]:
        rows = CampaignItem.objects.for_jobs().filter(device__in=self.ids, open=True)
        if self.campaign:
            rows = rows.exclude(campaign=self.campaign)
        return set(rows.values_list("device", flat=True))

    @cached_property
    def _held_up(self) -> dict[UUID, str]:
        return held_up(self.rows, self.now)

    @cached_property
    def _being_reset(self) -> set[UUID]:
        rows = Reset.objects.for_jobs().filter(device__in=self.ids, open=True)
        return set(rows.values_list("device", flat=True))

    @cached_property
    def _offline(self) -> set[UUID]:
        rows = Telemetry.objects.filter(device__in=self.ids, online=False)
        return set(rows.values_list("device", flat=True))

    @cached_property
    def _locked(self) -> set[UUID]:
        """Locked, or one more wrong login could lock it; as `devices.doors.Tries` counts them."""
        makers = {row.pk: lock_outs.of(row.manufacturer, row.kind) for row in self.rows}
        failed, locked = Counter[UUID](), set[UUID]()
        for row in LoginTries.objects.filter(device__in=self.ids):
            maker = makers[row.device]
            if row.locked_until and row.locked_until > self.now:
                locked.add(row.device)
            if row.failed_at and row.failed_at > self.now - timedelta(seconds=maker.forgets):
                failed[row.device] += row.failed
        return locked | {pk for pk, count in failed.items() if count > makers[pk].doubtful}

    @cached_property
    def _known(self) -> set[UUID]:
        return self._with(Purpose.DEVICE, current__isnull=False)

    @cached_property
    def _unsettled(self) -> set[UUID]:
        """Those whose last change lost its answer: one of two passwords opens them."""
        return self._with(Purpose.DEVICE, candidate__isnull=False)

    @cached_property
    def _keyed(self) -> set[UUID]:
        speaks = {
            row.pk
            for row in self.rows
            if row.driver == "recovery" or any(s["driver"] == "recovery" for s in row.services)
        }
        return speaks & self._with(Purpose.RECOVERY)

    def _with(self, purpose: Purpose, **more: bool) -> set[UUID]:
        rows = Credential.objects.for_jobs().filter(
            device__in=self.ids, purpose=purpose.value, **more
        )
        return set(rows.values_list("device", flat=True))


def agreed_facts(row: Device, method: RecoveryMethod | None, reason: str) -> str:
    """The digest of all that is agreed to of one device."""
    facts = facts_of(row, row.reset_email)
    return Agreement(facts=facts).digest(method.value if method else "", reason)
