"""The mail with the code: who asked, from where, for which device, until when, and how to say "this
was not me".

The code stands in the body alone: subjects and headers are logged by every server on the way.
"""

from __future__ import annotations

from django.core.mail import EmailMultiAlternatives

from devices.models import Device
from devices.queries import zone_of
from fleet.eventstore.messages import Recorded
from resets.delivery.marks import Mark
from resets.delivery.writing import of_code, written
from resets.phone.addresses import of_not_me
from resets.state import ResetState
from resets.steps.disown_reset import DISOWNED_UNTIL
from resets.steps.send_code import CodeIssued


def code_letter(
    reset: ResetState, recorded: Recorded, code: str, device: Device
) -> EmailMultiAlternatives:
    """The letter for one send; the same send always makes the same letter."""
    issued = recorded.event
    assert isinstance(issued, CodeIssued)
    assert reset.expires_at
    assert reset.code_expires_at  # earlier than that of its rules where the device says so
    told = {
        "reset": reset,
        "device": device,
        "by_phone": issued.by_phone,
        "not_me": of_not_me(reset, issued.send),
        "not_me_until": reset.expires_at + DISOWNED_UNTIL,
        **of_code(recorded, code, reset.code_expires_at),
    }
    subject = f"Verification code for {device.name}"
    letter = written("code", told, subject, reset.reset_email, zone_of(device))
    Mark(reset.id, issued.send).put_on(letter)
    return letter
