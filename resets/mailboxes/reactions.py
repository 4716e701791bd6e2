"""What happens because of a proposal: the mailbox changes, an open reset follows, all are told."""

from __future__ import annotations

import re
from datetime import timedelta

from django.utils import timezone

from devices.mailbox import masked
from devices.queries import device_for_jobs
from devices.steps.change_reset_email import ChangeResetEmail, ResetEmailChanged
from devices.steps.move_device import DeviceMoved
from devices.steps.remove_device import DeviceRemoved
from devices.steps.replace_device import DeviceReplaced
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import later, reaction
from fleet.mail import MailDeferred, MailRefused, deliver
from resets.mailboxes.letters import address, letter_to, who_is
from resets.mailboxes.models import MailboxChange
from resets.mailboxes.state import MailboxState, Reader, Stage
from resets.mailboxes.steps import (
    ExpireProposal,
    MailboxApproved,
    MailboxChanged,
    MailboxProposed,
    RecordMailbox,
    RecordNotice,
    VoidProposal,
)
from resets.models import Reset
from resets.steps.correct_mailbox import CorrectMailbox
from resets.steps.request_reset import ResetRequested

GIVE_UP_AFTER = timedelta(days=2)  # of a mail server that takes no letter


@reaction(MailboxProposed, due=lambda event: event.expires_at)
def expire_mailbox_proposal(recorded: Recorded) -> None:
    handle(ExpireProposal(), recorded.stream, recorded.because("end what nobody agreed to"))


@reaction(DeviceMoved, DeviceRemoved, DeviceReplaced)
def void_mailbox_proposal(recorded: Recorded) -> None:
    """At once: those who see the device from now on may not see what was proposed before. Of
    smaller changes, whoever wants to agree is told.
    """
    rows = MailboxChange.objects.for_jobs().filter(device=recorded.stream, open=True)
    orders = [Order(VoidProposal(), pk) for pk in rows.values_list("pk", flat=True)]
    handle_all(orders, recorded.because("end what the device has outgrown"))


@reaction(MailboxApproved, urgent=True)
def change_mailbox(recorded: Recorded) -> None:
    """Change the device's mailbox. A run that comes back finds it changed, and records that."""
    change = state_of(MailboxState, recorded.stream)
    if change.stage is not Stage.APPROVED:
        return
    assert change.subject
    by = recorded.because("change the mailbox")
    changed = handle(ChangeResetEmail(change.old_email, change.reset_email), change.subject, by)
    handle_all([Order(RecordMailbox(changed.state.reset_email), change.id)], by)


@reaction(ResetEmailChanged, ResetRequested, urgent=True)
def correct_open_reset(recorded: Recorded) -> None:
    """Let the reset that is open go on with the new mailbox.

    Also after a reset has begun: it may have read the old one while this was being changed.
    """
    assert recorded.subject
    mailbox = device_for_jobs(recorded.subject).reset_email
    event = recorded.event
    if isinstance(event, ResetRequested) and event.reset_email == mailbox:
        return
    under_way = Reset.objects.for_jobs().filter(device=recorded.subject, open=True)
    for pk in under_way.values_list("pk", flat=True):
        handle(CorrectMailbox(mailbox), pk, recorded.because("correct the mailbox"))


# --- the letters: a job for each, so that one that is not taken keeps no other waiting ------------


@reaction(MailboxChanged)
def tell_proposer(recorded: Recorded) -> None:
    _tell(Reader.PROPOSER, recorded)


@reaction(MailboxChanged)
def tell_approver(recorded: Recorded) -> None:
    _tell(Reader.APPROVER, recorded)


@reaction(MailboxChanged)
def tell_old_mailbox(recorded: Recorded) -> None:
    _tell(Reader.OLD_MAILBOX, recorded)


@reaction(MailboxChanged)
def tell_new_mailbox(recorded: Recorded) -> None:
    _tell(Reader.NEW_MAILBOX, recorded)


def _tell(reader: Reader, recorded: Recorded) -> None:
    """Mail the reader's letter. Run twice, it is the same letter under the same Message-ID."""
    change = state_of(MailboxState, recorded.stream)
    to = address(reader, change)
    if not to or reader in change.told:
        return
    assert change.subject

    def record(answer: str, *, refused: bool = False) -> None:
        told = re.sub(re.escape(to), masked(to), answer, flags=re.IGNORECASE)
        notice = RecordNotice(reader, who_is(reader, change), told, refused)
        handle(notice, change.id, recorded.because("tell of the change"))

    letter = letter_to(reader, change, recorded, device_for_jobs(change.subject))
    try:
        reply = deliver(letter)
    except MailDeferred as error:
        if timezone.now() < recorded.at + GIVE_UP_AFTER:
            raise later(recorded, "the mail server did not take it yet") from error
        record(str(error), refused=True)
    except MailRefused as error:
        record(str(error), refused=True)
    else:
        record(f"{reply.code} {reply.text}".strip())
