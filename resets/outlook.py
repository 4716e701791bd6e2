"""What lies ahead of a reset that has not begun: its ways, who has to agree, and what is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms

from fleet.eventstore.messages import By
from fleet.web.command_forms import form_of
from resets import words
from resets.limits.budgets import near_the_edge
from resets.limits.rules import Counted, Left
from resets.rules import APPROVAL_WORDS
from resets.state import RecoveryMethod
from resets.steps.request_reset import RequestReset
from resets.supplies import methods, needs_approval


@dataclass(frozen=True)
class Outlook:
    """For one device. `approval`: why a second person will have to agree, for people; or "".
    `recorder`: the NVR that it has to be removed from first; or "". `budget`: the limits with the
    least left.
    """

    methods: tuple[RecoveryMethod, ...]
    approval: str
    mailbox: bool
    recorder: str = ""
    budget: tuple[Left, ...] = ()

    @classmethod
    def of(cls, device: Any, by: By) -> Outlook:
        why = needs_approval(device)
        shut_out = device.nvr_id and device.nvr_opens is False
        recorder = device.nvr.name if shut_out and device.nvr else ""
        approval = APPROVAL_WORDS.get(why, "")
        budget = near_the_edge(by, device.pk, Counted.RESETS)
        return cls(methods(device), approval, bool(device.reset_email), recorder, budget)

    def form(self, answers: Mapping[str, Any] | None = None, wished: str = "") -> forms.Form:
        """Forget Password, with the ways that are open on this device; the one that is wished for
        is chosen, or else the best one.
        """
        offered = [(method.value, words.METHODS[method]) for method in self.methods]
        best = wished if wished in self.methods else self.methods[0].value
        return form_of(RequestReset, answers, {"method": best}, {"method": offered})
