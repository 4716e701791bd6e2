"""What all letters of Rekey have in common: text and HTML, and that no person has written them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone

from fleet.eventstore.messages import Recorded
from resets.codes import grouped, spelled
from resets.steps.send_code import Issue


def written(
    name: str, told: Mapping[str, Any], subject: str, to: str, zone: tzinfo | None = None
) -> EmailMultiAlternatives:
    """The letter of this name to one mailbox; its times are those of the zone."""
    told = {**told, "address": settings.REKEY_URL}
    with timezone.override(zone):
        text, html = (
            render_to_string(f"resets/mail/{name}.{kind}", told) for kind in ("txt", "html")
        )
    letter = EmailMultiAlternatives(
        subject, text, to=[to], headers={"Auto-Submitted": "auto-generated"}
    )
    letter.attach_alternative(html, "text/html")
    return letter


def of_code(recorded: Recorded, code: str, until: datetime) -> dict[str, Any]:
    """What a letter tells of the code that this event asks for, which counts until then."""
    issued = recorded.event
    assert isinstance(issued, Issue)
    return {
        "code": grouped(code),
        "spelled": spelled(code),
        "asked_by": issued.asked_by,
        "asked_at": issued.at,
        "source": recorded.source,
        "expires_at": until,
        "minutes": int((until - issued.at).total_seconds()) // 60,
    }
