"""The picture of schedules."""

from __future__ import annotations

from django.db import models

from fleet.eventstore.models import ReadModel


class Schedule(ReadModel):
    name = models.CharField(max_length=120)
    about = models.TextField()
    every = models.CharField(max_length=10)
    number = models.PositiveIntegerField()
    first = models.DateField()
    lasting = models.PositiveIntegerField()
    ahead = models.PositiveIntegerField()
    selection = models.JSONField()
    settings = models.JSONField()
    maker = models.CharField(max_length=200)
    maker_id = models.CharField(max_length=64)
    phase = models.CharField(max_length=20)
    digest = models.CharField(max_length=64)
    approver = models.CharField(max_length=200)
    run = models.PositiveIntegerField()
    campaign = models.UUIDField(null=True)
    ran_at = models.DateTimeField(null=True)
    skipped = models.BooleanField()

    class Meta(ReadModel.Meta):
        db_table = "schedule"
        indexes = [
            models.Index(fields=["organisation", "-id"], name="schedule_by_organisation"),
            models.Index(
                fields=["phase"], condition=models.Q(phase="active"), name="schedule_active"
            ),
        ]

    def __str__(self) -> str:
        return self.name
