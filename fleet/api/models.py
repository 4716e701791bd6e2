"""Answers that are kept for a while, so that a call which is repeated is not carried out twice."""

from __future__ import annotations

from django.db import models


class KeptAnswer(models.Model):
    """What became of a call with an Idempotency-Key.

    `status` is None from before the call is carried out until it has an answer. `body` is None
    where the answer holds a password or a token: those are kept nowhere.
    """

    actor = models.CharField(max_length=80)
    key = models.CharField(max_length=255)
    call = models.BinaryField()
    status = models.PositiveSmallIntegerField(null=True)
    location = models.CharField(max_length=255, default="")
    body = models.BinaryField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "kept_answer"
        constraints = [
            models.UniqueConstraint(fields=["actor", "key"], name="kept_answer_once_per_key"),
        ]
        indexes = [models.Index(fields=["at"], name="kept_answer_age")]

    def __str__(self) -> str:
        return f"{self.actor}: {self.key}"
