"""The log's tables, and what every read model has in common."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models

from fleet.eventstore.gate import visible
from fleet.eventstore.messages import Actor


class ReadOnlyQuerySet(models.QuerySet[Any]):
    """Reads, and nothing else: rows are pictures of the log, and only the log changes them."""

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError(f"{self.model.__name__} is written through handle() alone")

    create = bulk_create = bulk_update = update = delete = _refuse
    get_or_create = update_or_create = _refuse
    aupdate = adelete = acreate = _refuse


class Guarded(models.Manager.from_queryset(ReadOnlyQuerySet)):  # type: ignore[misc]
    """A manager that answers only once it has been told who looks.

    `visible_to(actor)` is the way for pages and calls; `for_jobs()` is for Rekey's own work.
    Everything else raises, so that a query which forgets its reader fails its first test.
    """

    def visible_to(self, actor: Actor) -> ReadOnlyQuerySet:
        rows: ReadOnlyQuerySet = super().get_queryset().filter(visible(actor))
        return rows

    def for_jobs(self) -> ReadOnlyQuerySet:
        rows: ReadOnlyQuerySet = super().get_queryset()
        return rows

    def get_queryset(self) -> ReadOnlyQuerySet:
        raise TypeError(
            f"{self.model.__name__}: say who looks, with .visible_to(actor) or .for_jobs()"
        )


class Scoped(models.Model):
    """Whose a row is. Plain ids: the log knows no tables but its own."""

    organisation = models.UUIDField(null=True, editable=False)
    site = models.UUIDField(null=True, editable=False)

    objects = Guarded()
    # For Django's own needs: foreign keys and the rows behind them, checks. It only reads, too.
    everything = models.Manager.from_queryset(ReadOnlyQuerySet)()

    class Meta:
        abstract = True
        base_manager_name = "everything"
        default_manager_name = "everything"

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is written through handle() alone")

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is written through handle() alone")


class ReadModel(Scoped):
    """The picture of one stream's folded state: one row, replaced whole by every event."""

    id = models.UUIDField(primary_key=True, editable=False)
    version = models.PositiveIntegerField(editable=False)
    changed_at = models.DateTimeField(editable=False)

    class Meta(Scoped.Meta):
        abstract = True

    @classmethod
    def columns(cls) -> list[models.Field[Any, Any]]:
        return list(cls._meta.concrete_fields)


class PartModel(Scoped):
    """The picture of a part of a stream's state, such as one of the mails of a reset."""

    id = models.UUIDField(primary_key=True, editable=False)
    stream = models.UUIDField(editable=False)

    class Meta(Scoped.Meta):
        abstract = True


class EventRow(Scoped):
    """One fact. Append-only by trigger and by grant (see migration 0002)."""

    position = models.BigAutoField(primary_key=True)
    id = models.UUIDField(unique=True)
    stream = models.UUIDField()
    version = models.PositiveIntegerField()
    category = models.CharField(max_length=40)
    type = models.CharField(max_length=80)
    schema = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=200)
    source = models.CharField(max_length=64)
    reason = models.TextField()
    correlation = models.UUIDField()
    causation = models.UUIDField(null=True)
    subject = models.UUIDField(null=True)
    data = models.TextField()  # text, not jsonb: the hash is over exactly these characters
    previous = models.BinaryField()
    hash = models.BinaryField()

    class Meta(Scoped.Meta):
        db_table = "event"
        constraints = [
            models.UniqueConstraint(fields=["stream", "version"], name="event_stream_version"),
        ]
        indexes = [
            models.Index(fields=["subject", "position"], name="event_subject"),
            models.Index(fields=["site", "position"], name="event_site"),
            models.Index(fields=["organisation", "position"], name="event_organisation"),
            models.Index(fields=["correlation", "position"], name="event_correlation"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.stream}/{self.version}"


class Checkpoint(models.Model):
    """How far a subscription has read the log."""

    name = models.CharField(max_length=80, primary_key=True)
    position = models.BigIntegerField(default=0)

    class Meta:
        db_table = "checkpoint"

    def __str__(self) -> str:
        return f"{self.name} at {self.position}"


class Job(models.Model):
    """A reaction to an event that is still owed. It is deleted when it is done."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        PARKED = "parked"

    reaction = models.CharField(max_length=80)
    position = models.BigIntegerField()
    organisation = models.UUIDField(null=True)
    site = models.UUIDField(null=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    woken_at = models.DateTimeField(null=True)
    error = models.TextField(default="")

    class Meta:
        db_table = "job"
        constraints = [
            models.UniqueConstraint(fields=["reaction", "position"], name="job_once_per_event"),
        ]
        indexes = [models.Index(fields=["status", "due_at"], name="job_due")]

    def __str__(self) -> str:
        return f"{self.reaction} for event {self.position}"
