"""The picture of proposals."""

from __future__ import annotations

from django.db import models

from devices.models import Device, Site
from fleet.eventstore.models import ReadModel
from resets.mailboxes.state import Stage


class MailboxChange(ReadModel):
    """Holds both mailboxes in full; how somebody sees them, `devices.queries.mailbox_shown` says.

    `place` is the site where the device was, and where who may see this is; it may have been moved.
    """

    place = models.ForeignKey(
        Site,
        related_name="mailbox_changes",
        db_constraint=False,
        on_delete=models.DO_NOTHING,
    )
    device = models.ForeignKey(
        Device, related_name="mailbox_changes", db_constraint=False, on_delete=models.DO_NOTHING
    )
    device_name = models.CharField(max_length=200)
    address = models.CharField(max_length=300)
    old_email = models.CharField(max_length=254)
    reset_email = models.CharField(max_length=254)
    domain = models.CharField(max_length=12)
    reason = models.TextField()
    proposer = models.CharField(max_length=200)
    proposer_id = models.CharField(max_length=64)
    approver = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField()
    stage = models.CharField(max_length=10, choices=[(s.value, s.value) for s in Stage])
    open = models.BooleanField()
    answer = models.TextField()

    class Meta(ReadModel.Meta):
        db_table = "mailbox_change"
        constraints = [
            models.UniqueConstraint(
                fields=["device"],
                condition=models.Q(open=True),
                name="mailbox_change_one_open_per_device",
            ),
        ]
        indexes = [
            models.Index(fields=["site", "-id"], name="mailbox_change_by_site"),
            models.Index(fields=["organisation", "-id"], name="mailbox_change_by_org"),
            models.Index(fields=["device", "-id"], name="mailbox_change_by_device"),
        ]

    def __str__(self) -> str:
        return f"{self.device_name}: {self.stage}"
