"""What people are told before they press, and after: the steps of a campaign under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fleet.eventstore.messages import Command
from resets.campaigns.state import CampaignState
from resets.campaigns.steps.control import (
    CancelCampaign,
    PauseCampaign,
    ResumeCampaign,
    SetPace,
)
from resets.campaigns.steps.items import RetryItem, TakeOut


@dataclass(frozen=True)
class Says:
    """`title` asks, `action` is what the button says, `told` what follows from it, `done` what is
    said afterwards. `final`: it cannot be undone.
    """

    title: str
    action: str
    told: tuple[str, ...]
    done: str
    icon: str = ""
    tone: str = "quiet"
    final: bool = False


def says(step: type[Command[Any]]) -> Says:
    """A step that nobody wrote words for is told by its own."""
    name = step.slug.replace("-", " ").capitalize()
    return _SAYS.get(step) or Says(f"{name}?", name, (step.about,), "Done.")


_SAYS: dict[type[Command[Any]], Says] = {
    PauseCampaign: Says(
        "Pause the campaign?",
        "Pause",
        ("No further device is begun.", "Those in work come to their end."),
        "Paused. Devices in work come to their end.",
        icon="circle-pause",
    ),
    ResumeCampaign: Says(
        "Let the campaign go on?",
        "Resume",
        ("Devices are begun again, from where it stood. None is done twice.",),
        "It goes on.",
        icon="circle-play",
    ),
    SetPace: Says(
        "How fast?",
        "Set the pace",
        ("It holds from now on. Devices in work are left alone.",),
        "The pace is set.",
        icon="gauge",
    ),
    CancelCampaign: Says(
        "Cancel the campaign?",
        "Cancel the campaign",
        (
            "Devices that have not begun are left out: they keep the password they have.",
            "Devices in work come to their end, so that none is left half changed.",
            "Devices that are done keep their new password.",
            "It cannot be taken up again: what is left needs another campaign and its approval.",
        ),
        "Cancelled. Devices in work come to their end.",
        icon="ban",
        tone="warn",
        final=True,
    ),
    RetryItem: Says(
        "Try this device once more?",
        "Try once more",
        ("It waits for its turn again, within the same approval.",),
        "It waits for its turn again.",
    ),
    TakeOut: Says(
        "Take this device out of the campaign?",
        "Take it out",
        (
            "Nothing is done to it, and it keeps the password it has.",
            "It cannot be put back: it would need another campaign.",
        ),
        "It is taken out of the campaign.",
        tone="warn",
        final=True,
    ),
}


def initial(step: type[Command[CampaignState]], state: CampaignState) -> dict[str, Any]:
    """What the form of a step begins with: how it is set now."""
    if step is SetPace:
        return {"pace": state.settings.pace, "at_once": state.settings.at_once}
    return {}


@dataclass(frozen=True)
class Button:
    """A step that is open. `press`: one press is enough; it can be taken back."""

    slug: str
    says: Says
    press: bool


def buttons(steps: Sequence[type[Command[CampaignState]]], state: CampaignState) -> list[Button]:
    """The steps of a campaign that are worth offering, as it stands."""
    offered = []
    for step in steps:
        if step is ResumeCampaign and state.why == "approver_gone":
            continue  # it would be refused: cancelling is what is left
        press = step is PauseCampaign or (step is ResumeCampaign and state.why == "by_person")
        offered.append(Button(step.slug, says(step), press))
    return offered
