"""What people are told of an event, in words: never a password, a code or a token."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from django.urls import reverse

from devices.queries import device_for_jobs, place_for_jobs, zone_of
from fleet.eventstore.messages import Event, Recorded
from fleet.eventstore.store import read_stream
from fleet.web.templatetags.times import in_zone
from resets import words
from resets.handover.steps import PasswordsHandedOver
from resets.limits.steps import BreakerTripped
from resets.rules import APPROVAL_WORDS
from resets.state import ResetState, masked
from resets.steps.approve_reset import (
    ApprovalAsked,
    ApprovalVoided,
    ResetApproved,
    ResetDeclined,
)
from resets.steps.break_glass import GlassBroken
from resets.steps.choose_password import PasswordGenerated, PasswordTyped
from resets.steps.disown_reset import ResetDisowned
from resets.steps.expire_reset import ResetExpired
from resets.steps.fail_reset import ResetFailed
from resets.steps.prove_password import ResetProven, ResetUnproven
from resets.steps.restore_device import PasswordSetByHand

# For each event: what it is called, and what happened.
WORDS: dict[type[Event[ResetState]], tuple[str, str]] = {
    ResetProven: (
        "The password of {device} was reset",
        "The password of the account {account} on {device}, {site}, was reset and proven: "
        "the new one opens the device, and the old one does not.",
    ),
    ResetUnproven: (
        "The password reset of {device} is not proven",
        "A new password was to be put on {device}, {site}. {told}",
    ),
    ResetFailed: (
        "The password reset of {device} failed",
        "A new password was to be put on {device}, {site}. {told}",
    ),
    GlassBroken: (
        "The glass was broken: {device}",
        "{actor} acts alone: the password of {device}, {site}, is being reset without a second "
        "person and without a verification code. Another administrator has to look into it.",
    ),
    ResetDisowned: (
        "“This was not me”: {device}",
        "Somebody who reads the Reset Password Email of {device}, {site}, says that nobody of "
        "theirs is resetting its password. {told}",
    ),
    ApprovalAsked: (
        "Your approval is asked: {device}",
        "{asker} asks for a new password on {device}, {site}. You are asked because {why}. "
        "Nothing is done before somebody agrees.",
    ),
    ResetApproved: ("Agreed: {device}", "{actor} has agreed to your reset of {device}, {site}."),
    ResetDeclined: ("Declined: {device}", "Your reset of {device}, {site}, has ended. {told}"),
    ApprovalVoided: ("Void: {device}", "Your reset of {device}, {site}, has ended. {told}"),
    ResetExpired: (
        "Nobody agreed: {device}",
        "Your reset of {device}, {site}, has ended: nobody agreed to it in time.",
    ),
}


@dataclass(frozen=True)
class Case:
    """Something that people are told of. `about` is its stream, `path` where the console has it;
    `lines` are facts with their names. `several`: it is about more than one device.
    """

    recorded: Recorded
    organisation: UUID
    site: UUID | None
    title: str
    lead: str
    lines: tuple[tuple[str, str], ...]
    path: str
    several: bool = False

    @property
    def about(self) -> UUID:
        return self.recorded.stream


def of_reset(recorded: Recorded) -> tuple[ResetState, Case]:
    """What happened to a reset, and how the reset was then."""
    story = [one for one in read_stream(recorded.stream) if one.version <= recorded.version]
    reset = ResetState(recorded.stream)
    for one in story:
        reset = one.event.evolve(reset)
    assert reset.subject and reset.organisation
    device = device_for_jobs(reset.subject)
    zone = zone_of(device)
    title, lead = WORDS[type(recorded.event)]
    told = {
        "device": " ".join(reset.device_name.split()),
        "site": device.place.name if device.place else "",
        "account": reset.username,
        "asker": reset.asker,
        "actor": recorded.actor.name,
        "why": APPROVAL_WORDS.get(reset.approval_why, ""),
        "told": recorded.sentence,
    }
    return reset, Case(
        recorded,
        reset.organisation,
        reset.site,
        title.format(**told),
        lead.format(**told),
        tuple(_lines(reset, recorded, story, zone, told["site"])),
        reverse("reset", args=[reset.id]),
    )


def _lines(
    reset: ResetState, recorded: Recorded, story: list[Recorded], zone: ZoneInfo, site: str
) -> list[tuple[str, str]]:
    lines = [
        ("Device", f"{reset.device_name}, {site}"),
        ("Account", reset.username),
        ("Asked by", _by(story[0], zone, reset.asker)),
        ("Reason given", reset.reason),
    ]
    steps = {
        GlassBroken: "Glass broken by",
        ResetApproved: "Agreed to by",
        PasswordGenerated: "Password chosen by",
        PasswordTyped: "Password chosen by",
        PasswordSetByHand: "Password set at the device by",
    }
    for one in story[1:]:
        event = one.event
        if type(event) in steps:
            lines.append((steps[type(event)], _by(one, zone)))
        if isinstance(event, GlassBroken):
            lines.append(("Why it could not wait", event.reason))
    if isinstance(recorded.event, ApprovalAsked):
        lines.append(("How", words.METHODS[reset.method]))
        lines.append(("The code goes to", masked(reset.reset_email) or "nobody: no mailbox is set"))
    if isinstance(recorded.event, ResetDisowned) and recorded.source:
        lines.append(("Said from", recorded.source))
    if reset.phase.with_people:
        lines.append(("Open until", in_zone(reset.expires_at, zone)))
    return [*lines, ("When", in_zone(recorded.at, zone))]


def _by(recorded: Recorded, zone: ZoneInfo, name: str = "") -> str:
    source = f" from {recorded.source}" if recorded.source else ""
    return f"{name or recorded.actor.name}{source}, {in_zone(recorded.at, zone)}"


def of_alarm(recorded: Recorded) -> Case:
    """An alarm that went off at a site."""
    event = recorded.event
    assert isinstance(event, BreakerTripped)
    case = event.case
    assert case.site
    place = place_for_jobs(case.site)
    lines = [("Site", place.name), ("Set off by", case.asker)]
    if case.device_name:
        lines.append(("Device", case.device_name))
    lines.append(("When", in_zone(recorded.at, place.timezone)))
    return Case(
        recorded,
        case.organisation,
        case.site,
        f"An alarm went off at {place.name}",
        recorded.sentence,
        tuple(lines),
        reverse("alarm", args=[recorded.stream]),
    )


def of_handover(recorded: Recorded) -> Case:
    """Somebody took passwords of a site along."""
    event = recorded.event
    assert isinstance(event, PasswordsHandedOver) and event.site
    place = place_for_jobs(event.site)
    return Case(
        recorded,
        event.organisation,
        event.site,
        f"Passwords of {place.name} were taken along",
        recorded.sentence,
        (
            ("Site", place.name),
            ("Taken by", _by(recorded, ZoneInfo(place.timezone))),
            ("Devices", f"{event.devices:,}"),
            ("The file opens to", event.opens),
            ("Reason given", event.reason),
        ),
        reverse("trace", args=[recorded.correlation]),
    )
