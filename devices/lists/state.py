"""An import, as its events leave it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fleet.eventstore.messages import State, state

KEPT_FOR = timedelta(hours=1)  # an uploaded list: it holds passwords


class ImportPhase(StrEnum):
    """Where an import stands."""

    CHECKED = "checked"  # the dry run is there, and nothing was changed
    APPLYING = "applying"
    APPLIED = "applied"
    DISCARDED = "discarded"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Counts:
    """How many lines there are of each kind."""

    add: int = 0
    update: int = 0
    unchanged: int = 0
    problem: int = 0

    @property
    def lines(self) -> int:
        return self.add + self.update + self.unchanged + self.problem

    @property
    def words(self) -> str:
        told = f"{self.add:,} to add, {self.update:,} to change, {self.unchanged:,} unchanged"
        return f"{told}, {self.problem:,} with a problem" if self.problem else told


@state("import")
class ImportState(State):
    """`owner` is whoever uploaded the list, as `Actor.kind` and `.id`: nobody else sees it.
    `fingerprint` tells whether two files are the same; `trouble` is why applying came to nothing.
    """

    owner: str = ""
    file: str = ""
    fingerprint: str = ""
    phase: ImportPhase = ImportPhase.CHECKED
    counts: Counts = Counts()
    trouble: str = ""
    expires_at: datetime | None = None
