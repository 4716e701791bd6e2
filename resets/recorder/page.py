"""What pages show of the NVR of a reset's camera. Nothing is decided here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.functional import cached_property

from devices import queries as devices
from fleet.eventstore.messages import Actor, Command
from resets.queries import Standing
from resets.recorder.duty import facts_of
from resets.recorder.state import AtRecorder
from resets.steps.put_back_on_recorder import ConfirmOnRecorder, LeaveOffRecorder, PutBackOnNvr
from resets.steps.recorder import BY_HAND, LOOKED, NvrFacts, why_not
from resets.steps.remove_from_recorder import ConfirmRemoved, RemoveFromRecorder

STEPS: tuple[type[Command[Any]], ...] = (
    RemoveFromRecorder,
    ConfirmRemoved,
    PutBackOnNvr,
    ConfirmOnRecorder,
    LeaveOffRecorder,
)


@dataclass(frozen=True)
class RecorderPanel:
    """For one reader of one reset."""

    standing: Standing
    actor: Actor

    @property
    def stands(self) -> AtRecorder:
        return self.standing.state.at_recorder

    @cached_property
    def nvr(self) -> Any:
        """The NVR, if it may be seen and is in the fleet still."""
        nvr = self.standing.state.nvr
        return nvr and devices.devices(self.actor).filter(pk=nvr).first()

    @property
    def name(self) -> str:
        return str(self.nvr.name) if self.nvr else "its NVR"

    @property
    def channel(self) -> int | None:
        return self.standing.state.channel

    @cached_property
    def facts(self) -> NvrFacts:
        return facts_of(self.nvr)

    @property
    def cannot(self) -> str:
        """Why Rekey cannot change the NVR's list of cameras."""
        return BY_HAND.get(self.facts.why, "") if not self.facts.removes else ""

    @property
    def why(self) -> str:
        """What kept Rekey from it when it tried, or keeps it waiting."""
        return why_not(self.standing.state.recorder_detail)

    @property
    def could_not(self) -> bool:
        """Whether Rekey tried and could not; else it has only looked."""
        return self.standing.state.recorder_detail not in LOOKED

    @property
    def is_busy(self) -> bool:
        """Whether Rekey is at the NVR now, so that the page has to be looked at again."""
        return self.stands.busy

    @property
    def may_do(self) -> bool:
        return ConfirmOnRecorder in self.standing.offered

    @property
    def may_leave(self) -> bool:
        return LeaveOffRecorder in self.standing.offered
