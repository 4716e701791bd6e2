"""What people are told of a proposed mailbox by mail: each as much as they may know."""

from __future__ import annotations

from typing import Literal

from django.urls import reverse

from devices.mailbox import masked
from devices.queries import place_for_jobs
from fleet.eventstore.messages import Event, Recorded
from fleet.eventstore.store import read_stream
from fleet.web.templatetags.times import in_zone
from resets.mailboxes.state import MailboxState, Stage
from resets.mailboxes.steps import (
    MailboxChanged,
    MailboxDeclined,
    MailboxProposed,
    ProposalExpired,
    ProposalVoided,
)
from resets.notices.cases import Case

# For each event: what it is called, and what happened.
WORDS: dict[type[Event[MailboxState]], tuple[str, str]] = {
    MailboxProposed: (
        "Your approval is asked: {device}",
        "{proposer} proposes another Reset Password Email for {device}, {site}. Nothing is changed "
        "before you, or another administrator, agree.",
    ),
    MailboxChanged: (
        "The Reset Password Email of {device} was changed",
        "Verification codes for {device}, {site}, go to another mailbox from now on, and nowhere "
        "else. A code that was mailed before no longer counts.",
    ),
    MailboxDeclined: (
        "Declined: {device}",
        "{actor} has declined the mailbox that you proposed for {device}, {site}.",
    ),
    ProposalExpired: (
        "Nobody agreed: {device}",
        "Nobody agreed in time to the mailbox that you proposed for {device}, {site}.",
    ),
    ProposalVoided: (
        "Void: {device}",
        "{device}, {site}, has changed since you proposed a mailbox for it. Look at the device, "
        "and propose it again.",
    ),
}


def of_change(
    recorded: Recorded, *, hide: Literal["", "old_email", "reset_email"] = ""
) -> tuple[MailboxState, Case]:
    """What happened to a proposal, and how it was then. `hide`: the mailbox that is told in part,
    to whoever reads the other one.
    """
    change = MailboxState(recorded.stream)
    for one in read_stream(recorded.stream):
        if one.version <= recorded.version:
            change = one.event.evolve(change)
    assert change.organisation and change.site
    place = place_for_jobs(change.site)
    shown = {
        name: masked(email) if name == hide else email
        for name, email in (("old_email", change.old_email), ("reset_email", change.reset_email))
    }
    changed = change.stage is Stage.CHANGED
    lines = [
        ("Device", f"{change.device_name}, {place.name}"),
        ("Mailbox until now" if changed else "Mailbox", shown["old_email"] or "none"),
        ("Mailbox from now on" if changed else "Proposed mailbox", shown["reset_email"]),
        ("Proposed by", change.proposer),
        ("Reason given", change.reason),
    ]
    if change.approver:
        lines.append(("Agreed to by", change.approver))
    if change.answer:
        lines.append(("Declined because", change.answer))
    if change.stage is Stage.PROPOSED and change.expires_at:
        lines.append(("Open until", in_zone(change.expires_at, place.timezone)))
    title, lead = WORDS[type(recorded.event)]
    told = {
        "device": " ".join(change.device_name.split()),
        "site": place.name,
        "proposer": change.proposer,
        "actor": recorded.actor.name,
    }
    return change, Case(
        recorded,
        change.organisation,
        change.site,
        title.format(**told),
        lead.format(**told),
        (*lines, ("When", in_zone(recorded.at, place.timezone))),
        reverse("mailbox", args=[change.id]),
    )
