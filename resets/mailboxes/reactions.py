"""What happens because of a proposal: the mailbox changes, an open reset follows, all are told."""

from __future__ import annotations

from uuid import UUID

from devices.queries import device_for_jobs
from devices.steps.change_reset_email import ChangeResetEmail, ResetEmailChanged
from devices.steps.move_device import DeviceMoved
from devices.steps.remove_device import DeviceRemoved
from devices.steps.replace_device import DeviceReplaced
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import reaction
from resets.mailboxes.cases import of_change
from resets.mailboxes.models import MailboxChange
from resets.mailboxes.state import MailboxState, Stage
from resets.mailboxes.steps import (
    ExpireProposal,
    MailboxApproved,
    MailboxChanged,
    MailboxDeclined,
    MailboxProposed,
    ProposalExpired,
    ProposalVoided,
    RecordMailbox,
    VoidProposal,
)
from resets.models import Reset
from resets.notices import readers
from resets.notices.cases import Case
from resets.notices.reactions import tell, tell_each
from resets.notices.readers import Reader
from resets.steps.correct_mailbox import CorrectMailbox
from resets.steps.request_reset import ResetRequested


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
    assert change.subject and change.site
    by = recorded.because("change the mailbox")
    command = ChangeResetEmail(change.old_email, change.reset_email, change.site)
    changed = handle(command, change.subject, by)
    handle_all([Order(RecordMailbox(changed.state.reset_email), change.id)], by)


@reaction(ResetEmailChanged, urgent=True)
def correct_open_reset(recorded: Recorded) -> None:
    """Let the reset that is open go on with the new mailbox."""
    under_way = Reset.objects.for_jobs().filter(device=recorded.stream, open=True)
    for pk in under_way.values_list("pk", flat=True):
        _correct(pk, recorded.stream, recorded)


@reaction(ResetRequested, wanted=lambda reset: reset.campaign is None)
def correct_new_reset(recorded: Recorded) -> None:
    """It may have read the old mailbox while that was being changed, and not have been there yet
    when those that were open were corrected.
    """
    event = recorded.event
    assert isinstance(event, ResetRequested)
    if device_for_jobs(event.device).reset_email != event.reset_email:
        _correct(recorded.stream, event.device, recorded)


def _correct(reset: UUID, device: UUID, recorded: Recorded) -> None:
    command = CorrectMailbox(device_for_jobs(device).reset_email)
    handle(command, reset, recorded.because("correct the mailbox"))


# --- letters --------------------------------------------------------------------------------------


@reaction(MailboxProposed, urgent=True)
def ask_for_mailbox(recorded: Recorded) -> None:
    change, case = of_change(recorded)
    others = readers.administrators(case.organisation, case.site, but=change.proposer_id)
    tell_each(case, others)


@reaction(MailboxDeclined, ProposalExpired, ProposalVoided, urgent=True)
def tell_of_mailbox_answer(recorded: Recorded) -> None:
    change, case = of_change(recorded)
    tell_each(case, readers.person(change.proposer_id, case.organisation, case.site))


@reaction(MailboxChanged, urgent=True)
def tell_of_mailbox(recorded: Recorded) -> None:
    """Both persons, the old mailbox and the new one: each sees their own mailbox in full."""
    change, case = of_change(recorded)
    _, for_old = of_change(recorded, hide="reset_email")
    _, for_new = of_change(recorded, hide="old_email")
    persons = [*_person(change.proposer_id, case), *_person(change.approver_id, case)]
    before = readers.each_once(readers.owner_before(change.old_email))
    tell(
        [
            *((reader, case) for reader in persons),
            *((reader, for_old) for reader in before),
            *((reader, for_new) for reader in readers.owner(change.reset_email)),
        ]
    )


def _person(person_id: str, case: Case) -> list[Reader]:
    return readers.each_once(readers.person(person_id, case.organisation, case.site))
