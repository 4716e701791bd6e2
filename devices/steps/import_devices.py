"""A list of devices is imported: checked first, then applied whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from devices.lists.state import KEPT_FOR, Counts, ImportPhase, ImportState
from fleet.accounts.state import Role
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Command, Event, command, event, supplied


@dataclass(frozen=True)
class Kept:
    """That the list is kept, encrypted, for as long as it may be applied."""


@event("devices.import_checked")
class ImportChecked(Event[ImportState]):
    """{actor} checked the list {file}: {words}. Nothing was changed."""

    organisation: UUID
    site: UUID
    owner: str
    file: str
    fingerprint: str
    counts: Counts
    words: str
    expires_at: datetime

    def evolve(self, state: ImportState) -> ImportState:
        return state.but(
            organisation=self.organisation,
            site=self.site,
            owner=self.owner,
            file=self.file,
            fingerprint=self.fingerprint,
            counts=self.counts,
            expires_at=self.expires_at,
        )


@event("devices.import_requested")
class ImportRequested(Event[ImportState]):
    """{actor} had the list {file} applied."""

    file: str

    def evolve(self, state: ImportState) -> ImportState:
        return state.but(phase=ImportPhase.APPLYING, trouble="")


@event("devices.import_applied")
class ImportApplied(Event[ImportState]):
    """The list {file} is applied: {added} devices are added, {changed} changed."""

    file: str
    fingerprint: str
    added: int
    changed: int
    unchanged: int

    def evolve(self, state: ImportState) -> ImportState:
        counts = Counts(self.added, self.changed, self.unchanged)
        return state.but(phase=ImportPhase.APPLIED, counts=counts)


@event("devices.import_not_applied")
class ImportNotApplied(Event[ImportState]):
    """The list {file} was not applied, and nothing was changed. {words}"""

    file: str
    problem: str  # the code of the refusal
    words: str
    counts: Counts

    def evolve(self, state: ImportState) -> ImportState:
        return state.but(phase=ImportPhase.CHECKED, trouble=self.words, counts=self.counts)


@event("devices.import_discarded")
class ImportDiscarded(Event[ImportState]):
    """{actor} discarded the list {file}."""

    file: str

    def evolve(self, state: ImportState) -> ImportState:
        return state.but(phase=ImportPhase.DISCARDED)


@event("devices.import_expired")
class ImportExpired(Event[ImportState]):
    """The list {file} was not applied in time; it is not kept any longer."""

    file: str

    def evolve(self, state: ImportState) -> ImportState:
        return state.but(phase=ImportPhase.EXPIRED)


# --- people ---------------------------------------------------------------------------------------


@command(by=Role.OPERATOR, creates=True)
class CheckImport(Command[ImportState]):
    """Take a list whose dry run is done. `rows` are the list with its passwords, `plan` what was
    found, without them.
    """

    organisation: UUID
    site: UUID
    owner: str
    file: str
    fingerprint: str
    counts: Counts
    rows: str = field(repr=False)
    plan: bytes = field(repr=False)
    kept: Kept = supplied()

    def decide(self, state: ImportState, now: datetime) -> Iterable[Event[ImportState]]:
        yield ImportChecked(
            self.organisation,
            self.site,
            self.owner,
            self.file,
            self.fingerprint,
            self.counts,
            self.counts.words,
            now + KEPT_FOR,
        )


@command(by=Role.OPERATOR)
class ApplyImport(Command[ImportState]):
    """Apply a list that has no problems. Asked twice, it is done once."""

    @classmethod
    def offered(cls, state: ImportState, now: datetime) -> bool:
        try:
            return any(cls().decide(state, now))
        except Refused:
            return False

    def decide(self, state: ImportState, now: datetime) -> Iterable[Event[ImportState]]:
        if state.phase in (ImportPhase.APPLYING, ImportPhase.APPLIED):
            return
        if state.phase is not ImportPhase.CHECKED or (state.expires_at and now >= state.expires_at):
            raise Refused("import_over", "This list is not kept any longer. Upload it again.")
        if state.counts.problem:
            raise Refused(
                "import_has_problems",
                f"Lines with a problem: {state.counts.problem:,}. Correct them in the file, and"
                " upload it again.",
            )
        if not state.counts.add + state.counts.update:
            raise Refused("import_changes_nothing", "Everything is as this list says already.")
        yield ImportRequested(state.file)


@command(by=Role.OPERATOR)
class DiscardImport(Command[ImportState]):
    """Delete an uploaded list before its time."""

    @classmethod
    def offered(cls, state: ImportState, now: datetime) -> bool:
        return state.phase is ImportPhase.CHECKED

    def decide(self, state: ImportState, now: datetime) -> Iterable[Event[ImportState]]:
        if state.phase is ImportPhase.APPLYING:
            raise Refused("import_under_way", "This list is being applied. Wait for what comes.")
        if state.phase is ImportPhase.CHECKED:
            yield ImportDiscarded(state.file)


# --- the job --------------------------------------------------------------------------------------


@command(by=Role.OPERATOR)
class CompleteImport(Command[ImportState]):
    """Record that the list is applied: in one transaction with all that it does, and in the name
    of whoever asked for it. No page or call takes this.
    """

    counts: Counts

    def decide(self, state: ImportState, now: datetime) -> Iterable[Event[ImportState]]:
        if state.phase is not ImportPhase.APPLYING:
            raise Conflict("import_done_already", "This list is applied already, or given up.")
        told = self.counts
        yield ImportApplied(state.file, state.fingerprint, told.add, told.update, told.unchanged)


@command(by=Role.JOB)
class RefuseImport(Command[ImportState]):
    """Record that applying came to nothing: what was true at the dry run is so no more."""

    code: str
    words: str
    counts: Counts

    def decide(self, state: ImportState, now: datetime) -> Iterable[Event[ImportState]]:
        if state.phase is ImportPhase.APPLYING:
            yield ImportNotApplied(state.file, self.code, self.words, self.counts)


@command(by=Role.JOB)
class ExpireImport(Command[ImportState]):
    """Let go of a list that nobody applied in time."""

    def decide(self, state: ImportState, now: datetime) -> Iterable[Event[ImportState]]:
        due = state.expires_at is not None and now >= state.expires_at
        if state.phase is ImportPhase.CHECKED and due:
            yield ImportExpired(state.file)
