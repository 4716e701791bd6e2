"""The mail with the code of a drill: it says first of all that it is one."""

from __future__ import annotations

from django.core.mail import EmailMultiAlternatives

from devices.models import Device
from devices.queries import zone_of
from fleet.eventstore.messages import Recorded
from resets.delivery.marks import Mark
from resets.delivery.writing import of_code, written
from resets.readiness.events import DrillCodeIssued
from resets.readiness.state import DrillState


def drill_letter(
    drill: DrillState, recorded: Recorded, code: str, device: Device
) -> EmailMultiAlternatives:
    """The letter for one send; the same send always makes the same letter."""
    issued = recorded.event
    assert isinstance(issued, DrillCodeIssued)
    told = {"drill": drill, "device": device, **of_code(recorded, code, issued.expires_at)}
    subject = f"Drill: code for {device.name}"
    letter = written("drill", told, subject, drill.reset_email, zone_of(device))
    Mark(drill.id, issued.send, of_drill=True).put_on(letter)
    return letter
