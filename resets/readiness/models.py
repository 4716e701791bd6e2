"""The picture of drills."""

from __future__ import annotations

from django.db import models

from devices.models import Device
from fleet.eventstore.models import ReadModel


class Drill(ReadModel):
    """`mailbox` is shown in part; `mailbox_key` tells two apart (see `delivery.projections`)."""

    device = models.ForeignKey(
        Device, related_name="drills", db_constraint=False, on_delete=models.DO_NOTHING
    )
    device_name = models.CharField(max_length=200)
    mailbox = models.CharField(max_length=254)
    mailbox_key = models.UUIDField()
    method = models.CharField(max_length=20)
    asker = models.CharField(max_length=200)
    phase = models.CharField(max_length=10)
    open = models.BooleanField()
    begun_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    sends = models.PositiveSmallIntegerField()
    sent_at = models.DateTimeField()
    code_expires_at = models.DateTimeField()
    tries_left = models.PositiveSmallIntegerField()
    delivery = models.CharField(max_length=12)
    answer = models.TextField()
    waiting_for = models.CharField(max_length=64)
    outcome = models.CharField(max_length=64)
    ended_at = models.DateTimeField(null=True)

    class Meta(ReadModel.Meta):
        db_table = "drill"
        constraints = [
            models.UniqueConstraint(
                fields=["device"],
                condition=models.Q(open=True),
                name="drill_one_open_per_device",
            ),
        ]
        indexes = [
            models.Index(fields=["site", "-id"], name="drill_by_site"),
            models.Index(fields=["organisation", "-id"], name="drill_by_organisation"),
            models.Index(fields=["device", "-id"], name="drill_by_device"),
            models.Index(fields=["mailbox_key", "sent_at"], name="drill_by_mailbox"),
        ]

    def __str__(self) -> str:
        return f"{self.device_name}: {self.phase}"
