"""The mail with the code: who asked, from where, for which device, until when, and how to say "this
was not me".

The code stands in the body alone: subjects and headers are logged by every server on the way.
"""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone

from devices.models import Device
from devices.queries import zone_of
from fleet.eventstore.messages import Recorded
from resets.codes import grouped, spelled
from resets.delivery.marks import Mark
from resets.phone.addresses import of_not_me
from resets.state import ResetState
from resets.steps.disown_reset import DISOWNED_UNTIL
from resets.steps.send_code import CodeIssued


def code_letter(
    reset: ResetState, recorded: Recorded, code: str, device: Device
) -> EmailMultiAlternatives:
    """The letter for one send; the same send always makes the same letter."""
    issued, zone = recorded.event, zone_of(device)
    assert isinstance(issued, CodeIssued)
    assert reset.expires_at
    assert reset.code_expires_at  # earlier than that of its rules where the device says so
    told = {
        "reset": reset,
        "device": device,
        "code": grouped(code),
        "spelled": spelled(code),
        "asked_by": issued.asked_by,
        "asked_at": issued.at,
        "source": recorded.source,
        "by_phone": issued.by_phone,
        "not_me": of_not_me(reset, issued.send),
        "not_me_until": reset.expires_at + DISOWNED_UNTIL,
        "expires_at": reset.code_expires_at,
        "minutes": int((reset.code_expires_at - issued.at).total_seconds()) // 60,
        "address": settings.REKEY_URL,
    }
    with timezone.override(zone):
        text = render_to_string("resets/mail/code.txt", told)
        html = render_to_string("resets/mail/code.html", told)
    letter = EmailMultiAlternatives(
        subject=f"Verification code for {device.name}",
        body=text,
        to=[reset.reset_email],
        headers={"Auto-Submitted": "auto-generated"},
    )
    letter.attach_alternative(html, "text/html")
    Mark(reset.id, issued.send).put_on(letter)
    return letter
