"""The mail with the code of a drill: it says first of all that it is one."""

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
from resets.readiness.events import DrillCodeIssued
from resets.readiness.state import DrillState


def drill_letter(
    drill: DrillState, recorded: Recorded, code: str, device: Device
) -> EmailMultiAlternatives:
    """The letter for one send; the same send always makes the same letter."""
    issued = recorded.event
    assert isinstance(issued, DrillCodeIssued)
    told = {
        "drill": drill,
        "device": device,
        "code": grouped(code),
        "spelled": spelled(code),
        "asked_by": issued.asked_by,
        "asked_at": issued.at,
        "source": recorded.source,
        "expires_at": issued.expires_at,
        "minutes": int((issued.expires_at - issued.at).total_seconds()) // 60,
        "address": settings.REKEY_URL,
    }
    with timezone.override(zone_of(device)):
        text = render_to_string("resets/mail/drill.txt", told)
        html = render_to_string("resets/mail/drill.html", told)
    letter = EmailMultiAlternatives(
        subject=f"Drill: code for {device.name}",
        body=text,
        to=[drill.reset_email],
        headers={"Auto-Submitted": "auto-generated"},
    )
    letter.attach_alternative(html, "text/html")
    Mark(drill.id, issued.send, of_drill=True).put_on(letter)
    return letter
