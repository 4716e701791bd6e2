"""Who is told of what. One mail for each person and event, however often a job runs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from devices.mailbox import masked
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import later, reaction
from fleet.mail import MailDeferred, MailRefused, deliver
from resets.handover.steps import PasswordsHandedOver
from resets.limits.steps import BreakerTripped
from resets.notices import readers
from resets.notices.cases import Case, of_alarm, of_handover, of_reset
from resets.notices.letters import letter_to
from resets.notices.readers import Reader
from resets.notices.state import NoticeState, Told, notice_id
from resets.notices.steps import RecordNotice
from resets.state import ResetState
from resets.steps.approve_reset import (
    ApprovalAsked,
    ApprovalVoided,
    ResetApproved,
    ResetDeclined,
)
from resets.steps.break_glass import GlassBroken
from resets.steps.disown_reset import ResetDisowned
from resets.steps.expire_reset import ResetExpired
from resets.steps.fail_reset import ResetFailed
from resets.steps.prove_password import ResetProven, ResetUnproven

GIVE_UP_AFTER = timedelta(days=2)  # of a mail server that takes no letter


@reaction(ResetProven, ResetUnproven, ResetFailed, wanted=lambda reset: reset.campaign is None)
def tell_of_end(recorded: Recorded) -> None:
    """Every recovery is told to its owner (NIST SP 800-63B-4; OWASP ASVS 5.0, 6.3.7), and to the
    administrators of the site: whatever came of it, once a new password was chosen. A campaign
    tells of all its devices at once.
    """
    reset, case = of_reset(recorded)
    tell_each(case, _administrators(case), readers.owner(reset.reset_email))


@reaction(GlassBroken, urgent=True)
def tell_of_broken_glass(recorded: Recorded) -> None:
    """At once, to everybody concerned."""
    reset, case = of_reset(recorded)
    asker = readers.person(reset.asker_id, case.organisation, case.site)
    tell_each(case, _administrators(case), asker, readers.owner(reset.reset_email))


@reaction(ResetDisowned, urgent=True)
def tell_of_disowned(recorded: Recorded) -> None:
    reset, case = of_reset(recorded)
    asker = readers.person(reset.asker_id, case.organisation, case.site)
    tell_each(case, _administrators(case), asker)


@reaction(ApprovalAsked, urgent=True)
def ask_for_approval(recorded: Recorded) -> None:
    reset, case = of_reset(recorded)
    tell_each(case, readers.administrators(case.organisation, case.site, but=reset.asker_id))


@reaction(ResetApproved, ResetDeclined, ApprovalVoided, ResetExpired, urgent=True)
def tell_of_answer(recorded: Recorded) -> None:
    reset, case = of_reset(recorded)
    if isinstance(recorded.event, ResetExpired) and not _nobody_agreed(reset):
        return
    tell_each(case, readers.person(reset.asker_id, case.organisation, case.site))


@reaction(BreakerTripped, urgent=True)
def tell_of_alarm(recorded: Recorded) -> None:
    case = of_alarm(recorded)
    tell_each(case, _administrators(case))


@reaction(PasswordsHandedOver, urgent=True)
def tell_of_handover(recorded: Recorded) -> None:
    """Also whoever took them: it may have been somebody else at their screen."""
    case = of_handover(recorded)
    tell_each(case, _administrators(case))


def _nobody_agreed(reset: ResetState) -> bool:
    return bool(reset.approval_why) and not reset.approver and not reset.glass_broken_by


def _administrators(case: Case) -> list[Reader]:
    return readers.administrators(case.organisation, case.site)


def tell_each(case: Case, *groups: Iterable[Reader]) -> None:
    """Write to each of them, once. Raises Later."""
    those = readers.each_once(reader for group in groups for reader in group)
    tell((reader, case) for reader in those)


def tell(letters: Iterable[tuple[Reader, Case]]) -> None:
    """Write each reader their letter, where they had none yet. What one mail server does not take
    yet keeps nobody else waiting. Raises Later.
    """
    put_off = None
    for reader, case in letters:
        told = state_of(NoticeState, notice_id(case.recorded.id))
        if not told.has_told(reader.key) and not _told(case, reader):
            put_off = case.recorded
    if put_off:
        raise later(put_off, "the mail server did not take it yet")


def _told(case: Case, reader: Reader) -> bool:
    """Whether there is nothing more to do for this reader."""
    refused = False
    try:
        reply = deliver(letter_to(reader, case))
        answer = f"{reply.code} {reply.text}".strip()
    except MailDeferred as error:
        if timezone.now() < case.recorded.at + GIVE_UP_AFTER:
            return False
        refused, answer = True, str(error)
    except MailRefused as error:
        refused, answer = True, str(error)
    mailbox = masked(reader.email)
    # A mail server may quote what it was sent.
    answer = re.sub(re.escape(reader.email), mailbox, answer, flags=re.IGNORECASE)
    one = Told(reader.key, reader.name, mailbox, refused, answer)
    record = RecordNotice(case.organisation, case.site, case.about, case.title, one)
    handle(record, notice_id(case.recorded.id), case.recorded.because("tell of it by mail"))
    return True
