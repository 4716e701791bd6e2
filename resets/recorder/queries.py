"""What steps and pages ask about the NVR of a reset's camera."""

from __future__ import annotations

from fleet.eventstore.handling import supplies
from fleet.eventstore.messages import By, Command
from resets.recorder.duty import facts_of, nvr_of
from resets.state import ResetState
from resets.steps.recorder import NvrFacts


@supplies(NvrFacts)
def nvr_facts(command: Command[ResetState], state: ResetState, by: By) -> NvrFacts:
    """What Rekey can do on the camera's NVR: whoever may go on with the reset learns only that."""
    return facts_of(nvr_of(state))
