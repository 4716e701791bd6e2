"""The pictures of campaigns, of their items, and of their codes."""

from __future__ import annotations

from django.db import models

from devices.models import Device
from fleet.eventstore.models import ReadModel


class Campaign(ReadModel):
    kind = models.CharField(max_length=10)
    name = models.CharField(max_length=120)
    about = models.TextField()
    settings = models.JSONField()
    selection = models.JSONField()
    ends_at = models.DateTimeField()
    planner = models.CharField(max_length=200)
    planner_id = models.CharField(max_length=64)
    schedule = models.UUIDField(null=True)
    phase = models.CharField(max_length=20)
    open = models.BooleanField()
    digest = models.CharField(max_length=64)
    chosen = models.PositiveIntegerField()
    planned = models.PositiveIntegerField()
    approver = models.CharField(max_length=200)
    approver_id = models.CharField(max_length=64)
    why = models.CharField(max_length=40)
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta(ReadModel.Meta):
        db_table = "campaign"
        indexes = [
            models.Index(fields=["organisation", "-id"], name="campaign_by_organisation"),
            models.Index(fields=["open"], condition=models.Q(open=True), name="campaign_open"),
        ]

    def __str__(self) -> str:
        return self.name


class CampaignItem(ReadModel):
    """`site` is the device's, also where the campaign goes over several."""

    campaign = models.ForeignKey(
        Campaign, related_name="items", db_constraint=False, on_delete=models.DO_NOTHING
    )
    device = models.ForeignKey(
        Device, related_name="campaign_items", db_constraint=False, on_delete=models.DO_NOTHING
    )
    number = models.PositiveIntegerField()
    ring = models.PositiveIntegerField()
    device_name = models.CharField(max_length=200)
    model = models.CharField(max_length=200)
    nvr = models.UUIDField(null=True)
    username = models.CharField(max_length=64)
    method = models.CharField(max_length=20)
    mailbox = models.CharField(max_length=254)
    facts = models.CharField(max_length=64)
    forecast = models.CharField(max_length=40)
    standing = models.CharField(max_length=10)
    open = models.BooleanField()
    why = models.CharField(max_length=64)
    reset = models.UUIDField(null=True)
    attempt = models.PositiveSmallIntegerField()
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta(ReadModel.Meta):
        db_table = "campaign_item"
        constraints = [
            models.UniqueConstraint(
                fields=["device"],
                condition=models.Q(open=True),
                name="campaign_item_one_open_per_device",
            ),
        ]
        indexes = [
            models.Index(fields=["campaign", "number"], name="campaign_item_in_order"),
            models.Index(
                fields=["campaign", "standing", "ring", "number"], name="campaign_item_next"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number}. {self.device_name}: {self.standing}"


class CampaignCodes(ReadModel):
    campaign = models.ForeignKey(
        Campaign, related_name="codes", db_constraint=False, on_delete=models.DO_NOTHING
    )
    mailbox = models.CharField(max_length=254)
    sends = models.PositiveSmallIntegerField()
    sent_at = models.DateTimeField(null=True)
    code_expires_at = models.DateTimeField(null=True)
    tries_left = models.PositiveSmallIntegerField()
    owner = models.CharField(max_length=64)
    delivery = models.CharField(max_length=12)
    answer = models.TextField()
    verified = models.BooleanField()
    disowned = models.BooleanField()

    class Meta(ReadModel.Meta):
        db_table = "campaign_codes"
        indexes = [models.Index(fields=["campaign", "mailbox"], name="campaign_codes_of")]

    def __str__(self) -> str:
        return f"codes of {self.campaign_id}"
