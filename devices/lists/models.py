"""The picture of an import, and what is kept of its list for an hour."""

from __future__ import annotations

from django.db import models

from devices.lists.state import ImportPhase
from fleet.eventstore.models import ReadModel


class Import(ReadModel):
    owner = models.CharField(max_length=80)
    file = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)
    phase = models.CharField(max_length=10, choices=[(p.value, p.value) for p in ImportPhase])
    to_add = models.PositiveIntegerField()
    to_update = models.PositiveIntegerField()
    unchanged = models.PositiveIntegerField()
    problems = models.PositiveIntegerField()
    trouble = models.TextField()
    expires_at = models.DateTimeField()

    class Meta(ReadModel.Meta):
        db_table = "import"
        indexes = [models.Index(fields=["owner", "-id"], name="import_by_owner")]

    def __str__(self) -> str:
        return self.file

    @property
    def lines(self) -> int:
        return int(self.to_add + self.to_update + self.unchanged + self.problems)


class ImportFile(models.Model):
    """An uploaded list. Not a picture of the log: it goes when it is applied, or an hour old.

    `rows` is the id of the list itself in the vault: it holds passwords. `plan` is its dry run,
    without them. `done` is how many lines the job has looked at.
    """

    id = models.UUIDField(primary_key=True)
    rows = models.UUIDField(null=True)
    plan = models.BinaryField()
    done = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "import_file"

    def __str__(self) -> str:
        return str(self.id)
