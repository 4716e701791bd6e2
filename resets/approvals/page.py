"""What the wizard shows of an approval and of a broken glass. Nothing is decided here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.functional import cached_property

from fleet.accounts.access import human
from fleet.accounts.queries import Somebody
from fleet.eventstore.messages import Actor, Event, Recorded
from resets import words
from resets.approvals.binding import facts_of
from resets.approvals.queries import may_agree
from resets.queries import Standing
from resets.rules import APPROVAL_WORDS
from resets.state import Phase, ResetState, masked
from resets.steps.approve_reset import Agreement, ResetApproved
from resets.steps.break_glass import GlassBroken, GlassReviewed, ReviewBreakGlass

SHORT = 12  # characters of a digest that people compare
NAMED = 3  # of those who may agree


@dataclass(frozen=True)
class Approval:
    """What a second person has to agree to, why, and who may; or who broke the glass instead."""

    standing: Standing
    actor: Actor

    @property
    def awaits(self) -> bool:
        """Whether it still waits for an answer."""
        return self.reset.phase is Phase.AWAITING_APPROVAL

    @property
    def is_own(self) -> bool:
        """Whether whoever looks has asked for it."""
        return human(self.actor).id == self.reset.asker_id

    @property
    def agreed(self) -> Recorded | None:
        return self._happened(ResetApproved)

    @property
    def broken(self) -> Recorded | None:
        return self._happened(GlassBroken)

    @property
    def reviewed(self) -> Recorded | None:
        return self._happened(GlassReviewed)

    @property
    def may_review(self) -> bool:
        return ReviewBreakGlass in self.standing.offered

    def _happened(self, event: type[Event[ResetState]]) -> Recorded | None:
        return next((one for one in self.standing.story if one.type == event.tag), None)

    @property
    def reset(self) -> ResetState:
        return self.standing.state

    @property
    def device(self) -> Any:
        return self.standing.row.device

    @property
    def why(self) -> str:
        return APPROVAL_WORDS.get(self.reset.approval_why, self.reset.approval_why)

    @property
    def method(self) -> str:
        return words.METHODS[self.reset.method]

    @property
    def asked(self) -> Recorded:
        """Who asked, when and from where."""
        return self.standing.story[0]

    @property
    def mailbox(self) -> str:
        return masked(self.reset.reset_email)

    @property
    def digest(self) -> str:
        """The whole of it: what the answer is bound to."""
        return self.reset.digest

    @property
    def short_digest(self) -> str:
        return self.reset.digest[:SHORT]

    @cached_property
    def fits(self) -> bool:
        """Whether the device, as it is shown here, is still the one that was asked for."""
        facts = facts_of(self.device, self.device.reset_email)
        digest = Agreement(facts=facts).digest(self.reset.method.value, self.reset.reason)
        return digest == self.reset.digest

    @cached_property
    def others(self) -> list[Somebody]:
        assert self.reset.organisation
        return may_agree(self.reset.asker_id, self.reset.organisation, self.reset.site)

    @property
    def who(self) -> str:
        """Those who may agree, by name; "" when there is nobody."""
        names = [one.name for one in self.others[:NAMED]]
        if len(self.others) > NAMED:
            names[-1] = "another administrator"
        return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
