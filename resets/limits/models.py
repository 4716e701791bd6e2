"""What limits have counted, and the pictures of refusals and alarms."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models

from fleet.eventstore.models import ReadModel
from resets.limits.rules import Counted, Limit, Scope
from resets.limits.state import PERIOD


class LimitUse(models.Model):
    """One use, under one key (see `counting`). It follows from the log; see `ledger.recount`.

    `n` is random: it tells two uses of one moment apart.
    """

    pk = models.CompositePrimaryKey("key", "at", "n")
    key = models.UUIDField()
    at = models.DateTimeField()
    n = models.IntegerField()

    class Meta:
        db_table = "limit_use"

    def __str__(self) -> str:
        return f"{self.key} at {self.at}"


class RefusalCount(models.Model):
    """The refusals of a period that is not over: a plain count, so that a flood of them costs
    little and leaves no flood of events. `facts` is what its sum will tell of, as JSON.
    """

    id = models.UUIDField(primary_key=True)  # of its guard
    site = models.UUIDField()  # the organisation, of a campaign over several sites
    until = models.DateTimeField()
    count = models.PositiveIntegerField()
    facts = models.TextField()

    class Meta:
        db_table = "limit_refusal"

    def __str__(self) -> str:
        return f"{self.count} until {self.until}"


class _OfALimit(ReadModel):
    counted = models.CharField(max_length=10, choices=[(c.value, c.value) for c in Counted])
    scope = models.CharField(max_length=12, choices=[(s.value, s.value) for s in Scope])
    most = models.PositiveIntegerField()
    window = models.PositiveIntegerField()
    what = models.CharField(max_length=254)
    device = models.UUIDField(null=True)
    device_name = models.CharField(max_length=200)
    asker = models.CharField(max_length=200)

    class Meta(ReadModel.Meta):
        abstract = True

    @property
    def limit_words(self) -> str:
        """`3 codes for one device in 24 h`; "" where they are of many limits."""
        if not self.counted:
            return ""
        return Limit(Counted(self.counted), Scope(self.scope), self.most, self.window).words

    @property
    def over(self) -> str:
        """What reached it; "" where there are many. The codes of a campaign are of no device."""
        return self.what or self.device_name or ("A campaign" if self.counted else "")


class Refusals(_OfALimit):
    """The refusals by one limit in one period. `counted` is blank where they are of many limits."""

    trips = models.BooleanField()
    campaign = models.UUIDField(null=True)  # one of whose codes it was
    frees_at = models.DateTimeField(null=True)
    until = models.DateTimeField()
    count = models.PositiveIntegerField()

    @property
    def begun_at(self) -> datetime:
        """When the period began."""
        return self.until - timedelta(seconds=PERIOD)

    class Meta(ReadModel.Meta):
        db_table = "refusals"
        indexes = [models.Index(fields=["site", "-until"], name="refusals_by_site")]

    def __str__(self) -> str:
        return f"{self.count} by {self.most} {self.counted} for each {self.scope}"


class Breaker(_OfALimit):
    """An alarm, as long as it waits for a person and after."""

    tripped = models.BooleanField()
    times = models.PositiveIntegerField()
    tripped_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_because = models.TextField()

    class Meta(ReadModel.Meta):
        db_table = "breaker"
        indexes = [
            models.Index(fields=["site", "-tripped_at"], name="breaker_by_site"),
            models.Index(
                fields=["tripped_at"], condition=models.Q(tripped=True), name="breaker_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.what}"
