"""What happens out there when a reset goes on: the mail, and the end of its time."""

from __future__ import annotations

from django.utils import timezone

from devices.queries import device_for_jobs
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import later, reaction
from fleet.mail import MailDeferred, MailRefused, SmtpReply, deliver
from resets.applying.challenges import code_key_of, take_challenge
from resets.delivery.answers import told
from resets.letter import code_letter
from resets.state import Delivery, ResetState
from resets.steps.approve_reset import ApprovalAsked, ResetApproved
from resets.steps.break_glass import GlassBroken
from resets.steps.correct_mailbox import MailboxCorrected
from resets.steps.deliver_code import RecordDelivery
from resets.steps.expire_reset import ExpireReset
from resets.steps.request_reset import ResetRequested
from resets.steps.send_code import CodeIssued


@reaction(
    ResetRequested,
    ApprovalAsked,
    ResetApproved,
    GlassBroken,
    MailboxCorrected,
    due=lambda event: event.expires_at,
    wanted=lambda reset: reset.campaign is None,  # nobody has a next step to take there
)
def expire_reset(recorded: Recorded) -> None:
    handle(ExpireReset(), recorded.stream, recorded.because("end what nobody went on with"))


# --- the mail -------------------------------------------------------------------------------------


@reaction(CodeIssued, urgent=True, at_site=True)
def mail_code(recorded: Recorded) -> None:
    """Mail the code. Run twice, it mails the same code under the same Message-ID."""
    issued = recorded.event
    assert isinstance(issued, CodeIssued)
    reset = state_of(ResetState, recorded.stream)
    if reset.sends != issued.send or not reset.code_is_live:
        return  # a newer code has replaced it, or it is not needed any more
    if reset.delivery not in (Delivery.QUEUED, Delivery.DEFERRED):
        return  # an earlier run died after it had recorded this, or the mail service was quicker
    by = recorded.because("mail the code")
    assert reset.code_expires_at
    if timezone.now() >= reset.code_expires_at:
        why = "the device gave no challenge" if reset.awaits_challenge else "no mail server took it"
        why += " before the code expired"
        handle(RecordDelivery(issued.send, Delivery.REFUSED, why), reset.id, by)
        return
    if reset.awaits_challenge:
        reset = take_challenge(recorded)
        if reset.sends != issued.send or not reset.code_is_live:
            return

    def record(delivery: Delivery, said: SmtpReply | MailDeferred | MailRefused) -> None:
        answer = told(said.code, said.text, [reset.reset_email], code)
        handle(RecordDelivery(issued.send, delivery, answer), reset.id, by)

    code = code_key_of(reset).code(reset.id, issued.send, reset.digits)
    assert reset.subject
    try:
        reply = deliver(code_letter(reset, recorded, code, device_for_jobs(reset.subject)))
    except MailDeferred as error:
        record(Delivery.DEFERRED, error)
        raise later(recorded, "the mail server did not take it yet", longest=60) from error
    except MailRefused as error:
        record(Delivery.REFUSED, error)
    else:
        record(Delivery.HANDED_OVER, reply)
