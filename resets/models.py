"""The picture of resets."""

from __future__ import annotations

from django.db import models

from devices.models import Device
from fleet.eventstore.models import ReadModel
from resets.campaigns.models import Campaign as Campaign
from resets.campaigns.models import CampaignCodes as CampaignCodes
from resets.campaigns.models import CampaignItem as CampaignItem
from resets.delivery.models import CodeMail as CodeMail
from resets.delivery.models import MailTest as MailTest
from resets.limits.models import Breaker as Breaker
from resets.limits.models import LimitUse as LimitUse
from resets.limits.models import RefusalCount as RefusalCount
from resets.limits.models import Refusals as Refusals
from resets.mailboxes.models import MailboxChange as MailboxChange
from resets.notices.models import Notice as Notice
from resets.readiness.models import Drill as Drill
from resets.schedules.models import Schedule as Schedule
from resets.state import Delivery, Phase


class Reset(ReadModel):
    device = models.ForeignKey(
        Device, related_name="resets", db_constraint=False, on_delete=models.DO_NOTHING
    )
    device_name = models.CharField(max_length=200)
    username = models.CharField(max_length=64)
    method = models.CharField(max_length=20)
    reason = models.TextField()
    mailbox = models.CharField(max_length=254)
    asker = models.CharField(max_length=200)
    phase = models.CharField(max_length=20, choices=[(p.value, p.value) for p in Phase])
    open = models.BooleanField()
    expires_at = models.DateTimeField()
    sends = models.PositiveSmallIntegerField()
    sent_at = models.DateTimeField(null=True)
    code_expires_at = models.DateTimeField(null=True)
    tries_left = models.PositiveSmallIntegerField()
    delivery = models.CharField(max_length=12, choices=[(d.value, d.value) for d in Delivery])
    delivery_detail = models.TextField()
    generated = models.BooleanField()
    waiting_for = models.CharField(max_length=64)
    doors = models.JSONField()
    outcome = models.CharField(max_length=64)
    asker_id = models.CharField(max_length=64)
    approval_why = models.CharField(max_length=20)
    glass_broken_by = models.CharField(max_length=64)
    glass_reviewed = models.BooleanField()
    # What waits for somebody is counted on every page: of those few alone, by indexes that a
    # change of the phase does not touch.
    awaits_approval = models.BooleanField()
    awaits_review = models.BooleanField()
    recorder = models.CharField(max_length=20)
    recorder_detail = models.CharField(max_length=64)
    campaign = models.UUIDField(null=True)

    class Meta(ReadModel.Meta):
        db_table = "reset"
        constraints = [
            models.UniqueConstraint(
                fields=["device"],
                condition=models.Q(open=True),
                name="reset_one_open_per_device",
            ),
        ]
        indexes = [
            models.Index(fields=["site", "-id"], name="reset_by_site"),
            models.Index(fields=["organisation", "-id"], name="reset_by_organisation"),
            models.Index(fields=["device", "-id"], name="reset_by_device"),
            models.Index(
                fields=["organisation"],
                condition=models.Q(awaits_approval=True),
                name="reset_awaiting_approval",
            ),
            models.Index(
                fields=["organisation"],
                condition=models.Q(awaits_review=True),
                name="reset_awaiting_review",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device_name}: {self.phase}"
