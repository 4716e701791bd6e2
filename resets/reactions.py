"""What happens out there when a reset goes on: the mail, and the end of its time."""

from __future__ import annotations

from django.utils import timezone

from devices.queries import device_for_jobs
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import read_stream, state_of
from fleet.eventstore.subscriptions import reaction
from resets.applying.challenges import code_key_of, take_challenge
from resets.delivery.sending import TOO_LATE, is_owed, send
from resets.letter import code_letter
from resets.state import Delivery, ResetState
from resets.steps.approve_reset import ApprovalAsked, ResetApproved
from resets.steps.break_glass import GlassBroken
from resets.steps.correct_mailbox import MailboxCorrected
from resets.steps.deliver_code import RecordDelivery
from resets.steps.expire_reset import ExpireReset
from resets.steps.request_reset import ResetRequested
from resets.steps.send_code import CodeIssued
from resets.steps.take_challenge import ChallengeTaken


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


@reaction(CodeIssued, urgent=True, at_site=True, wanted=lambda reset: reset.awaits_challenge)
def ask_for_challenge(recorded: Recorded) -> None:
    """Have the device give the challenge that the code answers; then the code is mailed."""
    issued, reset = recorded.event, state_of(ResetState, recorded.stream)
    assert isinstance(issued, CodeIssued)
    if reset.sends != issued.send or not (reset.code_is_live and reset.awaits_challenge):
        return  # a newer code has replaced it, or it is not needed any more
    assert reset.code_expires_at
    if timezone.now() >= reset.code_expires_at:
        why = "the device gave no challenge before the code expired"
        by = recorded.because("mail the code")
        handle(RecordDelivery(issued.send, Delivery.REFUSED, why), reset.id, by)
        return
    take_challenge(recorded, issued.send)


@reaction(
    CodeIssued,
    ChallengeTaken,
    urgent=True,
    wanted=lambda reset: not reset.awaits_challenge,  # it is mailed for the challenge
)
def mail_code(recorded: Recorded) -> None:
    """Mail the code. Run twice, it mails the same code under the same Message-ID."""
    event, reset = recorded.event, state_of(ResetState, recorded.stream)
    assert isinstance(event, CodeIssued | ChallengeTaken)
    if reset.sends != event.send or not reset.code_is_live or reset.awaits_challenge:
        return  # a newer code has replaced it, or it is not needed any more
    if not is_owed(reset.delivery):
        return
    issued = _issued(recorded, event.send)

    def record(delivery: Delivery, answer: str) -> None:
        by = issued.because("mail the code")
        handle(RecordDelivery(event.send, delivery, answer), reset.id, by)

    assert reset.code_expires_at
    if timezone.now() >= reset.code_expires_at:
        record(Delivery.REFUSED, TOO_LATE)
        return
    code = code_key_of(reset).code(reset.id, event.send, reset.digits)
    assert reset.subject
    letter = code_letter(reset, issued, code, device_for_jobs(reset.subject))
    send(letter, issued, record, code=code)


def _issued(recorded: Recorded, send: int) -> Recorded:
    """The event that asked for the code of this number: who it was, from where, and when."""
    if isinstance(recorded.event, CodeIssued):
        return recorded
    story = read_stream(recorded.stream)
    return next(r for r in story if isinstance(r.event, CodeIssued) and r.event.send == send)
