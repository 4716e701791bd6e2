"""What pages and calls ask about proposals. Everything asks as somebody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from devices.queries import one
from fleet.accounts.access import holding, human, open_to, steps_of
from fleet.accounts.state import Role
from fleet.eventstore.messages import Actor, Command, Recorded
from fleet.eventstore.store import read_stream
from resets.mailboxes.models import MailboxChange
from resets.mailboxes.state import MailboxState, Stage
from resets.mailboxes.supplies import device_now
from resets.queries import open_reset_of


def changes(actor: Actor) -> QuerySet[MailboxChange]:
    """Proposals, the newest first."""
    rows: QuerySet[MailboxChange] = MailboxChange.objects.visible_to(actor)
    return rows.select_related("device", "place").order_by("-id")


def change(actor: Actor, change_id: UUID) -> MailboxChange:
    """Raises NotFound."""
    return one(changes(actor), change_id, "proposal")


def open_change_of(actor: Actor, device_id: UUID) -> MailboxChange | None:
    """The one that is open for a device."""
    row: MailboxChange | None = changes(actor).filter(device=device_id, open=True).first()
    return row


def waiting(actor: Actor) -> QuerySet[MailboxChange]:
    """Those that this actor may agree to: an administrator there, and somebody else's."""
    rows = _unanswered(holding(actor, Role.ADMINISTRATOR))
    return rows.exclude(proposer_id=human(actor).id)


def own(actor: Actor) -> QuerySet[MailboxChange]:
    """Those that this actor has proposed and somebody else has to agree to."""
    return _unanswered(actor).filter(proposer_id=human(actor).id)


def _unanswered(actor: Actor) -> QuerySet[MailboxChange]:
    return changes(actor).filter(stage=Stage.PROPOSED, expires_at__gt=timezone.now())


def narrowed(
    rows: QuerySet[MailboxChange],
    *,
    text: str | None = None,
    site: UUID | None = None,
    device: UUID | None = None,
    stage: Stage | None = None,
    open: bool | None = None,
) -> QuerySet[MailboxChange]:
    """Those that are wanted. What is None does not narrow it down."""
    exact = {"site": site, "device": device, "stage": stage, "open": open}
    rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
    return with_text(rows, text) if text else rows


def with_text(rows: QuerySet[MailboxChange], text: str) -> QuerySet[MailboxChange]:
    """Those with a text in the device's name, the reason, or who proposed it: not in a mailbox,
    which not everybody may know.
    """
    told = Q(device_name__icontains=text) | Q(reason__icontains=text)
    return rows.filter(told | Q(proposer__icontains=text))


def steps() -> dict[str, type[Command[MailboxState]]]:
    """What people can do about a proposal, by the name in its address."""
    return steps_of(MailboxState)


@dataclass(frozen=True)
class Standing:
    """All that a page about one proposal shows, at one moment. `story` is its events, oldest first;
    `outdated`: the device has changed since, so that nobody can agree to it any more.
    """

    row: MailboxChange
    state: MailboxState
    story: list[Recorded]
    offered: list[type[Command[MailboxState]]]
    now: datetime
    outdated: bool
    reset_open: bool


def standing(actor: Actor, change_id: UUID) -> Standing:
    """How a proposal stands. Raises NotFound."""
    row = change(actor, change_id)
    story, state, now = read_stream(row.id), MailboxState(row.id), timezone.now()
    for recorded in story:
        state = recorded.event.evolve(state)
    found = device_now(row.device)
    return Standing(
        row,
        state,
        story,
        open_to(actor, steps(), state, now),
        now,
        outdated=state.stage is Stage.PROPOSED
        and found.digest(state.reset_email, state.reason) != state.digest,
        reset_open=open_reset_of(actor, row.device_id) is not None,
    )
