"""The picture of who was told of what."""

from __future__ import annotations

from django.db import models

from fleet.eventstore.models import ReadModel


class Notice(ReadModel):
    """`about` is the stream of the event that people were told of: a reset, an alarm."""

    about = models.UUIDField()
    title = models.CharField(max_length=300)
    told = models.JSONField()

    class Meta(ReadModel.Meta):
        db_table = "notice"
        indexes = [models.Index(fields=["about"], name="notice_about")]

    def __str__(self) -> str:
        return self.title
