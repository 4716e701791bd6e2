"""The result of an order: what the device answered, brought by somebody, once and in order.

What counts is the device's own seal on its answer, made with the recovery key over this very
request: nobody who carries it can change it, or make one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from devices.drivers.recovery_crypto import Completion
from fleet.accounts.state import Role
from fleet.errors import Conflict, Refused
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from resets.applying import papers
from resets.applying.papers import ResultPaper
from resets.state import AWAITS_CHALLENGE, AWAITS_RESULT, Phase, ResetState
from resets.steps.fail_reset import ResetFailed

DONE, NO_ANSWER = "done", "no_answer"
UNSIGNED = ("malformed", "fresh", "no_key", "proof_refused")  # as the protocol has it

_FACTORY = "Use the factory restore."
_REFUSED = {
    "closed": f"The device takes no more codes: too many were wrong. {_FACTORY}",
    "code_refused": f"The device refused the code that its own key leads to. {_FACTORY}",
    "unknown_account": "The device has no account of that name. Begin another reset once it has.",
    "password_refused": "The new password is against the device's rules. Choose another one.",  # nosec B105
}
"""Sealed answers after which the same order, or another like it, leads nowhere."""
_WORDS = {
    DONE: "the device itself has signed that it has the new password",
    NO_ANSWER: "no answer came, so the device may have the new password or not",
    "challenge_void": "the device had forgotten what it asked",
    "replayed": "the device had heard this order before",
    "locked": "the device takes no codes for a while",
    "malformed": "it is said that the device did not understand",
    "fresh": "it is said that the device has no password yet",
    "no_key": "it is said that the device has no recovery key",
    "proof_refused": "it is said that the device does not know Rekey's key",
}


@dataclass(frozen=True)
class Judge:
    """Who can tell whether the device has said something: the request with its recovery key."""

    asked: Completion | None = field(default=None, repr=False)

    def believes(self, paper: ResultPaper) -> bool:
        return self.asked is not None and paper.proven_by(self.asked)


@event("resets.result_brought")
class ResultBrought(Event[ResetState]):
    """{actor} brought the result of order number {number}: {outcome}. Sealed: {sealed}."""

    number: int
    outcome: str
    detail: str
    sealed: bool

    def evolve(self, reset: ResetState) -> ResetState:
        order = reset.order and replace(reset.order, outcome=self.outcome)
        if self.sealed and self.outcome == DONE:
            return reset.but(order=order, phase=Phase.PROVING, waiting_for="")
        waiting = AWAITS_CHALLENGE if self.sealed else AWAITS_RESULT
        return reset.but(order=order, waiting_for=waiting)

    def told(self, actor: str) -> str:
        words = _WORDS.get(self.outcome, "the device refused it")
        return f"{actor} brought the result of order number {self.number}: {words}."


@command(by=Role.TECHNICIAN)
class BringResult(Command[ResetState]):
    """Bring the result of the order that was carried to the device."""

    result: str = asked(
        "Result",
        help="All of the file that “apply-offline apply” wrote.",
        long=True,
        max_length=papers.LARGEST,
    )
    judge: Judge = supplied()

    @classmethod
    def offered(cls, reset: ResetState, now: datetime) -> bool:
        return reset.phase is Phase.APPLYING and reset.waiting_for == AWAITS_RESULT

    def decide(self, reset: ResetState, now: datetime) -> Iterable[Event[ResetState]]:
        try:
            paper = papers.read(self.result, ResultPaper)
        except ValueError:
            raise Refused(
                "result_malformed",
                "This is no result. Give all of the file, from { to }.",
                field="result",
            ) from None
        self._refuse_other(paper, reset)
        outcome = paper.outcome or NO_ANSWER
        sealed = self.judge.believes(paper)
        # What has to be sealed counts with its seal alone; what cannot be, is only said.
        if not sealed and (paper.mac is not None or outcome not in (NO_ANSWER, *UNSIGNED)):
            raise Refused(
                "result_altered",
                "The device's seal does not fit: this was altered on the way, or is the answer to "
                "something else. Bring the file as it was written.",
                field="result",
            )
        assert reset.order
        if not sealed and reset.order.outcome:
            raise _brought_already()
        yield ResultBrought(paper.number, outcome, paper.detail if sealed else "", sealed)
        if sealed and outcome in _REFUSED:
            yield ResetFailed(outcome, _REFUSED[outcome])

    def _refuse_other(self, paper: ResultPaper, reset: ResetState) -> None:
        if paper.reset != reset.id:
            raise Refused(
                "result_of_another_reset", "This is the result of another reset.", field="result"
            )
        if reset.order is None or paper.number > reset.order.number:
            raise Refused("no_order", "No such order was made for this reset.", field="result")
        if paper.number < reset.order.number:
            raise Conflict(
                "order_replaced",
                f"This is the result of order number {paper.number}, and number "
                f"{reset.order.number} has replaced it. Carry that one to the device.",
            )
        if reset.order.outcome and reset.waiting_for != AWAITS_RESULT:
            raise _brought_already()
        if reset.phase is not Phase.APPLYING:
            raise Conflict(
                "result_too_late",
                "This reset has ended. The vault keeps its password: check the device on its page "
                "when it can be reached, and Rekey tries it.",
            )


def _brought_already() -> Conflict:
    return Conflict(
        "result_brought_already", "The result of this order is known. Look where the reset stands."
    )
