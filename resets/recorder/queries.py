"""What steps and pages ask about the NVR of a reset's camera."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from fleet.accounts.access import holding
from fleet.accounts.state import Role
from fleet.eventstore.handling import supplies
from fleet.eventstore.messages import Actor, By, Command
from resets import queries
from resets.models import Reset
from resets.recorder.duty import facts_of, nvr_of
from resets.recorder.state import AtRecorder
from resets.state import ResetState
from resets.steps.recorder import NvrFacts


@supplies(NvrFacts)
def nvr_facts(command: Command[ResetState], state: ResetState, by: By) -> NvrFacts:
    """What Rekey can do on the camera's NVR: whoever may go on with the reset learns only that."""
    return facts_of(nvr_of(state))


def owed(actor: Actor) -> QuerySet[Reset]:
    """Resets that are over, with something left to be done at the NVR, where this one may do it."""
    left = [one.value for one in AtRecorder if one.owed and not one.busy]
    rows = queries.resets(holding(actor, Role.TECHNICIAN))
    return rows.filter(open=False, recorder__in=left, device__removed=False)


def to_be_told(actor: Actor, campaign: UUID) -> set[UUID]:
    """A campaign's resets that are over, whose NVR somebody still has to tell the new password."""
    rows = queries.resets(actor).filter(campaign=campaign, open=False)
    return set(rows.filter(recorder=AtRecorder.TO_TELL.value).values_list("pk", flat=True))
