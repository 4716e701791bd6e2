"""What the page of an import shows."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone
from django.utils.functional import cached_property

from devices.lists import imports
from devices.lists.models import Import
from devices.lists.plans import Action, Line
from devices.lists.state import ImportPhase

_STANDS = {
    ImportPhase.CHECKED: ("quiet", "Nothing changed yet"),
    ImportPhase.APPLYING: ("busy", "Being applied"),
    ImportPhase.APPLIED: ("ok", "Applied"),
    ImportPhase.DISCARDED: ("quiet", "Discarded"),
    ImportPhase.EXPIRED: ("quiet", "Not kept any longer"),
}
_LOOKS = {  # of a line: before and after it is applied
    Action.ADD: ("busy", "plus", "Add", "Added"),
    Action.UPDATE: ("warn", "pencil", "Change", "Changed"),
    Action.UNCHANGED: ("quiet", "equal", "Unchanged", "Unchanged"),
    Action.PROBLEM: ("bad", "", "Problem", "Problem"),
}


@dataclass(frozen=True)
class ShownLine:
    """A line of the table."""

    line: Line
    tone: str
    icon: str
    words: str
    there: bool  # whether its device is in the fleet by now


@dataclass(frozen=True)
class Tab:
    """A link that shows some of the lines."""

    label: str
    show: str
    count: int
    current: bool


@dataclass(frozen=True)
class ImportPage:
    row: Import

    @property
    def phase(self) -> ImportPhase:
        return ImportPhase(self.row.phase)

    @property
    def stands(self) -> tuple[str, str]:
        """Its badge: tone and words."""
        if self.phase is ImportPhase.CHECKED and self.row.problems:
            return "bad", "Has problems"
        return _STANDS[self.phase]

    @property
    def under_way(self) -> bool:
        return self.phase is ImportPhase.APPLYING

    @property
    def applied(self) -> bool:
        return self.phase is ImportPhase.APPLIED

    @property
    def open(self) -> bool:
        """Whether it waits for a person: to apply it, or to correct the file."""
        return self.phase is ImportPhase.CHECKED and timezone.now() < self.row.expires_at

    @property
    def over(self) -> bool:
        return not (self.open or self.under_way or self.applied)

    @property
    def may_apply(self) -> bool:
        return self.open and not self.row.problems and self.row.to_add + self.row.to_update > 0

    @cached_property
    def dry_run(self) -> imports.DryRun:
        return imports.dry_run(self.row.pk)

    @cached_property
    def done(self) -> int:
        """Lines that the job has looked at."""
        return imports.looked_at(self.row.pk)

    @property
    def version(self) -> str:
        return f"{self.row.version}.{self.done}"

    def found(self, show: str) -> list[ShownLine]:
        """The lines of one kind; without one all of them, problems first."""
        lines = self.dry_run.lines
        if show in tuple(Action):
            lines = [line for line in lines if line.action == show]
        else:
            lines = sorted(lines, key=lambda line: line.action is not Action.PROBLEM)
        return [self._shown(line) for line in lines]

    def tabs(self, show: str) -> list[Tab]:
        """All, and each kind of which there are any."""
        row = self.row
        counts = (
            ("All", "", row.lines),
            ("Problems", Action.PROBLEM, row.problems),
            ("Added" if self.applied else "To add", Action.ADD, row.to_add),
            ("Changed" if self.applied else "To change", Action.UPDATE, row.to_update),
            ("Unchanged", Action.UNCHANGED, row.unchanged),
        )
        chosen = show if show in tuple(Action) else ""
        return [
            Tab(label, str(kind), count, kind == chosen)
            for label, kind, count in counts
            if count or not kind or kind == chosen
        ]

    def _shown(self, line: Line) -> ShownLine:
        tone, icon, words, done = _LOOKS[line.action]
        if self.applied and line.action in (Action.ADD, Action.UPDATE):
            tone = "ok"
        there = line.device is not None and (self.applied or line.action is not Action.ADD)
        return ShownLine(line, tone, icon, done if self.applied else words, there)
