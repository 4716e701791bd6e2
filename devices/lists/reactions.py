"""What happens to an uploaded list: it is applied when asked for, and deleted in any case."""

from __future__ import annotations

from devices.lists import imports
from devices.lists.imports import Outdated
from devices.lists.state import Counts, ImportPhase, ImportState
from devices.steps.import_devices import ExpireImport, ImportChecked, ImportRequested, RefuseImport
from fleet.errors import RekeyError
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import later, reaction


@reaction(ImportRequested)
def apply_import(recorded: Recorded) -> None:
    """Apply the list. Run twice, the second run finds it applied, or nothing done at all."""
    state = state_of(ImportState, recorded.stream)
    if state.phase is ImportPhase.APPLYING:
        try:
            imports.carry_out(state, recorded)
        except Outdated as no:
            if _refused(recorded, no, imports.counted(no.plan)):
                imports.keep_lines(state.id, no.plan)
        except RekeyError as no:
            _refused(recorded, no, state.counts)
    if state_of(ImportState, recorded.stream).phase is ImportPhase.APPLIED:
        imports.let_go(recorded.stream, but_lines=True)


def _refused(recorded: Recorded, no: RekeyError, counts: Counts) -> bool:
    """Record why nothing was done; False if another worker has done it meanwhile."""
    by = recorded.because("apply an uploaded list")
    refuse = RefuseImport(no.code, no.message, counts)
    return bool(handle(refuse, recorded.stream, by).events)


@reaction(ImportChecked, due=lambda event: event.expires_at)
def expire_import(recorded: Recorded) -> None:
    """Delete what is still kept of the list an hour after it was uploaded."""
    if state_of(ImportState, recorded.stream).phase is ImportPhase.APPLYING:
        raise later(recorded, "the list is being applied")
    handle(ExpireImport(), recorded.stream, recorded.because("let go of an uploaded list"))
    imports.let_go(recorded.stream)
