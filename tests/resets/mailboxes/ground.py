"""A device, a proposal for it, and the answer, without a network."""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse
from django.utils import timezone

from fleet.accounts.models import Person
from fleet.eventstore import subscriptions
from fleet.eventstore.handling import Outcome, handle
from fleet.eventstore.models import Job
from fleet.eventstore.store import read_stream
from resets.mailboxes.models import MailboxChange
from resets.mailboxes.proposing import propose
from resets.mailboxes.steps import ApproveMailbox
from tests.cast import Cast

OLD, NEW, REASON = "owner@example.com", "keeper@example.net", "The owner has left"
OLD_SHOWN, NEW_SHOWN = "o•••r@e•••e.com", "k•••r@e•••e.net"


def proposed(who: Cast, device: UUID, by: Person | None = None, email: str = NEW) -> UUID:
    """By Tess, if by nobody else."""
    return propose(device, email, REASON, who.by(by or who.tess))


def row(change: UUID) -> MailboxChange:
    found: MailboxChange = MailboxChange.objects.for_jobs().get(pk=change)
    return found


def agree(who: Cast, change: UUID, by: Person | None = None) -> Outcome:
    """By Alice, to what is shown."""
    return handle(ApproveMailbox(row(change).digest), change, who.by(by or who.alice))


def told(change: UUID) -> list[str]:
    """The story's sentences."""
    return [recorded.sentence for recorded in read_stream(change)]


def page(change: UUID) -> str:
    """Its address."""
    return reverse("mailbox", args=[change])


OURS = [
    f"resets.{name}"
    for name in (
        "expire_mailbox_proposal",
        "void_mailbox_proposal",
        "change_mailbox",
        "correct_open_reset",
        "correct_new_reset",
        "ask_for_mailbox",
        "tell_of_mailbox",
        "tell_of_mailbox_answer",
    )
]


def owed() -> list[int]:
    """The jobs of proposals that are due: the devices of these tests are nowhere to be asked."""
    subscriptions.pump()
    waiting = Job.objects.filter(reaction__in=OURS, status=Job.Status.WAITING)
    return list(waiting.filter(due_at__lte=timezone.now()).values_list("id", flat=True))


def work() -> None:
    """Do what a worker does for proposals, until nothing is due."""
    for _ in range(10):
        jobs = owed()
        if not jobs:
            return
        for job in jobs:
            subscriptions.run(job)
    raise AssertionError("still due")
