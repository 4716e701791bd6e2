"""How far a reset has come, as the line of steps above the wizard shows it."""

from __future__ import annotations

from resets import words
from resets.queries import Standing
from resets.state import Phase
from resets.steps.break_glass import GlassBroken
from resets.steps.choose_password import PasswordGenerated, PasswordTyped
from resets.steps.send_code import CodeIssued
from resets.steps.verify_code import CodeVerified

_ENDED_EARLY = {Phase.UNPROVEN, Phase.FAILED, Phase.EXPIRED, Phase.CANCELLED}


def ahead() -> list[dict[str, str]]:
    """The steps of a reset that is about to begin."""
    states = ["current", *["todo"] * (len(words.STEPS) - 1)]
    return [{"label": label, "state": s} for label, s in zip(words.STEPS, states, strict=True)]


def tracker(standing: Standing) -> list[dict[str, str]]:
    """The steps of a reset: which are done, which is current, which were left out."""
    phase, happened = standing.state.phase, {recorded.type for recorded in standing.story}
    at = _at(phase, happened)
    current = "failed" if phase in _ENDED_EARLY else "current"
    steps = [
        {"label": label, "state": "done" if n < at else current if n == at else "todo"}
        for n, label in enumerate(words.STEPS)
    ]
    if at < len(steps) and (not phase.with_people or not phase.agreed):
        steps[at]["note"] = words.PHASES[phase].text
    if GlassBroken.tag in happened:  # nobody was asked for what was left out
        for n, event in ((1, CodeIssued), (2, CodeVerified)):
            if event.tag not in happened:
                steps[n] |= {"state": "skipped", "note": "Left out"}
    return steps


def _at(phase: Phase, happened: set[str]) -> int:
    """The index of the step that it is at; one past the last when it is done."""
    if phase is Phase.DONE:
        return 5
    if happened & {PasswordGenerated.tag, PasswordTyped.tag}:
        return 4
    if happened & {CodeVerified.tag, GlassBroken.tag}:
        return 3
    if phase is Phase.REQUESTED:  # again, where the mailbox was corrected
        return 1
    return 2 if CodeIssued.tag in happened else 1
